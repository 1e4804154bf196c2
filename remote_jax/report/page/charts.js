"use strict";
// All text of data enters the page as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function plot(place, { data: traces, layout }) {
  const styled = { ...layout, template: data.template };
  return Plotly.newPlot(place, traces, styled, { responsive: true, displaylogo: false });
}

// Charts are drawn when they come into sight.
function draw(place) {
  const name = place.dataset.chart;
  plot(place, data.charts[name]);
  if (name in data.links) place.on("plotly_click", (event) => zoomIn(data.links[name], event.points[0]));
}

const sight = new IntersectionObserver((seen) => {
  seen.filter((one) => one.isIntersecting).forEach((one) => {
    sight.unobserve(one.target);
    draw(one.target);
  });
}, { rootMargin: "300px" });

// Plotly is read once the rows are shown: that takes a second or two.
const { nonce } = document.currentScript;
const ready = new Promise((resolve) => {
  setTimeout(() => {
    const script = element("script", document.getElementById("plotly").textContent);
    script.nonce = nonce;
    document.body.append(script);
    resolve();
  }, 50);
});
ready.then(() => {
  document.querySelectorAll(".chart").forEach((place) => sight.observe(place));
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll(".chart:empty").forEach(draw);
  });
});

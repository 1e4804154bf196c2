"use strict";
// What the model made of a prediction: tables, charts to choose from, and weights over the picture.
function tableOf({ title, columns: names, rows }) {
  const made = element("table");
  made.append(element("caption", title));
  const head = element("tr");
  names.forEach((name) => head.append(element("th", name)));
  made.append(head);
  rows.forEach((values) => {
    const row = element("tr");
    values.forEach((value) => row.append(element("td", value)));
    made.append(row);
  });
  const wide = element("div", undefined, "wide");
  wide.append(made);
  return wide;
}

function chooser(id, title, names, onChange) {
  const select = element("select");
  select.id = id;
  names.forEach((name, at) => select.append(new Option(name, at)));
  select.addEventListener("change", () => onChange(Number(select.value)));
  const label = element("label", title);
  label.append(select);
  return label;
}

// A part of a picture, by its edges as shares of it.
function placed([left, top, end, bottom], className) {
  const made = element("div", undefined, className);
  const sides = { left, top, width: end - left, height: bottom - top };
  Object.entries(sides).forEach(([side, share]) => { made.style[side] = `${100 * share}%`; });
  return made;
}

function overlay(frame, cells) {
  frame.querySelectorAll(".cell").forEach((cell_) => cell_.remove());
  const sums = new Map();
  cells.forEach(([box, weight]) => {
    const key = box.join(" ");
    sums.set(key, [box, (sums.get(key)?.[1] ?? 0) + weight]);
  });
  const most = Math.max(...[...sums.values()].map(([, weight]) => weight), 1e-12);
  sums.forEach(([box, weight]) => {
    const made = placed(box, "cell");
    made.style.opacity = 0.75 * (weight / most);
    made.title = weight.toFixed(5);
    frame.append(made);
  });
}

function explain(i, place) {
  const one = data.browser.explained[data.browser.explanation[i]];
  if (!one) return;
  const frame = place.querySelector(".picture");
  if (frame && one.overlays.length) {
    const names = ["nothing", ...one.overlays.map(({ title, name }) => `${title}, ${name}`)];
    const show_ = (at) => overlay(frame, at ? one.overlays[at - 1].cells : []);
    frame.after(chooser("overlays", "Over the picture", names, show_));
  }
  one.tables.forEach((table) => place.append(tableOf(table)));
  if (!one.charts.length) return;
  const figure = element("figure", undefined, "explained");
  const draw_ = (at) => ready.then(() => plot(figure, one.charts[at]));
  const names = one.charts.map(({ name }) => name);
  place.append(chooser("explained", "What the model made of it", names, draw_), figure);
  draw_(0);
}

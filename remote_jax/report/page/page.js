// The predictions, below the charts of charts.js.
const PAGE = 50;
const { columns, right, confidence, posts, post, marks, objects, weights } = data.browser;
const { explained, explanation } = data.browser;
const total = right.length;

// Filters: a list for each column with choices, right or wrong, words, and how sure.
const filters = document.getElementById("filters");
const lists = [];

function list(title, values) {
  const select = element("select");
  select.append(new Option("all", ""));
  values.forEach((value) => select.append(new Option(value, value)));
  const label = element("label", title);
  label.append(select);
  filters.append(label);
  return select;
}

columns.forEach((column, index) => {
  if (!column.choices) return;
  const values = [...new Set(column.values.map(String))].sort();
  const select = list(column.name, values);
  select.id = `filter-${index}`;
  lists.push([index, select]);
});
const verdict = list("verdict", ["right", "wrong"]);
verdict.id = "filter-verdict";
const seen = explained.length ? list("explained", ["yes"]) : null;
if (seen) seen.id = "filter-explained";
const words = element("input");
words.type = "search";
words.id = "filter-words";
const wordsLabel = element("label", "contains");
wordsLabel.append(words);
filters.append(wordsLabel);
const sure = element("input");
sure.type = "range";
sure.id = "filter-sure";
Object.assign(sure, { min: 0, max: 1, step: 0.01, defaultValue: 0, value: 0 });
if (confidence) {
  const label = element("label", "confidence at least ");
  const shown = element("output", "0");
  sure.addEventListener("input", () => { shown.textContent = sure.value; });
  label.append(shown, sure);
  filters.append(label);
}
filters.addEventListener("submit", (event) => event.preventDefault());

// What a row is searched by, made when it is first asked for.
let texts = null;
function contains(row, wanted) {
  texts ??= right.map((_, i) =>
    [...columns.map((column) => column.values[i]), ...posts[post[i]].words].join(" ").toLowerCase());
  return texts[row].includes(wanted);
}

let kept = [];
let cellOf = null; // what a cell of a matrix counts, until a filter is touched
let first = 0;
let sorted = { index: -1, down: false };

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return typeof a === "number" ? a - b : String(a).localeCompare(String(b));
}

// A second click turns the order round. What has no value comes last.
function sortBy(index) {
  sorted = { index, down: sorted.index === index && !sorted.down };
  [...heads.children].forEach((head, at) => {
    if (at === index + 1) head.ariaSort = sorted.down ? "descending" : "ascending";
    else head.ariaSort = null;
  });
  filter();
}

function filter() {
  const chosen = lists.filter(([, select]) => select.value !== "");
  const wanted = words.value.trim().toLowerCase();
  const least = confidence ? Number(sure.value) : 0;
  kept = [];
  for (let i = 0; i < total; i += 1) {
    if (!chosen.every(([index, select]) => String(columns[index].values[i]) === select.value)) continue;
    if (verdict.value && right[i] !== (verdict.value === "right")) continue;
    if (seen?.value && explanation[i] < 0) continue;
    if (confidence && confidence[i] !== null && confidence[i] < least) continue;
    if (cellOf && !cellOf.every(([index, value]) => String(columns[index].values[i]) === value)) continue;
    if (wanted && !contains(i, wanted)) continue;
    kept.push(i);
  }
  if (sorted.index >= 0) {
    const { values } = columns[sorted.index];
    const missing = (i) => values[i] === null;
    kept.sort((a, b) => (sorted.down && !missing(a) && !missing(b) ? -1 : 1) * compare(values[a], values[b]));
  }
  first = 0;
  show();
}

const body = document.querySelector("#rows tbody");
const heads = element("tr");
heads.append(element("th", ""));
columns.forEach((column, index) => {
  const head = element("th");
  head.scope = "col";
  const button = element("button", column.name);
  button.type = "button";
  button.addEventListener("click", () => sortBy(index));
  head.append(button);
  heads.append(head);
});
document.querySelector("#rows thead").append(heads);
const previous = document.getElementById("previous");
const next = document.getElementById("next");

function cell(value) {
  if (value === null) return "";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return value.toFixed(4);
}

function show() {
  const page = kept.slice(first, first + PAGE);
  const correct = kept.filter((i) => right[i]).length;
  const share = kept.length ? ` ${((100 * correct) / kept.length).toFixed(1)} % of them are right.` : "";
  const range = page.length ? ` Shown: ${first + 1} to ${first + page.length}.` : "";
  document.getElementById("count").textContent =
    `${kept.length.toLocaleString("en")} of ${total.toLocaleString("en")} predictions.${share}${range}`;
  body.replaceChildren(...page.map((i) => {
    const row = element("tr", undefined, right[i] ? "right" : "wrong");
    row.tabIndex = 0;
    row.dataset.row = i;
    row.append(element("td", right[i] ? "✓" : "✗"));
    columns.forEach((column) => {
      const value = column.values[i];
      row.append(element("td", cell(value), typeof value === "number" ? "number" : ""));
    });
    return row;
  }));
  previous.disabled = first === 0;
  next.disabled = first + PAGE >= kept.length;
}

// A word may be of both ends: each run of words with the same ends has a mark of its own.
function sentence(words_, spans) {
  const line = element("p");
  const ends = words_.map((_, at) =>
    ["head", "tail"].filter((end) => spans.some(([a, b, kind]) => kind === end && a <= at && at < b)).join(" "));
  for (let at = 0, to; at < words_.length; at = to) {
    to = at + 1;
    while (to < words_.length && ends[to] === ends[at]) to += 1;
    const text = words_.slice(at, to).join(" ");
    line.append(ends[at] ? element("mark", text, ends[at]) : text, " ");
  }
  return line;
}

function picture(one, ends) {
  const frame = element("div", undefined, "picture");
  const image = element("img");
  image.src = one.picture;
  image.alt = "The picture of the post";
  frame.append(image);
  one.boxes.forEach((edges, number) => {
    const box = placed(edges, ends.includes(number) ? "box chosen" : "box");
    box.append(element("span", number));
    box.title = `object ${number}`;
    box.addEventListener("click", () => box.classList.toggle("chosen"));
    frame.append(box);
  });
  return frame;
}

function bars(one, values) {
  const place = element("figure", undefined, "weights");
  document.getElementById("post").append(place);
  const trace = { type: "bar", orientation: "h", x: values, y: one.names.slice(0, values.length) };
  const layout = {
    title: { text: one.title, font: { size: 13 } },
    margin: { l: 110, r: 10, t: 35, b: 25 },
    height: 80 + 17 * values.length,
    yaxis: { autorange: "reversed", type: "category" },
  };
  Plotly.newPlot(place, [trace], layout, { responsive: true, displayModeBar: false });
}

let chosen = -1;

function choose(i) {
  chosen = i;
  const one = posts[post[i]];
  const parts = [];
  if (one.picture) parts.push(picture(one, objects[i] ?? []));
  if (one.words.length) parts.push(sentence(one.words, marks[i] ?? []));
  one.lines.forEach((line) => parts.push(element("p", line)));
  const facts = element("table");
  columns.forEach((column) => {
    const row = element("tr");
    row.append(element("th", column.name), element("td", cell(column.values[i])));
    facts.append(row);
  });
  parts.push(facts);
  const place = document.getElementById("post");
  place.replaceChildren(...parts);
  explain(i, place);
  ready.then(() => {
    if (chosen === i) weights.filter((one) => one.values[i].length).forEach((one) => bars(one, one.values[i]));
  });
  body.querySelectorAll(".chosen").forEach((row) => row.classList.remove("chosen"));
  body.querySelector(`[data-row="${i}"]`)?.classList.add("chosen");
}

function asked(event) {
  const row = event.target.closest("tr");
  if (row) choose(Number(row.dataset.row));
}
body.addEventListener("click", asked);
body.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  asked(event);
});
previous.addEventListener("click", () => { first -= PAGE; show(); });
next.addEventListener("click", () => { first += PAGE; show(); });
filters.addEventListener("input", () => { cellOf = null; filter(); });

// A click on a cell of a matrix shows what it counts, whatever was filtered before.
function zoomIn(link, point) {
  filters.reset();
  filters.querySelectorAll("output").forEach((shown) => { shown.textContent = "0"; });
  const [row, column] = point.pointIndex;
  const values = [link.rows[row], link.columns[column]];
  cellOf = link.filters.map((name, side) => [columns.findIndex((one) => one.name === name), values[side]]);
  for (const [index, value] of cellOf) {
    const [, select] = lists.find(([number]) => number === index);
    if ([...select.options].some((option) => option.value === value)) select.value = value;
  }
  filter();
  document.getElementById("predictions").scrollIntoView();
}

filter();

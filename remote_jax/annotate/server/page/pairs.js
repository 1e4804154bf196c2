// The pairs of a post, and the relations that the chosen one can have.
import { element, item } from "./labels.js";

// Every two ends: entities in the order of the sentence, then objects.
export function pairsOf(post) {
  const place = ([name, end]) => (end.span ? [0, end.span[0], end.span[1], name] : [1, 0, 0, name]);
  const names = Object.entries(post.ends).map((one) => [place(one), one[0]])
    .sort(([a], [b]) => {
      const at = a.findIndex((value, index) => value !== b[index]);
      if (at < 0) return 0;
      return typeof a[at] === "number" ? a[at] - b[at] : a[at].localeCompare(b[at], "en", { numeric: true });
    }).map(([, name]) => name);
  return names.flatMap((one, at) => names.slice(at + 1).map((other) => [one, other]));
}

export class Pairs {
  constructor(list, palette, page) {
    Object.assign(this, { list, palette, page, at: 0, typed: "", entries: [] });
    list.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (row) this.go([...list.children].indexOf(row));
    });
    palette.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (row) this.label(this.entries[[...palette.children].indexOf(row)]);
    });
  }

  get pairs() {
    return this.page.labels.post ? pairsOf(this.page.labels.post) : [];
  }

  open(pair) {
    return !this.page.labels.post.relations[item(...pair)];
  }

  // Head and tail of the pair that is chosen, as it is labelled.
  current() {
    const pair = this.pairs[this.at];
    if (!pair) return {};
    const label = this.page.labels.post.relations[item(...pair)];
    return label ?? { head: pair[0], tail: pair[1] };
  }

  go(at) {
    this.at = Math.min(Math.max(at, 0), Math.max(this.pairs.length - 1, 0));
    this.typed = "";
    this.page.draw();
  }

  // The next pair without a label, from the one that is chosen, those that people dispute first;
  // stays where there is none.
  forward() {
    const { pairs } = this;
    const rest = pairs.map((_, number) => (this.at + 1 + number) % pairs.length);
    const open = rest.filter((number) => this.open(pairs[number]));
    const { opinions } = this.page.labels.post;
    this.go(open.find((number) => opinions[item(...pairs[number])]) ?? open[0] ?? this.at);
  }

  // What the palette offers, the likeliest first: what people or the model say, then what fits.
  offered() {
    const { post, task } = this.page.labels;
    const pair = this.pairs[this.at];
    if (!pair) return [];
    const key = item(...pair);
    const found = [];
    for (const [by, one] of Object.entries(post.opinions[key] ?? {})) {
      const same = found.find((other) => other.relation === one.relation && other.head === one.head);
      if (same) same.by.push(by);
      else found.push({ ...one, by: [by], likely: this.open(pair) });
    }
    const suggested = post.suggestions[key];
    if (suggested) {
      const by = [`model, ${Math.round(100 * suggested.probability)} %`];
      found.push({ ...suggested, by, likely: this.open(pair), model: true });
    }
    const known = task.relations.slice(1).map(({ name, types }) => this.directed(pair, name, types));
    return [...found, ...known.filter((one) => one.fits), ...known.filter((one) => !one.fits)]
      .filter((one) => matches(one.relation, this.typed));
  }

  // A relation between the ends of a pair, in the direction that their types ask for.
  directed([one, other], relation, types) {
    const { ends } = this.page.labels.post;
    const fits = (head, tail) => !types || [head, tail].every((end, side) => {
      const { type } = ends[end];
      return !type || type === types[side];
    });
    const back = !fits(one, other) && fits(other, one);
    const [head, tail] = back ? [other, one] : [one, other];
    return { head, tail, relation, by: [], fits: back || fits(one, other) };
  }

  label(entry) {
    const pair = this.pairs[this.at];
    if (!pair || !entry) return;
    const { head, tail, relation } = entry;
    this.page.labels.change({ [item(...pair)]: { head, tail, relation } });
    this.forward();
  }

  none(pairs) {
    const relation = this.page.labels.task.relations[0].name;
    const values = pairs.map(([head, tail]) => [item(head, tail), { head, tail, relation }]);
    if (!values.length) return;
    this.page.labels.change(Object.fromEntries(values));
    this.forward();
  }

  turn() {
    const { head, tail, relation } = this.current();
    if (relation) this.page.labels.change({ [item(head, tail)]: { head: tail, tail: head, relation } });
  }

  clear() {
    const { head, tail, relation } = this.current();
    if (relation) this.page.labels.change({ [item(head, tail)]: null });
  }

  type(letter) {
    this.typed = letter === null ? this.typed.slice(0, -1) : this.typed + letter;
    this.offer();
  }

  draw() {
    const { post } = this.page.labels;
    const { pairs } = this;
    this.at = Math.min(this.at, Math.max(pairs.length - 1, 0));
    const missing = pairs.filter((pair) => this.open(pair)).length;
    document.getElementById("todo").textContent = pairs.length
      ? `${pairs.length - missing} of ${pairs.length} pairs are labelled.` : "A pair needs two entities or boxes.";
    this.list.replaceChildren(...pairs.map((pair, number) => this.row(pair, number, post)));
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
    this.offer();
  }

  // The palette.
  offer() {
    document.getElementById("filter").textContent = this.typed;
    this.entries = this.offered();
    this.palette.replaceChildren(...this.entries.map((one, number) => {
      const row = element("li");
      if (number < 9) row.append(element("kbd", number + 1), " ");
      row.append(this.text(one, this.pairs[this.at]));
      if (one.by.length) row.append(element("span", ` ${one.by.join(", ")}`, one.model ? "model" : ""));
      if (!one.fits && !one.by.length) row.classList.add("unfit");
      return row;
    }));
  }

  // A label, with an arrow where it goes from the second end to the first.
  text({ head, relation }, [first]) {
    const { symmetric } = this.page.labels.task.relations.find((one) => one.name === relation) ?? {};
    const none = relation === this.page.labels.task.relations[0].name;
    return `${head !== first && !none && !symmetric ? "← " : ""}${relation}`;
  }

  row(pair, number, post) {
    const row = element("li", undefined, number === this.at ? "current" : "");
    const line = element("div", undefined, "ends");
    const label = post.relations[item(...pair)];
    line.append(
      element("span", this.page.name(pair[0]), label && label.head !== pair[0] ? "tail" : "head"), " — ",
      element("span", this.page.name(pair[1]), label && label.head !== pair[0] ? "head" : "tail"),
    );
    const shown = element("div", label ? this.text(label, pair) : "no label yet", "label");
    shown.classList.toggle("open", !label);
    shown.classList.toggle("waiting", Boolean(label?.waiting));
    row.append(line, shown);
    for (const [by, one] of Object.entries(post.opinions[item(...pair)] ?? {})) {
      row.append(element("span", `${by}: ${this.text(one, pair)}`, label ? "said" : "said disputed"));
    }
    const suggested = post.suggestions[item(...pair)];
    if (suggested && !label) row.append(element("span", `model: ${this.text(suggested, pair)}`, "said model"));
    return row;
  }
}

// Whether a relation has the letters that were typed in a row.
function matches(relation, typed) {
  return relation.toLowerCase().includes(typed.toLowerCase());
}

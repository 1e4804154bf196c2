// The page: one post at a time, its picture, its words, its pairs, and the keys.
import { element, Labels, visible } from "./labels.js";
import { Pairs } from "./pairs.js";
import { Picture } from "./picture.js";
import { Sentence } from "./sentence.js";

const get = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.chosen = null;
    this.labels = new Labels((...told) => this.told(...told), () => this.draw());
    this.pairs = new Pairs(get("list"), get("palette"), this);
    this.sentence = new Sentence(get("sentence"), this);
    this.picture = new Picture(get("picture"), this);
    get("previous").addEventListener("click", () => this.go(this.place - 1));
    get("next").addEventListener("click", () => this.go(this.place + 1));
    get("open").addEventListener("click", () => this.forward());
    get("undo").addEventListener("click", (event) => { event.target.blur(); this.labels.undo(); });
    get("place").addEventListener("change", (event) => this.go(Number(event.target.value) - 1));
    // Enter ends what is typed into a field, so that keys label pairs again.
    document.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches?.("input")) event.target.blur();
    }, true);
    get("selected").addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("hashchange", () => this.go(Number(location.hash.slice(1)) - 1));
    window.addEventListener("beforeunload", (event) => {
      if (this.labels.queue.length) event.preventDefault();
    });
  }

  async start() {
    await this.labels.start();
    const { person, adjudicates, guidelines, posts } = this.labels.task;
    get("who").textContent = adjudicates ? `${person} decides` : `${person} labels`;
    get("guide").hidden = !guidelines;
    get("guidelines").innerHTML = guidelines; // the server has made it, without markup of theirs
    const texts = document.createTreeWalker(get("guidelines"), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const lines = texts.currentNode.data.split("\n");
      texts.currentNode.data = lines.map(visible).join("\n");
    }
    get("place").max = posts.length;
    get("count").textContent = `of ${posts.length.toLocaleString("en")}`;
    const asked = Number(location.hash.slice(1)) - 1;
    await this.go(asked >= 0 && asked < posts.length ? asked : Math.max(this.first(0), 0));
  }

  // The first post from a place on with pairs that have no label; -1 if there is none.
  first(from) {
    const { posts } = this.labels.task;
    const order = posts.map((_, number) => (from + number) % posts.length);
    return order.find((number) => posts[number][0] < posts[number][1]) ?? -1;
  }

  forward() {
    const next = this.first(this.place + 1);
    if (next >= 0) this.go(next);
  }

  async go(place) {
    const { posts } = this.labels.task;
    if (!Number.isInteger(place) || place < 0 || place >= posts.length || place === this.place) return;
    this.place = place;
    this.chosen = null;
    Object.assign(this.pairs, { at: -1, typed: "" });
    get("place").value = place + 1;
    history.replaceState(null, "", `#${place + 1}`);
    this.trouble("");
    await this.labels.open(place);
    document.activeElement?.blur();
    this.pairs.forward();
  }

  current() {
    return this.pairs.current();
  }

  // Ends that somebody else has, or a model found, and this person has not.
  offers() {
    const { offers, ends } = this.labels.post;
    return offers.filter((one) => !ends[one.item]);
  }

  choose(name) {
    this.chosen = name;
    this.draw();
  }

  name(end) {
    const { post } = this.labels;
    const value = post.ends[end];
    if (!value.span) return value.caption ? `▢ ${value.caption}` : `▢ ${this.number(end)}`;
    return post.words.filter(([start, stop]) => value.span[0] <= start && stop <= value.span[1])
      .map(([, , word, gap], at, all) => word + (at + 1 < all.length ? gap : "")).join("");
  }

  // Boxes without a caption are numbered.
  number(end) {
    return Object.entries(this.labels.post.ends).filter(([, one]) => one.box).findIndex(([name]) => name === end);
  }

  told(waiting, trouble) {
    get("saved").textContent = waiting ? `${waiting} not saved yet` : "Everything is saved";
    get("saved").classList.toggle("waiting", waiting > 0);
    if (trouble || this.telling) this.trouble(trouble);
    this.telling = Boolean(trouble);
  }

  trouble(text) {
    get("error").hidden = !text;
    get("error").textContent = visible(text);
  }

  draw() {
    const { post, task } = this.labels;
    if (!post) return;
    get("name").textContent = visible(post.id);
    get("undo").disabled = !post.undoable;
    this.sentence.draw();
    this.picture.draw();
    this.pairs.draw();
    this.form();
    const totals = task.posts.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
    get("progress").value = totals[1] ? totals[0] / totals[1] : 0;
    get("progress").title = `${totals[0]} of ${totals[1]} pairs`;
  }

  // What can be said of the end that is chosen.
  form() {
    const place = get("selected");
    const { post, task } = this.labels;
    const own = post.ends[this.chosen];
    const offers = this.offers().filter((one) => one.item === this.chosen);
    place.hidden = !own && !offers.length;
    if (place.hidden || place.contains(document.activeElement)) return;
    place.replaceChildren();
    for (const one of offers) {
      const button = element("button", `Accept what ${one.by} has${one.value.type ? `: ${one.value.type}` : ""}`);
      button.type = "button";
      button.addEventListener("click", () => this.labels.change({ [one.item]: one.value }));
      place.append(button);
    }
    if (!own) return;
    const change = (values) => {
      const { waiting, ...before } = this.labels.post.ends[this.chosen];
      this.labels.change({ [this.chosen]: { ...before, ...values } });
    };
    const types = element("select");
    types.append(...["", ...task.types].map((type) => new Option(type || "no type", type)));
    types.value = own.type;
    types.addEventListener("change", () => { types.blur(); change({ type: types.value }); });
    place.append(labelled("type", types));
    if (own.box) {
      const caption = element("input");
      caption.value = own.caption;
      caption.addEventListener("change", () => change({ caption: caption.value }));
      place.append(labelled("caption", caption));
    }
    const away = element("button", "Take away");
    away.type = "button";
    away.addEventListener("click", () => this.remove());
    place.append(away);
  }

  remove() {
    const gone = this.chosen;
    this.chosen = null;
    document.activeElement?.blur();
    this.labels.change({ [gone]: null });
  }

  key(event) {
    if (event.target.closest?.("input, select, textarea") || !this.labels.post) return;
    const pressed = event.target.closest?.("button, summary") && ["Enter", " "].includes(event.key);
    const act = pressed ? null : this.action(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  // What a key does; null for one that does nothing.
  action(event) {
    const { key } = event;
    const { pairs } = this;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") return () => this.labels.undo();
      if (key === "Enter") return () => pairs.none(pairs.pairs.filter((pair) => pairs.open(pair)));
      return null;
    }
    if (event.altKey) return null;
    if (/^[1-9]$/.test(key)) return () => pairs.label(pairs.entries[Number(key) - 1]);
    if (/^[\p{L}_/]$/u.test(key)) return () => pairs.type(key);
    return {
      0: () => pairs.none(pairs.pairs.slice(pairs.at, pairs.at + 1)),
      ArrowUp: () => pairs.go(pairs.at - 1),
      ArrowDown: () => pairs.go(pairs.at + 1),
      ArrowLeft: () => this.go(this.place - 1),
      ArrowRight: () => this.go(this.place + 1),
      PageDown: () => this.forward(),
      Enter: () => { if (pairs.typed || pairs.entries[0]?.likely) pairs.label(pairs.entries[0]); },
      " ": () => pairs.turn(),
      Backspace: () => pairs.type(null),
      Delete: () => (this.labels.post.ends[this.chosen] ? this.remove() : pairs.clear()),
      Escape: () => { pairs.typed = ""; this.choose(null); },
    }[key] ?? null;
  }
}

function labelled(text, control) {
  const label = element("label", `${text} `);
  label.append(control);
  return label;
}

const page = new Page();
page.start().catch((error) => page.trouble(error.message));

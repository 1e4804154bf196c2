// The picture of a post: boxes are drawn, moved and resized with the pointer, or with the keyboard
// once they are chosen (arrows move, with Shift they resize).
import { element, random } from "./labels.js";

const STEP = 0.01;
const LEAST = 0.005; // of a side: less is a click
const clip = (value) => Math.min(1, Math.max(0, value));

export class Picture {
  constructor(place, page) {
    Object.assign(this, { place, page, shown: null, drag: null });
    place.addEventListener("pointerdown", (event) => this.start(event));
    window.addEventListener("pointermove", (event) => this.move(event));
    window.addEventListener("pointerup", () => this.end());
    place.addEventListener("keydown", (event) => this.key(event));
  }

  draw() {
    const { post } = this.page.labels;
    this.place.hidden = !post.picture;
    if (!post.picture) return;
    if (this.shown !== post.place) {
      this.shown = post.place;
      const image = element("img");
      image.alt = "The picture of the post";
      image.draggable = false;
      image.addEventListener("error", () => this.explain(post.place));
      image.src = `api/posts/${post.place}/picture`;
      this.place.replaceChildren(image);
    }
    const { head, tail } = this.page.current();
    const focused = document.activeElement?.dataset?.box;
    this.place.querySelectorAll(".box").forEach((box) => box.remove());
    for (const one of this.page.offers()) {
      if (one.value.box) this.add(one.item, one.value.box, one.by, "offer");
    }
    for (const [item, value] of Object.entries(post.ends)) {
      if (!value.box) continue;
      const classes = [item === head && "head", item === tail && "tail"].filter(Boolean);
      const box = this.add(item, value.box, this.page.name(item), ...classes);
      if (item === this.page.chosen) {
        for (const corner of ["lt", "rt", "lb", "rb"]) {
          const handle = element("div", undefined, "corner");
          handle.dataset.corner = corner;
          box.append(handle);
        }
      }
      if (focused === item) box.focus();
    }
  }

  async explain(place) {
    const answer = await fetch(`api/posts/${place}/picture`).catch(() => null);
    const found = answer && !answer.ok ? (await answer.json()).error : "";
    this.page.trouble(`The picture cannot be shown: ${found}`);
  }

  add(item, edges, name, ...classes) {
    const box = element("div", undefined, "box");
    box.classList.add(...classes);
    box.classList.toggle("chosen", item === this.page.chosen);
    box.dataset.box = item;
    box.tabIndex = 0;
    box.append(element("span", name));
    this.put(box, edges);
    this.place.append(box);
    return box;
  }

  put(box, [left, top, right, bottom]) {
    Object.assign(box.style, {
      left: `${100 * left}%`, top: `${100 * top}%`,
      width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
    });
  }

  at(event) {
    const area = this.place.getBoundingClientRect();
    return [clip((event.clientX - area.left) / area.width), clip((event.clientY - area.top) / area.height)];
  }

  start(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const box = event.target.closest(".box");
    const item = box?.dataset.box;
    const own = item && this.page.labels.post.ends[item];
    if (item) this.page.choose(item);
    if (item && !own) return;
    this.drag = { item, from: this.at(event), edges: own?.box, corner: event.target.dataset.corner };
    this.drag.now = own?.box ?? null;
  }

  move(event) {
    if (!this.drag) return;
    const { from, edges, corner, item } = this.drag;
    const [x, y] = this.at(event);
    if (!item) this.drag.now = [Math.min(from[0], x), Math.min(from[1], y), Math.max(from[0], x), Math.max(from[1], y)];
    else if (corner) this.drag.now = resized(edges, corner, [x, y]);
    else this.drag.now = moved(edges, x - from[0], y - from[1]);
    let box = [...this.place.querySelectorAll(".box")].find((one) => one.dataset.box === (item ?? ""));
    box ??= this.add("", this.drag.now, "");
    this.put(box, this.drag.now);
  }

  end() {
    if (!this.drag) return;
    const { item, now, edges } = this.drag;
    this.drag = null;
    if (!now || now[2] - now[0] < LEAST || now[3] - now[1] < LEAST) {
      if (!item) this.page.choose(null);
      return;
    }
    if (item && now.every((edge, side) => edge === edges[side])) return;
    const name = item ?? `o${random()}`;
    const { waiting, ...before } = this.page.labels.post.ends[name] ?? { type: "", caption: "" };
    this.page.labels.change({ [name]: { ...before, box: now } });
    this.page.choose(name);
  }

  key(event) {
    const item = event.target.dataset?.box;
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    const own = item && this.page.labels.post.ends[item];
    if (!by || !own) return;
    event.preventDefault();
    event.stopPropagation();
    const { waiting, ...before } = own;
    const [left, top, right, bottom] = own.box;
    const box = event.shiftKey
      ? [left, top, Math.max(left + STEP, clip(right + by[0])), Math.max(top + STEP, clip(bottom + by[1]))]
      : moved(own.box, ...by);
    if (box[2] <= 1 && box[3] <= 1) this.page.labels.change({ [item]: { ...before, box } });
  }
}

function moved([left, top, right, bottom], x, y) {
  const across = Math.min(1 - right, Math.max(-left, x));
  const down = Math.min(1 - bottom, Math.max(-top, y));
  return [left + across, top + down, right + across, bottom + down];
}

function resized([left, top, right, bottom], corner, [x, y]) {
  const [a, b] = corner[0] === "l" ? [x, right] : [left, x];
  const [c, d] = corner[1] === "t" ? [y, bottom] : [top, y];
  return [Math.min(a, b), Math.min(c, d), Math.max(a, b), Math.max(c, d)];
}

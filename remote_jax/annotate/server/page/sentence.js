// The words of a post: entities are marked, and made by dragging over words.
import { element, random } from "./labels.js";

export class Sentence {
  constructor(place, page) {
    Object.assign(this, { place, page, words: [], from: -1 });
    place.addEventListener("pointerdown", (event) => this.start(event));
    place.addEventListener("pointerover", (event) => this.drag(event));
    window.addEventListener("pointerup", (event) => this.end(event));
  }

  draw() {
    const { post } = this.page.labels;
    const { head, tail } = this.page.current();
    this.place.replaceChildren(...post.words.flatMap(([start, end, text, gap], number) => {
      const word = element("span", text, "word");
      word.dataset.word = number;
      const inside = (span) => span[0] <= start && end <= span[1];
      for (const [item, value] of Object.entries(post.ends)) {
        if (!value.span || !inside(value.span)) continue;
        word.classList.add("entity");
        if (item === head) word.classList.add("head");
        if (item === tail) word.classList.add("tail");
        if (item === this.page.chosen) word.classList.add("chosen");
      }
      const offered = this.page.offers().some((one) => one.value.span && inside(one.value.span));
      if (offered) word.classList.add("offer");
      return [word, element("span", gap)];
    }));
  }

  word(event) {
    const word = event.target.closest?.(".word");
    return word && this.place.contains(word) ? Number(word.dataset.word) : -1;
  }

  start(event) {
    this.from = this.word(event);
    this.to = this.from;
  }

  drag(event) {
    const to = this.word(event);
    if (this.from < 0 || to < 0) return;
    this.to = to;
    const [first, last] = [this.from, this.to].sort((a, b) => a - b);
    for (const word of this.place.querySelectorAll(".word")) {
      const at = Number(word.dataset.word);
      word.classList.toggle("dragged", first <= at && at <= last && first < last);
    }
  }

  end(event) {
    if (this.from < 0) return;
    const [first, last] = [this.from, this.to].sort((a, b) => a - b);
    this.from = -1;
    const { words } = this.page.labels.post;
    const found = first === last && !event.shiftKey ? this.at(words[first]) : null;
    if (found) {
      this.page.choose(found);
      return;
    }
    const name = `e${random()}`;
    this.page.labels.change({ [name]: { span: [words[first][0], words[last][1]], type: "" } });
    this.page.choose(name);
  }

  // The shortest entity, or offer of one, that has a word.
  at([start, end]) {
    const ends = [...Object.entries(this.page.labels.post.ends),
      ...this.page.offers().map((one) => [one.item, one.value])];
    const has = ends.filter(([, value]) => value.span && value.span[0] <= start && end <= value.span[1]);
    has.sort(([, a], [, b]) => a.span[1] - a.span[0] - (b.span[1] - b.span[0]));
    return has.length ? has[0][0] : null;
  }
}

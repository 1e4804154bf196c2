// What is labelled, and sending it: changes go to the server one after the other, and what it
// answers is what is shown.

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = visible(String(text));
  if (className) made.className = className;
  return made;
}

// Control characters, and those that turn the direction of text, as signs that can be seen.
export function visible(text) {
  return text.replace(/[\u0000-\u001f]/g, (one) => (one === "\n" || one === "\t" ? " "
    : String.fromCodePoint(0x2400 + one.codePointAt(0))))
    .replace(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
      (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

export function random() {
  return [...crypto.getRandomValues(new Uint8Array(8))]
    .map((one) => one.toString(36).padStart(2, "0")).join("");
}

export function item(one, other) {
  return [one, other].sort().join(" ");
}

const RETRY = 1000;

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const answer = await fetch(`api/${path}`, options);
  const found = await answer.json();
  if (!answer.ok) throw new Refusal(found.error ?? answer.statusText);
  return found;
}

class Refusal extends Error {}

function pause(time) {
  return new Promise((done) => { setTimeout(done, time); });
}

// The labels of the post that is shown. `tell` is called with what is not saved yet, and a trouble.
export class Labels {
  constructor(tell, draw) {
    Object.assign(this, { tell, draw, task: null, post: null, queue: [], sending: false });
  }

  async start() {
    this.task = await this.patiently(() => ask("task"));
  }

  async open(place) {
    this.post = null;
    const post = await this.patiently(() => ask(`posts/${place}`));
    this.post = post;
    this.count();
    this.draw();
  }

  // What a request answers; it is made again as long as there is no server.
  async patiently(request) {
    for (;;) {
      try {
        const found = await request();
        this.tell(this.queue.length, "");
        return found;
      } catch (error) {
        if (error instanceof Refusal) throw error;
        this.tell(this.queue.length, "The server does not answer; trying again.");
        await pause(RETRY);
      }
    }
  }

  // Shows changes at once, and sends them. Values by item; null takes an item away.
  change(values) {
    for (const [name, value] of Object.entries(values)) {
      const kind = name.includes(" ") ? this.post.relations : this.post.ends;
      if (value === null) delete kind[name];
      else kind[name] = { ...value, waiting: true };
      if (value === null && kind === this.post.ends) {
        for (const pair of Object.keys(this.post.relations)) {
          if (pair.split(" ").includes(name)) delete this.post.relations[pair];
        }
      }
    }
    const edits = Object.entries(values).map(([name, value]) => ({ item: name, value }));
    this.send({ batch: random(), values: edits });
    this.draw();
  }

  undo() {
    if (this.post?.undoable && !this.queue.length) {
      this.send({ batch: random(), undoes: this.post.undoable });
    }
  }

  send(body) {
    this.queue.push([this.post.place, body]);
    this.tell(this.queue.length, "");
    if (!this.sending) this.empty();
  }

  async empty() {
    this.sending = true;
    while (this.queue.length) {
      const [place, body] = this.queue[0];
      try {
        this.take(place, await this.patiently(() => ask(`posts/${place}`, body)), 1);
      } catch (error) {
        this.queue = [];
        await this.open(place);
        this.tell(0, error.message);
        break;
      }
    }
    this.sending = false;
  }

  take(place, post) {
    this.queue.shift();
    if (this.post?.place === place && !this.queue.length) {
      this.post = post;
      this.count();
      this.draw();
    }
    this.tell(this.queue.length, "");
  }

  count() {
    const { ends, relations, place } = this.post;
    const number = Object.keys(ends).length;
    this.task.posts[place] = [Object.keys(relations).length, (number * (number - 1)) / 2];
  }
}

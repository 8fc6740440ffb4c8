// Deeds whose outcome somebody waits for. Each is answered, if only by the clock.

const TOO_LATE = 20000; // ms

export class Deeds {
  // `ended` is called after each; `said` with what went wrong, unless the deed has an `ill` of its own.
  constructor(kernel, ended, said) {
    Object.assign(this, { kernel, ended, said });
    this.waiting = new Map();
  }

  act(message, { well, ill } = {}) {
    const deed = Math.random().toString(36).slice(2);
    this.said("");
    const late = setTimeout(() => {
      this.kernel.quiet();
      this.done({ deed, error: "The kernel does not answer: is it running, and not busy with a cell?" });
    }, TOO_LATE);
    this.waiting.set(deed, { well, ill, late });
    this.kernel.send({ ...message, deed });
  }

  done({ deed, error }) {
    const waiting = this.waiting.get(deed);
    if (!waiting) return;
    clearTimeout(waiting.late);
    this.waiting.delete(deed);
    this.ended();
    if (!error) waiting.well?.();
    else (waiting.ill ?? this.said)(error);
  }

  // Nobody answers any more.
  giveUp() {
    for (const deed of [...this.waiting.keys()]) this.done({ deed, error: "The kernel went away before it answered." });
  }

  drop() {
    for (const { late } of this.waiting.values()) clearTimeout(late);
  }
}

// Work in slices, so that the page stays alive however much comes at once.

const SLICE = 10; // ms of work between two chances for the page to react
const ROOM = 16000; // characters of plain text between them: to lay out what was made takes longer than to make it

class Turn {
  constructor() {
    this.until = performance.now() + SLICE;
    this.room = ROOM;
  }

  get over() {
    return this.room <= 0 || performance.now() > this.until;
  }
}

export class Work {
  // `done` is called whenever there is nothing left.
  constructor(done) {
    this.done = done;
    this.steps = [];
    this.waiting = null;
  }

  // A step answers true when it has to be called again, or a function that is called in its place until that does not.
  // It is given the turn: takes what it writes off its room, and stops when the turn is over.
  push(step) {
    this.steps.push(step);
  }

  run() {
    if (this.waiting === null) this.slice();
  }

  slice() {
    this.waiting = null;
    const turn = new Turn();
    let done = 0;
    while (done < this.steps.length) {
      let more = false;
      try {
        more = this.steps[done](turn);
      } catch (error) {
        console.error("agor_reactive: a part of the page could not be shown", error);
      }
      if (typeof more === "function") {
        this.steps[done] = more;
        continue;
      }
      if (more !== true) done += 1;
      if (turn.over) break;
    }
    this.steps.splice(0, done);
    if (this.steps.length) this.waiting = setTimeout(() => this.slice(), 0);
    else this.done();
  }

  stop() {
    clearTimeout(this.waiting);
  }
}

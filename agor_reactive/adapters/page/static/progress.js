// Runs work in slices, so that the page stays responsive however large an update is.

const SLICE = 10; // ms of work before the page may react
const ROOM = 16000; // characters of text in a slice: layout of text takes longer than making its elements

class Slice {
  constructor() {
    this.until = performance.now() + SLICE;
    this.room = ROOM;
  }

  get over() {
    return this.room <= 0 || performance.now() > this.until;
  }
}

export class Progress {
  // `done` is called whenever all steps are done.
  constructor(done) {
    this.done = done;
    this.steps = [];
    this.waiting = null;
  }

  // A step gets the slice: it subtracts what it writes from `room` and returns once `over`. It returns true to be called
  // again, or a function that replaces it.
  push(step) {
    this.steps.push(step);
  }

  run() {
    if (this.waiting === null) this.runSlice();
  }

  runSlice() {
    this.waiting = null;
    const slice = new Slice();
    let done = 0;
    while (done < this.steps.length) {
      let more = false;
      try {
        more = this.steps[done](slice);
      } catch (error) {
        console.error("agor_reactive: an update could not be shown", error);
      }
      if (typeof more === "function") {
        this.steps[done] = more;
        continue;
      }
      if (more !== true) done += 1;
      if (slice.over) break;
    }
    this.steps.splice(0, done);
    if (this.steps.length) this.waiting = setTimeout(() => this.runSlice(), 0);
    else this.done();
  }

  stop() {
    clearTimeout(this.waiting);
  }
}

// Actions sent to the host. Each ends with its answer or after a time limit.

const TIME_LIMIT = 20000; // ms

export class Actions {
  // `ended` is called after each action, `report` with its error unless the action has an `onError`.
  constructor(host, ended, report) {
    Object.assign(this, { host, ended, report });
    this.waiting = new Map();
  }

  act(message, { onSuccess, onError } = {}) {
    const action = Math.random().toString(36).slice(2);
    this.report("");
    const late = setTimeout(() => {
      this.host.quiet();
      this.done({ action, error: this.host.words.silent, passing: true });
    }, TIME_LIMIT);
    this.waiting.set(action, { onSuccess, onError, late });
    this.host.send({ ...message, action });
  }

  done({ action, error, passing }) {
    const waiting = this.waiting.get(action);
    if (!waiting) return;
    clearTimeout(waiting.late);
    this.waiting.delete(action);
    this.ended();
    if (!error) waiting.onSuccess?.();
    else (waiting.onError ?? this.report)(error, passing);
  }

  // Ends all actions: the host is gone.
  giveUp() {
    for (const action of [...this.waiting.keys()]) this.done({ action, error: this.host.words.unanswered });
  }

  drop() {
    for (const { late } of this.waiting.values()) clearTimeout(late);
  }
}

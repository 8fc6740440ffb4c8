// Which sessions of a table need attention: those that ask, and those that failed or finished since they were seen.

const works = ({ tone }) => tone === "busy" || tone === "warn";

export class Attention {
  constructor() {
    this.unseen = new Set();
  }

  // A row that was `before`.
  note(id, row, before = {}) {
    if (works(row)) this.unseen.delete(id);
    else if (before.tone !== row.tone && (row.tone === "bad" || works(before))) this.unseen.add(id);
  }

  see(id) {
    this.unseen.delete(id);
  }

  needs(id, row) {
    return row.tone === "warn" || this.unseen.has(id);
  }
}

// What was seen of the sessions of a list. Why a session may need attention, and since when, comes with its row, as
// `needs`: [[reason, at]], the most urgent first; `at` is null for a request, which has to be answered.

export class Attention {
  constructor() {
    this.seen = new Map();
    this.began = false;
  }

  // The first rows are here: what had finished before counts as seen, what had failed does not.
  begin(rows) {
    if (this.began) return;
    this.began = true;
    for (const [id, row] of rows) if (row.needs.every(([reason]) => reason === "finished")) this.see(id, row);
  }

  see(id, row) {
    for (const [, at] of row?.needs ?? []) this.seen.set(id, Math.max(at ?? 0, this.seen.get(id) ?? 0));
  }

  needs(id, { needs }) {
    return needs.some(([, at]) => at === null || at > (this.seen.get(id) ?? 0));
  }
}

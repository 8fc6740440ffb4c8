// Markdown that grows at its end: finished blocks are not touched again, only the last one is rebuilt.

import { blocks, divides } from "./blocks.js";
import { Code, FENCE } from "./code.js";
import { make } from "./dom.js";

const MOST_OF_A_BLOCK = 12000; // by weight; longer ones are split
const LONG = 20000; // characters; of longer texts only the visible part is laid out
const LONGEST_LINE = 4000; // characters; lines of twice as many are split
const MARKS = /[\\`*_~![<&|]/g;

// The cost of laying out a line, in characters of plain text.
function weight(line) {
  return 40 + line.length + 8 * (line.match(MARKS)?.length ?? 0);
}

export class Prose {
  constructor(parent) {
    this.root = make("div", "ag-prose");
    this.tail = make("div", "ag-tail");
    this.root.append(this.tail);
    parent.append(this.root);
    this.clear();
  }

  clear() {
    this.root.replaceChildren(this.tail);
    this.tail.replaceChildren();
    this.text = "";
    this.at = 0; // the start of the first line not yet read
    this.pending = []; // lines of the unfinished block
    this.size = 0;
    this.carried = 0; // how many of them repeat the heading of a split table
    this.code = null;
  }

  // The text from `keep` on (UTF-16 units) is now `more`. Call `work` afterwards.
  change(keep, more) {
    if (keep < this.text.length) {
      const kept = this.text.slice(0, keep);
      this.clear();
      this.text = kept;
    }
    this.text += more;
    this.root.classList.toggle("ag-long", this.text.length > LONG);
  }

  // Lays out until the slice is over; returns true if more is left.
  work(slice) {
    for (;;) {
      const from = this.at;
      const end = this.text.indexOf("\n", from);
      if ((end < 0 ? this.text.length : end) - from > 2 * LONGEST_LINE) this.piece();
      else if (end < 0) break;
      else {
        this.at = end + 1;
        this.line(this.text.slice(from, end));
      }
      slice.room -= weight(this.text.slice(from, this.at));
      if (slice.over) return true;
    }
    const rest = this.text.slice(this.at);
    slice.room -= rest.length + this.size;
    this.tail.replaceChildren();
    if (this.code) this.code.growing(rest);
    else blocks(rest && !FENCE.test(rest) ? [...this.pending, rest] : this.pending, this.tail);
    return false;
  }

  // The beginning of a line that is too long.
  piece() {
    const most = this.text.slice(this.at, this.at + LONGEST_LINE);
    const halved = /[\ud800-\udbff]$/.test(most) ? 1 : 0;
    const piece = most.slice(0, most.lastIndexOf(" ") + 1 || LONGEST_LINE - halved);
    this.at += piece.length;
    if (this.code) this.code.part(piece);
    else {
      this.pending.push(piece);
      this.finish();
    }
  }

  line(line) {
    if (this.code) {
      if (this.code.closes(line)) {
        this.code.growing("");
        this.code = null;
      } else this.code.line(line);
      return;
    }
    if (FENCE.test(line)) {
      this.finish();
      this.code = new Code(this.root, line);
      this.root.append(this.tail);
      return;
    }
    if (!line.trim()) {
      this.finish();
      return;
    }
    this.pending.push(line);
    this.size += weight(line);
    if (this.size > MOST_OF_A_BLOCK) this.cut();
  }

  // Splits a block that continues. A table continues under the same heading.
  cut() {
    const lines = this.pending;
    let first = lines.length - 1;
    while (first > 0 && lines[first - 1].includes("|")) first -= 1;
    const heading = lines.length - first > 2 && divides(lines[first + 1]) ? lines.slice(first, first + 2) : [];
    this.finish();
    for (const line of heading) this.line(line);
    this.carried = heading.length;
  }

  finish() {
    const { carried, pending } = this;
    this.carried = 0;
    if (pending.length === carried) {
      this.pending = [];
      this.size = 0;
      return;
    }
    const block = make("div");
    blocks(pending, block);
    this.root.insertBefore(block, this.tail);
    this.tail.replaceChildren();
    this.pending = [];
    this.size = 0;
  }
}

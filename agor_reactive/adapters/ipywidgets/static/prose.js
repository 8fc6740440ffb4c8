// Markdown that grows at its end: blocks that are finished are never touched again, only the last one is laid out anew.

import { blocks } from "./blocks.js";
import { Code, FENCE } from "./code.js";
import { make } from "./dom.js";

const MOST_OF_A_BLOCK = 16000; // characters; what goes on longer is cut into several blocks

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
    this.at = 0; // where the first line not yet looked at begins
    this.pending = []; // lines of the block that is not finished
    this.size = 0;
    this.code = null;
  }

  // The text from `keep` on (UTF-16 units) is now `more`. Lay out with `work` afterwards.
  change(keep, more) {
    if (keep < this.text.length) {
      const kept = this.text.slice(0, keep);
      this.clear();
      this.text = kept;
    }
    this.text += more;
  }

  // Lay out until `deadline` (performance.now()); true when there is more to do.
  work(deadline) {
    for (;;) {
      const end = this.text.indexOf("\n", this.at);
      if (end < 0) break;
      this.line(this.text.slice(this.at, end));
      this.at = end + 1;
      if (performance.now() > deadline) return true;
    }
    const rest = this.text.slice(this.at);
    if (this.code) {
      this.code.growing(rest);
      this.tail.replaceChildren();
    } else {
      this.tail.replaceChildren();
      if (FENCE.test(rest)) blocks(this.pending, this.tail);
      else blocks(rest ? [...this.pending, rest] : this.pending, this.tail);
      if (rest.length > MOST_OF_A_BLOCK) {
        this.pending.push(rest);
        this.finish();
        this.at = this.text.length;
      }
    }
    return false;
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
    this.size += line.length;
    if (this.size > MOST_OF_A_BLOCK) this.finish();
  }

  finish() {
    if (!this.pending.length) return;
    const block = make("div");
    blocks(this.pending, block);
    this.root.insertBefore(block, this.tail);
    this.tail.replaceChildren();
    this.pending = [];
    this.size = 0;
  }
}

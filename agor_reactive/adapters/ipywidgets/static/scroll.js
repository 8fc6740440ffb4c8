// A place that scrolls: follows what grows at its end, unless somebody scrolled away from there.

import { button, make } from "./dom.js";

const BOTTOM = 48; // px from the end that still count as being there

export class Scroll {
  // `busy`: whether more is about to be laid out. It is followed once that is done (`follow`): to follow every slice of
  // much text means to lay out all of it.
  constructor(parent, busy) {
    const frame = parent.appendChild(make("div", "ag-frame"));
    this.place = frame.appendChild(make("div", "ag-scroll"));
    this.place.tabIndex = 0;
    this.content = this.place.appendChild(make("div", "ag-content"));
    this.jump = frame.appendChild(button("ag-jump", "↓ newest", "Follow what is being written", () => this.toEnd()));
    this.jump.hidden = true;
    this.stick = true;
    this.at = 0;
    this.place.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.place;
      // Only who goes up leaves the end: it moves away by itself while what is above it is laid out.
      if (scrollHeight - scrollTop - clientHeight < BOTTOM) this.stick = true;
      else if (scrollTop < this.at) this.stick = false;
      this.at = scrollTop;
      this.jump.hidden = this.stick;
    });
    this.grown = new ResizeObserver(() => {
      if (!this.stick) this.jump.hidden = false;
      else if (!busy()) this.follow();
    });
    this.grown.observe(this.content);
  }

  follow() {
    if (this.stick) this.place.scrollTop = this.place.scrollHeight;
  }

  toEnd() {
    this.stick = true;
    this.follow();
    this.jump.hidden = true;
  }

  // Where somebody is who scrolled away from the end; null for who follows it.
  get left() {
    return this.stick ? null : this.place.scrollTop;
  }

  back(left) {
    if (left !== null) this.place.scrollTop = left;
  }

  leave() {
    this.grown.disconnect();
  }
}

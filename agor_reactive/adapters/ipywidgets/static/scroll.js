// A place that scrolls: follows what grows at its end, unless somebody scrolled away from there.

import { button, make } from "./dom.js";

const BOTTOM = 48; // px from the end that still count as being there

export class Scroll {
  constructor(parent) {
    const frame = parent.appendChild(make("div", "ag-frame"));
    this.place = frame.appendChild(make("div", "ag-scroll"));
    this.place.tabIndex = 0;
    this.content = this.place.appendChild(make("div", "ag-content"));
    this.jump = frame.appendChild(button("ag-jump", "↓ newest", "Follow what is being written", () => this.toEnd()));
    this.jump.hidden = true;
    this.stick = true;
    this.place.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.place;
      this.stick = scrollHeight - scrollTop - clientHeight < BOTTOM;
      this.jump.hidden = this.stick;
    });
    this.grown = new ResizeObserver(() => {
      if (this.stick) this.place.scrollTop = this.place.scrollHeight;
      else this.jump.hidden = false;
    });
    this.grown.observe(this.content);
  }

  toEnd() {
    this.stick = true;
    this.place.scrollTop = this.place.scrollHeight;
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

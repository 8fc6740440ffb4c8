// A scrolling area that follows growing content at its end, unless the user has scrolled up.

import { button, make } from "./dom.js";

const BOTTOM = 48; // px from the end that count as the end

export class Scroll {
  // `busy`: whether more content is coming; then the caller calls `follow` at the end, because following each slice of a
  // long text would lay out all of it each time.
  constructor(parent, busy, label) {
    const frame = parent.appendChild(make("div", "ag-frame"));
    this.place = frame.appendChild(make("div", "ag-scroll"));
    this.place.tabIndex = 0;
    this.place.setAttribute("role", "group");
    this.place.setAttribute("aria-label", label);
    this.content = this.place.appendChild(make("div", "ag-content"));
    this.jump = frame.appendChild(button("ag-jump", "↓ Newest", "Scroll to the newest text", () => this.toEnd()));
    this.jump.hidden = true;
    this.stick = true;
    this.at = 0;
    this.place.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.place;
      // Only scrolling up stops following: the end also moves while content above it is laid out.
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

  // The position of a user who scrolled up, null while following.
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

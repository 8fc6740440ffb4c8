// The heading of a session: title, status, details, context, link; and the notes below it.

import { make } from "./dom.js";

export class Heading {
  constructor(parent) {
    const head = parent.appendChild(make("header", "ag-head"));
    this.title = head.appendChild(make("span", "ag-title"));
    this.title.setAttribute("role", "heading");
    this.title.setAttribute("aria-level", "2");
    this.status = head.appendChild(make("span", "ag-badge"));
    this.details = head.appendChild(make("span", "ag-details"));
    this.context = head.appendChild(make("span", "ag-context"));
    this.meter = this.context.appendChild(make("span", "ag-meter")).appendChild(make("span"));
    this.contextText = this.context.appendChild(make("span"));
    this.link = head.appendChild(make("span", "ag-linkstate"));
    this.status.setAttribute("aria-live", "polite");
    this.notes = parent.appendChild(make("div", "ag-notes"));
    this.notes.setAttribute("role", "status");
  }

  show(fields) {
    this.fields = fields;
    this.draw();
  }

  // Shows another link state than the last one received, and its `note` instead of the notes; null: the one received.
  cover(cover) {
    this.covered = cover;
    if (this.fields) this.draw();
  }

  draw() {
    const { title, session, status, tone, details, context } = this.fields;
    const { link, linkTone } = this.covered ?? this.fields;
    const notes = this.covered?.note ? [["bad", this.covered.note]] : this.fields.notes;
    this.title.textContent = title;
    this.title.title = [session, details].filter(Boolean).join("\n");
    this.status.textContent = status;
    this.status.dataset.tone = tone;
    this.status.hidden = !status;
    this.link.textContent = link;
    this.link.dataset.tone = linkTone;
    this.details.textContent = this.details.title = details;
    this.context.hidden = context === null;
    if (context) {
      this.meter.style.width = `${Math.min(100, context.percent)}%`;
      this.contextText.textContent = context.text;
      this.context.title = context.about;
    }
    // Unchanged notes are left alone: a screen reader would read them again.
    const known = JSON.stringify(notes);
    if (known === this.known) return;
    this.known = known;
    this.notes.replaceChildren(...notes.map(([tone, text]) => {
      const note = make("div", "ag-note", text);
      note.dataset.tone = tone;
      return note;
    }));
  }
}

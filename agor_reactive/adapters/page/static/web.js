// The page of the web view: the list of sessions, and the one that the address names.

import { button, focusedIn, make } from "./dom.js";
import { SessionPane } from "./session.js";
import { SessionList } from "./sessions.js";
import { SocketHost } from "./socket_host.js";

const NAME = "Agor sessions";
const PATH = /sessions\/([0-9a-f-]+)\/?$/;

// Names the page after the session.
class Shown extends SessionPane {
  head(fields) {
    super.head(fields);
    document.title = [this.fields.title, NAME].filter(Boolean).join(" · ");
  }
}

class Page extends SessionList {
  build(parent) {
    parent.append(make("h1", "ag-unseen", NAME));
    super.build(parent);
    const { base } = this.port;
    Object.assign(this, { base, page: parent });
    this.back = this.place.appendChild(button("ag-back", "‹ All sessions", "", () => this.pick("")));
    this.session = this.place.appendChild(make("div", "ag-session ag-fill"));
    window.addEventListener("popstate", () => this.show());
    document.addEventListener("keydown", (event) => this.key(event));
    this.show();
  }

  pick(id) {
    history.pushState(null, "", id ? new URL(`sessions/${id}`, this.base) : this.base);
    this.show();
  }

  // Shows the session of the address.
  show() {
    const id = PATH.exec(location.pathname)?.[1] ?? "";
    if (id === this.selected && this.started) return;
    this.shown?.leave();
    const left = this.started && !id ? this.selected : "";
    this.selected = id;
    this.page.classList.toggle("ag-showing", Boolean(id));
    this.session.replaceChildren();
    document.title = NAME;
    this.shown = id ? new SocketHost(new URL(`sessions/${id}/ws`, this.base), (port) => new Shown(this.session, port)) : null;
    if (!id) this.session.append(make("p", "ag-nothing", "Select a session to watch it."));
    // Where the session takes the place of the list, the focus must not stay there.
    if (this.started && id && !this.root.offsetParent) this.back.focus();
    this.left = left;
    this.started = true;
    this.draw();
  }

  // The focus goes from a session to its row, as soon as the list has rows, unless it is somewhere else by then.
  draw() {
    super.draw();
    if (!this.left || !this.lines.size) return;
    if (!focusedIn(document)?.offsetParent) (this.lines.get(this.left) ?? this.lines.values().next().value).root.focus();
    this.left = "";
  }

  // Escape leads from a session back to the list.
  key(event) {
    if (event.key !== "Escape" || event.defaultPrevented || !this.selected) return;
    if (!this.root.offsetParent) this.pick("");
    else (this.lines.get(this.selected)?.root ?? this.filter).focus();
  }
}

const place = document.getElementById("ag-page");
const { root } = JSON.parse(document.getElementById("ag-data").textContent);
const base = new URL(root, location.href);
place.replaceChildren();
new SocketHost(new URL("ws", base), (port) => new Page(place, { ...port, base }));

// <agor-session src="https://…/sessions/…">: a session of a web view in any page. One file: AGOR_STYLE is put before it.

import { make } from "./dom.js";
import { SessionPane } from "./session.js";
import { SocketHost } from "./socket_host.js";

class AgorSession extends HTMLElement {
  static observedAttributes = ["src"];

  connectedCallback() {
    if (!this.shadowRoot) {
      // Rules that a policy of the page around it does not stop, and that do not reach that page.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(AGOR_STYLE);
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    }
    this.open();
  }

  disconnectedCallback() {
    this.close();
  }

  attributeChangedCallback(name, before, src) {
    if (before !== src && this.shadowRoot && this.isConnected) this.open();
  }

  open() {
    this.close();
    const src = this.getAttribute("src");
    if (!src) return;
    const url = new URL(src, document.baseURI);
    url.pathname = `${url.pathname.replace(/\/$/, "")}/ws`;
    this.place = this.shadowRoot.appendChild(make("div", "ag-element ag-fill"));
    this.shown = new SocketHost(url, (port) => new SessionPane(this.place, port));
  }

  close() {
    this.shown?.leave();
    this.place?.remove();
    this.shown = this.place = null;
  }
}

if (!customElements.get("agor-session")) customElements.define("agor-session", AgorSession);

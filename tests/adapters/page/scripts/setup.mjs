// The modules of the page, copied to where AGOR_SCRIPTS says; chance that repeats; a tree of elements without a browser.

import { pathToFileURL } from "node:url";

export const load = (name) => import(new URL(`${name}.js`, `${pathToFileURL(process.env.AGOR_SCRIPTS)}/`));

// Numbers in [0, 1) that are the same each time for a seed (mulberry32).
export function dice(seed) {
  let state = seed;
  const roll = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  roll.below = (most) => Math.floor(roll() * most);
  roll.of = (list) => list[roll.below(list.length)];
  roll.shuffled = (list) => list.map((item) => [roll(), item]).sort(([a], [b]) => a - b).map(([, item]) => item);
  return roll;
}

export const seeds = (count) => Array.from({ length: count }, (_, at) => at + 1);

class Node {
  constructor() {
    this.parentNode = null;
  }

  remove() {
    const { parentNode } = this;
    if (parentNode) parentNode.childNodes.splice(parentNode.childNodes.indexOf(this), 1);
    this.parentNode = null;
  }
}

class Text extends Node {
  constructor(text) {
    super();
    this.textContent = text;
  }
}

// Has what the modules under test use of an element, and throws for all else that makes markup of text.
export class Element extends Node {
  constructor(localName) {
    super();
    Object.assign(this, { localName, className: "", childNodes: [], attributes: {}, style: {}, dataset: {}, listeners: {} });
    this.classList = {
      toggle: (name, on) => {
        const names = new Set(this.className.split(" ").filter(Boolean));
        names[on ? "add" : "delete"](name);
        this.className = [...names].join(" ");
      },
    };
  }

  get children() {
    return this.childNodes.filter((node) => node instanceof Element);
  }

  get textContent() {
    return this.childNodes.map((node) => node.textContent).join("");
  }

  set textContent(text) {
    this.replaceChildren(...(text ? [text] : []));
  }

  insertBefore(node, next) {
    const child = node instanceof Node ? node : new Text(String(node));
    child.remove();
    const at = next ? this.childNodes.indexOf(next) : this.childNodes.length;
    if (at < 0) throw new Error("not a child");
    this.childNodes.splice(at, 0, child);
    child.parentNode = this;
    return child;
  }

  append(...nodes) {
    for (const node of nodes) this.insertBefore(node, null);
  }

  appendChild(node) {
    return this.insertBefore(node, null);
  }

  replaceChildren(...nodes) {
    for (const child of [...this.childNodes]) child.remove();
    this.append(...nodes);
  }

  contains(node) {
    return node === this || this.childNodes.some((child) => child === node || child.contains?.(node));
  }

  getRootNode() {
    return document;
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }

  set innerHTML(text) {
    throw new Error("text was taken for markup");
  }

  find(wanted) {
    return this.children.flatMap((child) => [...(wanted(child) ? [child] : []), ...child.find(wanted)]);
  }
}

// A tree as text; neighbouring texts are one.
export function drawn(node) {
  if (node instanceof Text) return node.textContent;
  const { localName, className, start, title, style } = node;
  const about = Object.entries({ class: className, start, title, ...style }).filter(([, value]) => value);
  return `<${[localName, ...about.map((pair) => pair.join("="))].join(" ")}>${node.childNodes.map(drawn).join("")}</>`;
}

globalThis.document = { createElement: (name) => new Element(name), activeElement: null };

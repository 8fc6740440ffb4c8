// Keyed children in a patched order.

export class Rows {
  constructor(parent) {
    this.parent = parent;
    this.items = new Map();
    this.order = [];
  }

  remove(key) {
    const item = this.items.get(key);
    if (!item) return;
    item.root.remove();
    this.items.delete(key);
    this.order.splice(this.order.indexOf(key), 1);
  }

  insert(key, item, at) {
    this.items.set(key, item);
    const next = this.items.get(this.order[at]);
    this.parent.insertBefore(item.root, next ? next.root : null);
    this.order.splice(at, 0, key);
  }

  arrange(order) {
    const { activeElement } = this.parent.getRootNode(); // the view may be in a shadow tree
    const focused = this.parent.contains(activeElement) ? activeElement : null;
    order.forEach((key, at) => {
      const item = this.items.get(key);
      if (!item) return;
      const there = this.parent.children[at];
      if (there !== item.root) this.parent.insertBefore(item.root, there ?? null);
    });
    this.order = order.filter((key) => this.items.has(key));
    // Moving an element drops its focus.
    if (focused && focused !== this.parent.getRootNode().activeElement) focused.focus({ preventScroll: true });
  }
}

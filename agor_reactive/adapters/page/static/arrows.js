// Arrow keys, Home and End in a list: the focus moves from element to element.

// Moves the focus from the place `at` of `elements` if the key is one of these; from the first one up to `before`.
export function moveFocus(event, elements, at, before = null) {
  const { key, ctrlKey, altKey, metaKey, shiftKey } = event;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: elements.length - 1 }[key];
  if (to === undefined || ctrlKey || altKey || metaKey || shiftKey) return;
  event.preventDefault();
  (to < 0 ? before : elements[to])?.focus();
}

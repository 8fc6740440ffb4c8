// Elements, made by hand: createElement and textContent, never markup from text. And how a view sits in its page.

const NARROW = 520; // px
const MIDDLING = 760;

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

export function button(className, label, title, deed) {
  const element = make("button", className, label);
  element.type = "button";
  if (title) element.title = title;
  element.addEventListener("click", deed);
  return element;
}

// Seconds as text, like `seconds_text` of the kernel.
export function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
}

// A place of its own for those who cannot see the page.
export function region(className, label) {
  const root = make("div", className);
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", label);
  return root;
}

// What is left out where there is little room. Returns the undo. (A query of the style sheet would need a width that does
// not depend on what is in it, and a view beside others in a box has none.)
export function watchWidth(root) {
  const widths = { "ag-narrow": NARROW, "ag-middling": MIDDLING };
  let turn = 0;
  const seen = new ResizeObserver(([entry]) => {
    const { width } = entry.contentRect;
    const fits = () => Object.entries(widths).every(([name, most]) => root.classList.contains(name) === width < most);
    if (fits()) return;
    // Not at once: what it changes others watch too, and they have had their turn in this frame.
    cancelAnimationFrame(turn);
    turn = requestAnimationFrame(() => {
      for (const [name, most] of Object.entries(widths)) root.classList.toggle(name, width < most);
    });
  });
  seen.observe(root);
  return () => {
    cancelAnimationFrame(turn);
    seen.disconnect();
  };
}

// JupyterLab gives the focus to the cell that is pressed in, and then lays out anew all that is in it. Here something has
// the focus wherever one presses, which selects the cell as well: the press itself is not told further.
export function ownPresses(root) {
  root.addEventListener("mousedown", (event) => event.button === 0 && event.stopPropagation());
}

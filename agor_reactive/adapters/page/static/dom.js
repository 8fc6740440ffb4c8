// Makes elements with createElement and textContent, never markup from text; and fits a view into its page.

const NARROW = 520; // px
const MIDDLING = 760;

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

export function button(className, label, title, action) {
  const element = make("button", className, label);
  element.type = "button";
  if (title) element.title = title;
  element.addEventListener("click", action);
  return element;
}

// Seconds as text, like `seconds_text` of the presentation.
export function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
}

// A button that copies what `text` returns.
export function copyButton(text) {
  const copy = button("ag-copy", "Copy", "", () => {
    const say = (result) => {
      copy.textContent = result;
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    };
    // Pages without https have no clipboard.
    const done = navigator.clipboard?.writeText(text()) ?? Promise.reject();
    done.then(() => say("Copied"), () => say("Not allowed"));
  });
  return copy;
}

// Folds an element or shows it. Where the browser's own search looks into what is folded, it shows what it finds.
export function setFolded(element, folded) {
  element.hidden = folded ? "until-found" : false;
}

// The focused element in `root`, which may be in a shadow tree; null if the focus is elsewhere.
export function focusedIn(root) {
  const { activeElement } = root.getRootNode();
  return root.contains(activeElement) ? activeElement : null;
}

// Where a screen reader is notified of changes; others do not see it.
export function announcer(parent) {
  const place = parent.appendChild(make("div", "ag-unseen"));
  place.setAttribute("aria-live", "polite");
  return (text) => {
    if (place.textContent !== text) place.textContent = text;
  };
}

// A landmark for screen readers. JupyterLab takes no key pressed in it for a shortcut.
export function region(className, label) {
  const root = make("div", className);
  // Its shortcuts are matched against the focused element before its parents are looked at, so each one is marked.
  root.addEventListener("focusin", ({ target }) => { target.dataset.lmSuppressShortcuts = "true"; });
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", label);
  return root;
}

// Marks narrow views, so that the style sheet can leave things out. Returns the undo. (A container query needs a width
// that does not depend on the content, which a view beside others in a box does not have.)
export function watchWidth(root) {
  const widths = { "ag-narrow": NARROW, "ag-middling": MIDDLING };
  let frame = 0;
  const seen = new ResizeObserver(([entry]) => {
    const { width } = entry.contentRect;
    const fits = () => Object.entries(widths).every(([name, most]) => root.classList.contains(name) === width < most);
    if (fits()) return;
    // In the next frame: other observers have run already and would miss the change.
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      for (const [name, most] of Object.entries(widths)) root.classList.toggle(name, width < most);
    });
  });
  seen.observe(root);
  return () => {
    cancelAnimationFrame(frame);
    seen.disconnect();
  };
}

// Browsers skip elements with `content-visibility: auto` outside the window, and paint them a frame after they come back:
// a view that is scrolled back would be blank for a frame. So what `place` shows when its view leaves stays painted until
// the view is back. `outer` are its elements with that style, `inner` those inside of them. Returns what to call on both.
export function paintAhead(place, outer, inner) {
  const shown = (root, selector) => {
    const { top, bottom, height } = place.getBoundingClientRect();
    return [...root.querySelectorAll(selector)].filter((element) => {
      const at = element.getBoundingClientRect();
      return height > 0 && at.bottom > top && at.top < bottom;
    });
  };
  let kept = [];
  let frame = 0;
  const release = () => kept.splice(0).forEach((element) => element.classList.remove("ag-kept"));
  return (near) => {
    cancelAnimationFrame(frame);
    if (near) frame = requestAnimationFrame(() => { frame = requestAnimationFrame(release); });
    else {
      release();
      kept = shown(place, outer).flatMap((element) => [element, ...(inner ? shown(element, inner) : [])]);
      kept.forEach((element) => element.classList.add("ag-kept"));
    }
  };
}

// JupyterLab focuses the cell of a press and then lays out all its content. Here an element always takes the focus, which
// selects the cell as well, so the press itself is not propagated.
export function ownPresses(root) {
  root.addEventListener("mousedown", (event) => event.button === 0 && event.stopPropagation());
}

// anywidget's way in: what it calls with a model and an element becomes a view with a port.

import { make } from "./dom.js";

// The text that a notebook keeps of a view is not shown beside the view. Returns the undo.
function hideRecord(name) {
  if (!/^ag-record-[0-9a-f]+$/.test(name ?? "")) return () => {};
  const rule = make("style", "", `.${name}, .jp-OutputArea-child:has(.${name}) { display: none !important; }`);
  document.head.append(rule);
  return () => rule.remove();
}

export function door(View) {
  return {
    render({ model, el }) {
      el.classList.add("ag-outer");
      const view = new View(el, { send: (message) => model.send(message), text: model.get("text") });
      const showRecord = hideRecord(model.get("_record_name"));
      const receive = (message) => view.receive(message);
      model.on("msg:custom", receive);
      return () => {
        model.off("msg:custom", receive);
        view.dispose();
        showRecord();
      };
    },
  };
}

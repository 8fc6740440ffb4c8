// anywidget's way in: what it calls with a model and an element becomes a view with a port.

import { make } from "./dom.js";

// The text that a notebook keeps of a view is not shown beside the view. Returns the undo.
function hideRecord(name) {
  if (!/^ag-record-[0-9a-f]+$/.test(name ?? "")) return () => {};
  const rule = make("style", "", `.${name}, .jp-OutputArea-child:has(.${name}) { display: none !important; }`);
  document.head.append(rule);
  return () => rule.remove();
}

// Tells a view when its kernel is gone. Frontends know more of that than anywidget hands on, each in its own way: a model
// of ipywidgets says that its comm is dead, at a restart that was asked for here and after a crash; JupyterLab tells of
// all else, where its session can be reached. What is not there is not used, and what is not told is found out when a
// view asks for something. Returns the undo.
const ENDED = ["restarting", "autorestarting", "terminating", "dead"];

function watchKernel(model, lost) {
  const session = model.widget_manager?.context?.sessionContext;
  const dead = () => lost();
  const status = (_, name) => ENDED.includes(name) && lost();
  // A kernel says when it goes, whoever sends it away, and signs all it says with a name of its own: another name is
  // another kernel. That it starts it says, too, but maybe before JupyterLab can hear it.
  let signed = null;
  const said = (_, { header }) => {
    if (header.msg_type === "shutdown_reply") lost();
    else if (signed !== null && header.session !== signed) lost(false);
    signed = header.session;
  };
  model.on("comm_live_update", dead);
  session?.statusChanged?.connect?.(status);
  session?.kernelChanged?.connect?.(dead);
  session?.iopubMessage?.connect?.(said);
  return () => {
    model.off("comm_live_update", dead);
    session?.statusChanged?.disconnect?.(status);
    session?.kernelChanged?.disconnect?.(dead);
    session?.iopubMessage?.disconnect?.(said);
  };
}

export function door(View) {
  return {
    render({ model, el }) {
      el.classList.add("ag-outer");
      let view = null;
      const lost = (sure) => view?.kernel.lost(sure);
      const send = (message) => {
        try {
          model.send(message);
        } catch {
          lost(); // what cannot be sent has nobody to go to
        }
      };
      view = new View(el, { send, text: model.get("text") });
      const unwatch = watchKernel(model, lost);
      const showRecord = hideRecord(model.get("_record_name"));
      const receive = (message) => view.receive(message);
      model.on("msg:custom", receive);
      return () => {
        model.off("msg:custom", receive);
        unwatch();
        view.dispose();
        showRecord();
      };
    },
  };
}

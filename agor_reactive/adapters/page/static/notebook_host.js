// The entry of a widget: anywidget calls `render` with a model and an element, which get a view with a port.

import { make } from "./dom.js";

const KERNEL = {
  cut: "Kernel disconnected.",
  gone: "Kernel disconnected. Run the cell again to reconnect.",
  silent: "The kernel does not answer. It may be busy with a cell, or not running.",
  unanswered: "The kernel disconnected before it answered.",
};

// Hides the saved transcript while its view is shown. Returns the undo.
function hideTranscript(name) {
  if (!/^ag-transcript-[0-9a-f]+$/.test(name ?? "")) return () => {};
  const rule = make("style", "", `.${name}, .jp-OutputArea-child:has(.${name}) { display: none !important; }`);
  document.head.append(rule);
  return () => rule.remove();
}

// Calls `lost` when the kernel is gone. anywidget has no event for that, so each frontend's own ones are used where they
// exist: an ipywidgets model reports a dead comm after a restart here and after a crash, JupyterLab's session context
// reports the rest. Elsewhere a view notices when an action gets no answer. Returns the undo.
const ENDED = ["restarting", "autorestarting", "terminating", "dead"];

function watchKernel(model, lost) {
  const session = model.widget_manager?.context?.sessionContext;
  const dead = () => lost();
  const onStatus = (_, name) => ENDED.includes(name) && lost();
  // A kernel announces its shutdown, and all its messages carry its session id: another id means another kernel. Its
  // start message may come before JupyterLab is connected.
  let known = null;
  const onMessage = (_, { header }) => {
    if (header.msg_type === "shutdown_reply") lost();
    else if (known !== null && header.session !== known) lost(false);
    known = header.session;
  };
  model.on("comm_live_update", dead);
  session?.statusChanged?.connect?.(onStatus);
  session?.kernelChanged?.connect?.(dead);
  session?.iopubMessage?.connect?.(onMessage);
  return () => {
    model.off("comm_live_update", dead);
    session?.statusChanged?.disconnect?.(onStatus);
    session?.kernelChanged?.disconnect?.(dead);
    session?.iopubMessage?.disconnect?.(onMessage);
  };
}

export function widgetOf(View) {
  return {
    render({ model, el }) {
      el.classList.add("ag-outer");
      let view = null;
      const lost = (sure) => view?.host.lost(sure);
      const send = (message) => {
        try {
          model.send(message);
        } catch {
          lost(); // the comm is closed
        }
      };
      view = new View(el, { send, text: model.get("text"), words: KERNEL });
      const unwatch = watchKernel(model, lost);
      const showTranscript = hideTranscript(model.get("_transcript_name"));
      const receive = (message) => view.receive(message);
      model.on("msg:custom", receive);
      return () => {
        model.off("msg:custom", receive);
        unwatch();
        view.dispose();
        showTranscript();
      };
    },
  };
}

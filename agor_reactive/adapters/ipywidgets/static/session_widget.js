// anywidget's door to a SessionPane.

export default {
  render({ model, el }) {
    const pane = new SessionPane(el, { send: (message) => model.send(message), text: model.get("text") });
    const showRecord = hideRecord(model.get("_record_name"));
    const receive = (message) => pane.receive(message);
    model.on("msg:custom", receive);
    return () => {
      model.off("msg:custom", receive);
      pane.dispose();
      showRecord();
    };
  },
};

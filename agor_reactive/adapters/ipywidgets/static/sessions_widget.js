// anywidget's door to a SessionList.

export default {
  render({ model, el }) {
    const list = new SessionList(el, { send: (message) => model.send(message), text: model.get("text") });
    const showRecord = hideRecord(model.get("_record_name"));
    const receive = (message) => list.receive(message);
    model.on("msg:custom", receive);
    return () => {
      model.off("msg:custom", receive);
      list.dispose();
      showRecord();
    };
  },
};

// A session at a moment of its past, with a slider through its time. Nothing can be sent to it.

import { Timeline } from "./timeline.js";
import { SessionPane } from "./session.js";

export class ReplayPane extends SessionPane {
  build(parent) {
    super.build(parent);
    this.announce = () => {}; // nothing waits for an answer any more
    this.timeline = new Timeline(this.root, (t) => this.host.send({ op: "seek", t }));
  }

  onHost(state) {
    super.onHost(state);
    this.timeline.freeze(this.host.cut);
  }

  receive(message) {
    if (message.op === "timeline") {
      this.host.answered();
      this.timeline.load(message);
      return;
    }
    super.receive(message);
    if (message.at !== undefined) this.timeline.confirm(message.at);
  }

  apply(message) {
    super.apply(message);
    this.work.push(() => this.retime());
    this.work.run();
  }

  // What was running at that moment had taken so long.
  retime() {
    for (const task of this.tasks.items.values()) task.tick();
  }

  dispose() {
    this.timeline.leave();
    super.dispose();
  }
}

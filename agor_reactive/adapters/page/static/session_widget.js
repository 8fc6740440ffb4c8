// The widget that is one session.

import { widgetOf } from "./shadow_root.js";
import { SessionPane } from "./session.js";

export default widgetOf(SessionPane);

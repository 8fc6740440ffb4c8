// The widget that is a table of sessions.

import { widgetOf } from "./shadow_root.js";
import { SessionList } from "./sessions.js";

export default widgetOf(SessionList);

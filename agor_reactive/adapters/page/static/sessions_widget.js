// The widget that is a table of sessions.

import { widgetOf } from "./notebook_host.js";
import { SessionList } from "./sessions.js";

export default widgetOf(SessionList);

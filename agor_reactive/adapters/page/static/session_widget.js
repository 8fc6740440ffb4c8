// The widget that is one session.

import { widgetOf } from "./notebook_host.js";
import { SessionPane } from "./session.js";

export default widgetOf(SessionPane);

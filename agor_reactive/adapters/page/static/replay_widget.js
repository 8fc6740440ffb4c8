// The widget that is one recorded session.

import { widgetOf } from "./notebook_host.js";
import { ReplayPane } from "./replay.js";

export default widgetOf(ReplayPane);

// The widget that is one recorded session.

import { widgetOf } from "./shadow_root.js";
import { ReplayPane } from "./replay.js";

export default widgetOf(ReplayPane);

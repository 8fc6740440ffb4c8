// The widget that is a table of sessions.

import { door } from "./door.js";
import { SessionList } from "./sessions.js";

export default door(SessionList);

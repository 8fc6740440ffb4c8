// The widget that is one session.

import { door } from "./door.js";
import { SessionPane } from "./session.js";

export default door(SessionPane);

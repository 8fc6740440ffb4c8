"""The pure core: events, the snapshot, and the one function that folds the first into the second.

No IO, no clock, no thread, no event loop, no Rx and no logging in here: what happened comes in as events, the next
reads go out as data (`SessionState.fetches`). So a session can be replayed from a log, tested by feeding
lists, and measured without a socket.
"""

from agor_reactive.core.fold import fold, fold_batch, fold_raw, initial_state
from agor_reactive.core.parse import parse
from agor_reactive.core.snapshot import SessionState

__all__ = ["SessionState", "fold", "fold_batch", "fold_raw", "initial_state", "parse"]

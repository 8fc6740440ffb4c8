"""The live client without `await`: the same surface, blocking, on an event loop in a background thread.

For a plain REPL, a notebook cell, Streamlit, Dash, a script with threads. There is one implementation: every call here
runs the async one on that loop and waits. State is readable from any thread; callbacks run on the loop's thread, or
where `deliver` schedules them. An undo, `release` and `close` may be called from any thread, also in callbacks, and
more than once.
"""

from __future__ import annotations

from agor_reactive.blocking.client import BlockingClient, connect
from agor_reactive.blocking.handle import BlockingHandle
from agor_reactive.blocking.permission import BlockingPermission
from agor_reactive.blocking.portal import LoopThread
from agor_reactive.blocking.sessions import BlockingSessions

__all__ = ["BlockingClient", "BlockingHandle", "BlockingPermission", "BlockingSessions", "LoopThread", "connect"]

"""The live client without `await`: the same surface, blocking, on an event loop in a thread of its own.

For a plain REPL, a notebook cell, Streamlit, Dash, a script with threads. There is one implementation: every call here
runs the async one on that loop and waits. State is read from any thread; callbacks come on the loop's thread, or
wherever `deliver` puts them. What gives something back (an undo, `release`, `close`) may be called anywhere, callbacks
included, and at any time: late or twice it changes nothing.
"""

from __future__ import annotations

from agor_reactive.blocking.client import BlockingClient, connect
from agor_reactive.blocking.handle import BlockingHandle
from agor_reactive.blocking.permission import BlockingPermission
from agor_reactive.blocking.portal import LoopThread
from agor_reactive.blocking.sessions import BlockingSessions

__all__ = ["BlockingClient", "BlockingHandle", "BlockingPermission", "BlockingSessions", "LoopThread", "connect"]

"""Which daemons are served by event loops of this process, so that a call that would block such a loop is refused.

Without it, the call waits for an answer that its own thread has to give, until it times out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from agor_reactive.errors import UsageError
from agor_reactive.transport.address import Address

__all__ = ["check_not_blocked", "serve_here"]

_served: WeakKeyDictionary[asyncio.AbstractEventLoop, set[int]] = WeakKeyDictionary()


def serve_here(port: int) -> Callable[[], None]:
    """Note that the running loop serves a daemon on a port of this machine. Returns the undo."""
    ports = _served.setdefault(asyncio.get_running_loop(), set())
    ports.add(port)
    return lambda: ports.discard(port)


def check_not_blocked(url: str, *, instead: str) -> None:
    """Raise `UsageError` if the caller's thread runs the loop that serves the daemon at `url`. `instead`: what to use.

    >>> check_not_blocked("http://localhost:3030", instead="create_client")
    """
    try:
        ports = _served.get(asyncio.get_running_loop())
    except RuntimeError:  # no loop runs on this thread
        return
    if ports and urlsplit(url).port in ports and Address.parse(url).is_loopback:
        raise UsageError(
            f"The daemon at {url} is served by the event loop that this call would block, so it could never answer. "
            f"Use {instead} and await it, or run this call in another thread (await asyncio.to_thread(...))."
        )

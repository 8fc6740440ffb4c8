"""The seam between transport and everything above: the `Link` protocol, and how a driver calls through it.

`transport.socketio.SocketLink` is the real link, `transport.scripted.ScriptedLink` the fake, shipped for tests.
"""

from __future__ import annotations

import asyncio
import logging
import random as _random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from agor_reactive.calls.effects import Call, CallOptions
from agor_reactive.calls.retries import RetryPolicy
from agor_reactive.errors import DaemonError
from agor_reactive.models.wire import EventRun, LinkStatus
from agor_reactive.transport.credentials import Credentials

__all__ = ["Link", "OnEvents", "OnStatus", "caller"]

_log = logging.getLogger("agor_reactive.calls")

OnEvents = Callable[[EventRun, float], None]
"""Takes events that arrived together, and the time of their receipt in epoch seconds."""
OnStatus = Callable[[LinkStatus], None]


class Link(Protocol):
    """A live, two-way connection to one daemon that reconnects automatically.

    All methods belong to the event loop that opened it. `on_events` and `on_status` are called on that loop, in order,
    synchronously, from one place; the link has one listener (the session layer's router), set before `open`. The link
    neither keeps nor changes an event's payload after delivery. Events are delivered before the answer to a call that
    arrived after them.
    """

    @property
    def status(self) -> LinkStatus: ...

    @property
    def user_id(self) -> str | None:
        """The logged-in user according to the token; None when not logged in, or the token names no user."""
        ...

    def listen(self, on_events: OnEvents, on_status: OnStatus) -> None: ...

    async def open(self) -> None:
        """Connect, and log in when there are credentials. Raises `CannotConnect` or `NotAuthenticated`."""
        ...

    async def call(self, method: str, service: str, *args: Any, timeout: float | None = None) -> Any:
        """Make one service call: `args` are the method's own, query last, as Feathers orders them. Returns the result.

        Raises `NotConnected` at once when the link is down, `ConnectionLost` (reads) or `OutcomeUnknown` (writes) when
        it drops in flight, `CallTimeout`/`OutcomeUnknown` after `timeout` seconds, `DaemonError` kinds as answered.
        """
        ...

    async def login(self, credentials: Credentials) -> Mapping[str, Any]:
        """Log in, and stay logged in with these credentials over reconnects. Returns the daemon's answer.

        On daemons that authenticate in the handshake, this replaces the connection. Raises `NotAuthenticated` and other
        `DaemonError` kinds; the previous credentials then stay in force.
        """
        ...

    async def renew(self) -> Mapping[str, Any]:
        """Renew the current login on the same connection, as happens before expiry. Raises `NotAuthenticated`."""
        ...

    async def logout(self) -> None:
        """Log out and forget the credentials. Events stop; the connection stays open only where daemons allow it
        without a login."""
        ...

    async def close(self) -> None:
        """Close permanently. Idempotent. Nothing is left running."""
        ...


def caller(
    link: Link,
    retry: RetryPolicy | None = None,
    *,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    random: Callable[[], float] = _random.random,
) -> Callable[[Call, CallOptions], Awaitable[Any]]:
    """Make the function with which a driver makes calls over `link`.

    It repeats what the daemon refuses for being busy, as `retry` says (None: nothing). It does not repeat a call
    because of the link, which reconnects without it: the caller learns at once that it is down.
    """

    async def call(effect: Call, options: CallOptions) -> Any:
        _log.debug("%r", effect)
        policy = None if retry is None else retry.of(options)
        failed = 0
        while True:
            try:
                return await link.call(effect.method, effect.service, *effect.args, timeout=options.timeout)
            except DaemonError as error:
                failed += 1
                pause = None if policy is None else policy.pause(effect, error, failed, random)
                if pause is None:
                    raise
                _log.debug("%r: %s; attempt %d in %.1f s", effect, type(error).__name__, failed + 1, pause)
            await sleep(pause)

    return call

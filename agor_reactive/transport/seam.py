"""The seam between transport and everything above: the `Link` protocol, and how a driver calls through it.

`transport.socketio.SocketLink` is the real link, `transport.scripted.ScriptedLink` the fake, shipped for tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from agor_reactive.calls.effects import Call
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.transport.credentials import Credentials

__all__ = ["Link", "OnEvent", "OnStatus", "caller"]

OnEvent = Callable[[RawEvent], None]
OnStatus = Callable[[LinkStatus], None]


class Link(Protocol):
    """A live, two-way connection to one daemon that reconnects automatically.

    All methods belong to the event loop that opened it. `on_event` and `on_status` are called on that loop, in order,
    synchronously, from one place; the link has one listener (the session layer's router), set before `open`. The link
    neither keeps nor changes an event's payload after delivery.
    """

    @property
    def status(self) -> LinkStatus: ...

    @property
    def user_id(self) -> str | None:
        """The logged-in user according to the token; None when not logged in, or the token names no user."""
        ...

    def listen(self, on_event: OnEvent, on_status: OnStatus) -> None: ...

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


def caller(link: Link) -> Callable[[Call, float | None], Awaitable[Any]]:
    """Make the function with which a driver makes calls over `link`."""

    async def call(effect: Call, timeout: float | None) -> Any:
        return await link.call(effect.method, effect.service, *effect.args, timeout=timeout)

    return call

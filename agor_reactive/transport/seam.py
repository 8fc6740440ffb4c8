"""The seam between what moves bytes and what gives them meaning: a Protocol, and how a driver calls through it.

`transport.socketio.SocketLink` is the real one, `transport.scripted.ScriptedLink` the fake that is shipped beside it.
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
    """A live, two-way connection to one daemon that heals itself.

    All methods belong to the event loop that opened it. `on_event` and `on_status` are called on that loop, in order,
    synchronously, from one place; the link has one listener (the session layer's router), set before `open`. An event's
    payload is given away with it: the link neither keeps nor changes it.
    """

    @property
    def status(self) -> LinkStatus: ...

    @property
    def user_id(self) -> str | None:
        """Who is logged in, as far as the token says; None when nobody is, or it does not say."""
        ...

    def listen(self, on_event: OnEvent, on_status: OnStatus) -> None: ...

    async def open(self) -> None:
        """Connect, and log in when there are credentials. Raises `CannotConnect` or `NotAuthenticated`."""
        ...

    async def call(self, method: str, service: str, *args: Any, timeout: float | None = None) -> Any:
        """One service call: `args` are the method's own, query last, as Feathers orders them. Answers the result.

        Raises `NotConnected` at once when the link is down, `ConnectionLost` (reads) or `OutcomeUnknown` (writes) when
        it drops in flight, `CallTimeout`/`OutcomeUnknown` after `timeout` seconds, `DaemonError` kinds as answered.
        """
        ...

    async def login(self, credentials: Credentials) -> Mapping[str, Any]:
        """Log in, and stay logged in with these credentials over reconnects. Returns the daemon's answer.

        Where a daemon identifies a connection when it is made, this replaces the connection. Raises `NotAuthenticated`
        and other `DaemonError` kinds; the credentials used before then stay in force.
        """
        ...

    async def renew(self) -> Mapping[str, Any]:
        """Renew the present login and keep the connection, as is done ahead of expiry. Raises `NotAuthenticated`."""
        ...

    async def logout(self) -> None:
        """Log out and forget the credentials. Events stop; the connection stays only where it can without a login."""
        ...

    async def close(self) -> None:
        """Close for good. Idempotent. Nothing is left running."""
        ...


def caller(link: Link) -> Callable[[Call, float | None], Awaitable[Any]]:
    """The function that a driver makes its calls with, over `link`."""

    async def call(effect: Call, timeout: float | None) -> Any:
        return await link.call(effect.method, effect.service, *effect.args, timeout=timeout)

    return call

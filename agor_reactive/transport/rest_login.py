"""REST calls of a live link: tokens for its handshake, calls without a socket.

Daemons since late August 2026 accept authentication only in the Socket.IO handshake, as an access token; the tokens
come from ``POST /authentication`` and ``POST /authentication/refresh``. The HTTP client is created on first use.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar

from agor_reactive.calls.drivers import drive_async
from agor_reactive.calls.effects import Call, CallOptions, EffectGenerator
from agor_reactive.errors import DaemonError, LinkError
from agor_reactive.models.secrecy import hide, hide_fields
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.login import LoginStep

if TYPE_CHECKING:
    from agor_reactive.transport.http import AsyncRest

__all__ = ["RestLogin", "run_login"]

T = TypeVar("T")


async def run_login(steps: EffectGenerator[LoginStep, T], call: Callable[[Call], Awaitable[Any]]) -> T:
    """Run the operation of a login; `call` makes its calls. The user's token provider may be async."""

    async def perform(step: LoginStep) -> Any:
        if isinstance(step, Call):
            return hide_fields(await call(step))
        token = step.provider()
        return hide(await token if isawaitable(token) else token)

    return await drive_async(steps, perform)


class RestLogin:
    """The REST side of one live link. `make` builds an `AsyncRest` from credentials (None: unauthenticated)."""

    def __init__(self, make: Callable[[ApiKey | None], AsyncRest], *, timeout: float) -> None:
        self._make = make
        self._timeout = timeout
        self._rest: AsyncRest | None = None

    async def run(self, steps: EffectGenerator[LoginStep, T]) -> T:
        """Run the operation of a login with HTTP requests."""
        return await run_login(steps, self.call)

    async def call(self, call: Call, timeout: float | None = None) -> Any:
        """Make one unauthenticated call. Raises as `AsyncRest.call`."""
        if self._rest is None:
            self._rest = self._make(None)
        return await self._rest.call(call, CallOptions(self._timeout if timeout is None else timeout))

    async def takes_key(self, key: ApiKey) -> bool:
        """Whether the daemon accepts this key for REST calls, even if it refuses a login with it."""
        rest = self._make(key)
        try:
            await rest.call(Call("find", "sessions", ({"$limit": 1},)), CallOptions(self._timeout))
        except (DaemonError, LinkError):
            return False
        finally:
            await rest.close()
        return True

    async def close(self) -> None:
        """Close the HTTP connections. Idempotent."""
        rest, self._rest = self._rest, None
        if rest is not None:
            await rest.close()

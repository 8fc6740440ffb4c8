"""Effects: what a sans-IO operation yields (a call, a sleep, a clock read). A driver carries out each and sends the
answer back.

An operation is a generator of effects that returns its result. It knows no socket, no HTTP, no loop, no clock; errors
are raised at its ``yield``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from agor_reactive.models.secrecy import scrub_text

__all__ = [
    "NO_OPTIONS",
    "Call",
    "CallOptions",
    "Effect",
    "EffectGenerator",
    "GetToken",
    "Now",
    "Operation",
    "Sleep",
    "TokenProvider",
]

T = TypeVar("T")
E = TypeVar("E")

EffectGenerator = Generator[E, Any, T]
"""Yields effects of kind `E` and returns a `T`."""


@dataclass(frozen=True, slots=True)
class Call:
    """Make one service call: `args` are the method's own, query last. The answer is the daemon's JSON."""

    method: str
    service: str
    args: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"Call({self.method} {scrub_text(self.service)})"  # arguments may hold prompts and secrets


@dataclass(frozen=True, slots=True)
class Sleep:
    """Sleep for this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """Read a monotonic clock, in seconds."""


Effect = Call | Sleep | Now

TokenProvider = Callable[[], str | Awaitable[str]]


@dataclass(frozen=True, slots=True)
class GetToken:
    """Call the user's token provider. The answer is the token, awaited if needed."""

    provider: TokenProvider


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How each call of an operation is made: the time limit of a request in seconds, and how often it is repeated.

    None is the client's own. `answered` is called with the HTTP answer of each call that succeeds (`RestAnswer`).
    """

    timeout: float | None = None
    max_retries: int | None = None
    answered: Callable[[Any], Any] | None = None


NO_OPTIONS: Final = CallOptions()

Operation = Generator[Effect, Any, T]

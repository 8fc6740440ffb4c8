"""When a call is repeated, and after which pause. The same rules for REST and for a live connection; no IO, no clock.

A call is repeated only where that cannot carry it out twice: it reads, it never reached the daemon, or the daemon
refused it before it did anything (429; 503 with ``Retry-After``). Everything else is the caller's decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from agor_reactive.calls.backoff import Backoff
from agor_reactive.calls.effects import Call, CallOptions
from agor_reactive.calls.methods import is_repeatable
from agor_reactive.errors import CannotConnect, ConnectionLost, TooManyRequests, Unavailable, UsageError

__all__ = ["MAX_RETRIES", "RetryPolicy", "check_max_retries"]

MAX_RETRIES: Final = 2
"""How often a call is repeated by default."""

_REPEATS: Final = Backoff(first=0.2, jitter=(0.5, 1.5))


def check_max_retries(value: Any) -> None:
    """Check a number of repetitions: a whole number, 0 for none. None is the default."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise UsageError(f"max_retries is a whole number, 0 or more, not {value!r}")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is repeated while the daemon is busy or unreachable, and the pauses before that.

    If the daemon asks for a longer pause than `longest_wait`, its refusal is raised at once.
    """

    max_retries: int = MAX_RETRIES
    backoff: Backoff = _REPEATS
    longest_wait: float = 30.0

    def of(self, options: CallOptions) -> RetryPolicy:
        """The policy of one call: its own `max_retries`, if it has one."""
        return self if options.max_retries is None else replace(self, max_retries=options.max_retries)

    def pause(self, call: Call, error: Exception, failed: int, random: Callable[[], float]) -> float | None:
        """The pause before `call` is repeated, in seconds; None to raise `error`. `failed` counts attempts from 1."""
        if failed > self.max_retries or not may_repeat(call, error):
            return None
        asked = error.retry_after if isinstance(error, TooManyRequests | Unavailable) else None
        if asked is None:
            return self.backoff.delay(failed, random)
        return asked + self.backoff.first * random() if asked <= self.longest_wait else None


def may_repeat(call: Call, error: Exception) -> bool:
    """Whether `call` may be sent again after `error` without being carried out twice."""
    if isinstance(error, TooManyRequests | CannotConnect):
        return True
    if isinstance(error, Unavailable) and error.code == 503 and error.retry_after is not None:
        return True  # a pause is asked for instead of work; 502 and 504 come after a gateway passed the call on
    return is_repeatable(call.method, call.service) and isinstance(error, Unavailable | ConnectionLost)

"""From an error of this package to what the core needs to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat

from agor_reactive.core.asks import RETRY_DELAYS
from agor_reactive.core.events import Failure, FailureKind
from agor_reactive.errors import (
    AgorError,
    CallTimeout,
    ConnectionLost,
    Forbidden,
    LinkError,
    MethodNotAllowed,
    NotAuthenticated,
    NotConnected,
    NotFound,
    OutcomeUnknown,
    ServerError,
    TooManyRequests,
)

__all__ = ["failure_of", "retry_delays"]

_KINDS: tuple[tuple[type[AgorError], FailureKind], ...] = (
    (NotAuthenticated, "unauthenticated"),
    (Forbidden, "forbidden"),
    (NotFound, "not_found"),
    (CallTimeout, "timeout"),
    (OutcomeUnknown, "timeout"),
    (ConnectionLost, "link"),
    (NotConnected, "link"),
    (LinkError, "timeout"),
    (ServerError, "server"),
    (TooManyRequests, "server"),
)


def retry_delays() -> Iterator[float]:
    """Seconds to wait before a read that failed is made again: those of the core's own reads, without an end."""
    return chain(RETRY_DELAYS, repeat(RETRY_DELAYS[-1]))


def failure_of(error: AgorError, *, optional: bool) -> Failure:
    """`optional`: what was called may be missing on an older daemon, which is then not a failure of the session."""
    if optional and isinstance(error, NotFound | MethodNotAllowed):
        return Failure("absent", str(error))
    for kind, name in _KINDS:
        if isinstance(error, kind):
            return Failure(name, str(error))
    return Failure("refused", str(error))

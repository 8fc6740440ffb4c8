"""From an error of this package to what the core needs to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat

from agor_reactive.core.events import Failure, FailureKind
from agor_reactive.core.fetches import RETRY_DELAYS
from agor_reactive.errors import (
    AgorError,
    BadRequest,
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
from agor_reactive.models.ids import is_full_id

__all__ = ["failure_of", "no_such_session", "retry_delays"]

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


def no_such_session(error: AgorError, session_id: str) -> AgorError:
    """The error of `get sessions`: a 400 for what is no id means that there is no such session."""
    if isinstance(error, BadRequest) and not is_full_id(session_id):
        return NotFound(f"There is no session {session_id[:40]!r} ({error})", name=error.name, code=404)
    return error


def failure_of(error: AgorError, *, optional: bool) -> Failure:
    """`optional`: what was called may be missing on an older daemon, which is then not a failure of the session."""
    if optional and isinstance(error, NotFound | MethodNotAllowed):
        return Failure("absent", str(error))
    for kind, name in _KINDS:
        if isinstance(error, kind):
            return Failure(name, str(error))
    return Failure("refused", str(error))

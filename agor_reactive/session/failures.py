"""Translates between the errors of this package and the failures that the core folds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

from agor_reactive.core.events import Failure, FailureKind
from agor_reactive.core.fetches import RETRY_DELAYS
from agor_reactive.errors import (
    AgorError,
    AmbiguousId,
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

__all__ = ["MAY_PASS", "error_of", "failure_of", "no_such_session", "retry_delays"]

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


MAY_PASS: Final[frozenset[FailureKind]] = frozenset({"link", "timeout", "server", "unauthenticated"})
"""Kinds of failures after which the same read may succeed."""


def retry_delays() -> Iterator[float]:
    """Seconds to wait before each retry of a failed read: the delays of the core, without an end."""
    return chain(RETRY_DELAYS, repeat(RETRY_DELAYS[-1]))


def no_such_session(error: AgorError, session_id: str) -> AgorError:
    """`NotFound` in place of the 400 that `get sessions` answers for an invalid id; else the error itself."""
    if isinstance(error, BadRequest) and not is_full_id(session_id):
        return NotFound(f"There is no session {session_id[:40]!r} ({error})", name=error.name, code=404)
    return error


def failure_of(error: AgorError, *, optional: bool) -> Failure:
    """The failure that the core folds for an error. `optional`: the service may be missing on an older daemon."""
    if optional and isinstance(error, NotFound | MethodNotAllowed):
        return Failure("absent", str(error))
    if isinstance(error, AmbiguousId):
        unnamed = [match for match in error.matches if match not in str(error)]
        return Failure("refused", f"{error}. Use more of the id" + (f": {', '.join(unnamed)}" if unnamed else ""))
    for kind, name in _KINDS:
        if isinstance(error, kind):
            return Failure(name, str(error))
    return Failure("refused", str(error))


def error_of(failure: Failure) -> AgorError:
    """The error for a fetch that the core gave up: its session or its connection went."""
    return NotFound(failure.text) if failure.kind == "not_found" else NotConnected(failure.text)

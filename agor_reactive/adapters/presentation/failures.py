"""Why an action of a person failed, in their words: what happened and what to do next."""

from __future__ import annotations

from typing import Final, NamedTuple

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.errors import (
    AgorError,
    CallTimeout,
    CannotConnect,
    ConnectionLost,
    HandleDisposed,
    NotAuthenticated,
    NotConnected,
    OutcomeUnknown,
    PayloadTooLarge,
)

__all__ = ["Failure", "failure_of"]


class Failure(NamedTuple):
    """A text, and whether it is outdated as soon as the connection is back."""

    text: str
    passing: bool = False


_AWAY: Final = Failure("Not connected to the daemon. Nothing was sent; try again when the connection is back.", True)
_SILENT: Final = Failure("The daemon did not answer. Try again.", True)
_UNKNOWN: Final = Failure("The connection was lost before the daemon answered. Check what happened before you retry.")
_FAILURES: Final[tuple[tuple[type[AgorError], Failure], ...]] = (
    (NotConnected, _AWAY),
    (CannotConnect, _AWAY),
    (ConnectionLost, _SILENT),
    (CallTimeout, _SILENT),
    (OutcomeUnknown, _UNKNOWN),
    (NotAuthenticated, Failure("Not logged in. Log in and try again.", True)),
    (HandleDisposed, Failure("The handle was released. Retain the session again.")),
    (PayloadTooLarge, Failure("The prompt is too long for this daemon. Shorten it and send it again.")),
)


def failure_of(error: AgorError) -> Failure:
    """Return the text for an error of an action: ours for what the connection did, else the daemon's own."""
    for kind, failure in _FAILURES:
        if isinstance(error, kind):
            return failure
    return Failure(one_line(str(error), 600) or "The daemon refused it without a reason.")

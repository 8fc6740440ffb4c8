"""All errors of agor_reactive, in one tree.

::

    AgorError
    ├── LinkError                connection errors
    │   ├── CannotConnect        no daemon answered at the address
    │   ├── NotConnected         called while the link is down; nothing was sent
    │   ├── ConnectionLost       the link dropped before a read was answered
    │   ├── CallTimeout          a read was sent and not answered in time
    │   └── OutcomeUnknown       a write was sent, its answer was lost: it may have been carried out; never resent
    │       └── DecisionPending  a permission decision was delivered, and the request is still pending
    ├── DaemonError              the daemon answered with an error (its name, code, data)
    │   ├── BadRequest           400, 422
    │   ├── NotAuthenticated     401
    │   │   └── ApiKeyRestOnly   the key is valid over REST, but the daemon accepts none for a live connection
    │   ├── Forbidden            403
    │   ├── NotFound             404, and the other shapes of it
    │   ├── AmbiguousId          a short id of several rows (`matches`)
    │   ├── MethodNotAllowed     405
    │   ├── Conflict             409
    │   ├── TooManyRequests      429 (`retry_after` seconds, if given)
    │   └── ServerError          5xx, and errors without a kind
    │       └── Unavailable      502, 503, 504
    ├── ProtocolError            the daemon sent data that cannot be read
    ├── RecordingFailed          a log could not be written to its end
    └── UsageError               a wrong call
        ├── HandleDisposed       a released handle was used
        ├── UnknownMethod        a service has no such method
        ├── WrongLoop            an object of one event loop was used from another
        ├── PayloadTooLarge      the frame is larger than the daemon accepts; nothing was sent
        └── MissingExtra         an optional extra is not installed

A message says what to do next. None ever holds a key, a token, a daemon's stack trace or its SQL. It is one line of
visible characters: what a daemon wrote into it cannot move a cursor, reorder the line or add one to a log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, TypedDict, Unpack

__all__ = [
    "AgorError",
    "AmbiguousId",
    "ApiKeyRestOnly",
    "BadRequest",
    "CallTimeout",
    "CannotConnect",
    "Conflict",
    "ConnectionLost",
    "DaemonError",
    "DecisionPending",
    "Forbidden",
    "HandleDisposed",
    "LinkError",
    "MethodNotAllowed",
    "MissingExtra",
    "NotAuthenticated",
    "NotConnected",
    "NotFound",
    "OutcomeUnknown",
    "PayloadTooLarge",
    "ProtocolError",
    "RecordingFailed",
    "ServerError",
    "TooManyRequests",
    "Unavailable",
    "UnknownMethod",
    "UsageError",
    "WrongLoop",
]


_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def _visible(character: re.Match[str]) -> str:
    code = ord(character.group())
    if character.group() in "\t\n\r":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)  # its picture: ␛
    return f"<U+{code:04X}>"


class AgorError(Exception):
    """The root: all errors derive from `AgorError`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*(_INVISIBLE.sub(_visible, arg) if isinstance(arg, str) else arg for arg in args))


class LinkError(AgorError):
    """A connection error, without an answer of the daemon."""


class CannotConnect(LinkError):
    """No daemon answered at that address."""


class NotConnected(LinkError):
    """A call was made while the link is down. Nothing was sent."""


class ConnectionLost(LinkError):
    """The link dropped before a read was answered. A repetition is safe."""


class CallTimeout(LinkError):
    """A read was sent and not answered in time (a daemon never answers a method it does not know)."""


class OutcomeUnknown(LinkError):
    """A write was sent and its answer was lost: it may have been carried out. It is never resent."""


class DecisionPending(OutcomeUnknown):
    """A permission decision was delivered several times and its request is still pending. A repetition is safe."""


class _Facts(TypedDict, total=False):
    name: str | None
    code: int | str | None
    data: Any


class DaemonError(AgorError):
    """The daemon answered with an error.

    `name`, `code` and `data` are as the daemon gave them (`code` may be an int, a string such as ``"NOT_FOUND"``, or
    None), except that stack traces, SQL and parameters are dropped.
    """

    def __init__(
        self, message: str, *, name: str | None = None, code: int | str | None = None, data: Any = None
    ) -> None:
        super().__init__(message)
        self.message = str(self)
        self.name = name
        self.code = code
        self.data = data


class BadRequest(DaemonError):
    """The daemon refused the request as invalid (400, 422)."""


class NotAuthenticated(DaemonError):
    """No login, or an invalid one (401)."""


class ApiKeyRestOnly(NotAuthenticated):
    """The daemon accepts the API key over REST, but neither for a login nor for a live connection.

    This is so on daemons of August 2026 (0.25). E-mail and password, or an access token, open a live connection there.
    """


class Forbidden(DaemonError):
    """Logged in, but not allowed (403)."""


class NotFound(DaemonError):
    """No such row, route or service."""


class AmbiguousId(DaemonError):
    """A short id matches several rows; `matches` lists their full ids."""

    def __init__(self, message: str, *, matches: Sequence[str] = (), **facts: Unpack[_Facts]) -> None:
        super().__init__(message, **facts)
        self.matches = tuple(matches)


class MethodNotAllowed(DaemonError):
    """The service does not have the method (405)."""


class Conflict(DaemonError):
    """The state of the row does not allow the call (409)."""


class TooManyRequests(DaemonError):
    """The daemon asks to slow down (429); `retry_after` is in seconds, or None."""

    def __init__(self, message: str, *, retry_after: float | None = None, **facts: Unpack[_Facts]) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after


class ServerError(DaemonError):
    """The daemon failed (5xx), or gave no kind for its error."""


class Unavailable(ServerError):
    """The daemon, or a proxy in front of it, is not ready (502, 503, 504); `retry_after` is in seconds, or None.

    After 502 and 504 a write may have been carried out. 503 with `retry_after` refuses it: nothing was done.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        name: str | None = None,
        code: int | str | None = None,
        data: Any = None,
    ) -> None:
        super().__init__(message, name=name, code=code, data=data)
        self.retry_after = retry_after


class ProtocolError(AgorError):
    """The daemon sent data that cannot be read."""


class RecordingFailed(AgorError):
    """A log could not be written to its end: the disk is full, or the file is gone. What was written can be read."""


class UsageError(AgorError):
    """A wrong call."""


class HandleDisposed(UsageError):
    """A handle was used after its last release."""


class UnknownMethod(UsageError, AttributeError):
    """A service has no such method; the message names one that is spelled alike."""


class WrongLoop(UsageError):
    """An object that belongs to one event loop was used from another."""


class PayloadTooLarge(UsageError):
    """The frame is larger than the daemon accepts over a socket. Nothing was sent."""


class MissingExtra(UsageError, ImportError):
    """An optional extra of this package is not installed; the message names it."""

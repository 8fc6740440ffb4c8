"""The FeathersJS codec: calls to frames, acks to results, errors of any shape to `AgorError` classes.

Bytes and dictionaries in, values and errors out; knows no socket, no HTTP library, no loop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from math import inf
from numbers import Integral, Real
from typing import Any, Final

import orjson
from pydantic import SecretStr

from agor_reactive.errors import (
    AmbiguousId,
    BadRequest,
    Conflict,
    DaemonError,
    Forbidden,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    ProtocolError,
    ServerError,
    TooManyRequests,
    Unavailable,
    UsageError,
)
from agor_reactive.models.base import WireModel
from agor_reactive.transport.redaction import scrub, scrub_text

__all__ = [
    "DEFAULT_MAX_PAYLOAD",
    "Unreadable",
    "arguments",
    "checked_frame",
    "daemon_error",
    "dumps",
    "loads",
    "moment",
    "read_ack",
    "service_path",
]

DEFAULT_MAX_PAYLOAD: Final = 1_000_000
"""The largest frame that a daemon accepts when its handshake names no limit, in bytes."""

# Socket.IO puts `42`, an ack id and the engine's own message type around the JSON.
_FRAME_OVERHEAD: Final = 16

# method -> (least, most) arguments; the last one is the optional query.
_ARITY: Final[Mapping[str, tuple[int, int]]] = {
    "find": (0, 1),
    "get": (1, 2),
    "create": (1, 2),
    "update": (2, 3),
    "patch": (2, 3),
    "remove": (1, 2),
}
_CUSTOM_ARITY: Final = (0, 2)


def dumps(value: Any) -> bytes:
    """Encode `value` as JSON: rows in their wire form, datetimes as `moment` writes them. Raises `UsageError`."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME)
    except (TypeError, RecursionError) as error:
        raise UsageError(f"this cannot be sent as JSON: {error}") from None


# Every escape of a JSON string, so that an escaped backslash before a `u` is not mistaken for one.
_ESCAPE: Final = re.compile(
    r"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")


def loads(text: str | bytes) -> Any:
    """Decode JSON; lone surrogates become U+FFFD. Raises ValueError for invalid JSON, or JSON nested too deep.

    JavaScript writes a string that was cut inside a surrogate pair (an emoji) as an escape like ``\\ud83d`` that no
    UTF-8 can hold, and strict decoders refuse the whole text for it.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
        if isinstance(text, str):
            plain = text.encode("utf-8", "replace").decode()
        if _HALF.search(plain) is None and plain == text:
            raise
        return orjson.loads(_ESCAPE.sub(_whole, plain))


def _whole(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape.group(2) else escape.group(0)


class Unreadable:
    """Replaces an ack whose frame cannot be read: `read_ack` raises for it."""


def moment(value: datetime) -> str:
    """Format a datetime as rows of the wire do (UTC, milliseconds, ``Z``), so that it compares with theirs.

    A naive datetime is local time, as everywhere in Python.
    """
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, WireModel):
        return value.to_wire()
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Integral):  # numpy integers, and other integers that are not int
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def service_path(path: str) -> str:
    """Strip the outer slashes of a service path, which daemons tolerate. Raises `UsageError` for an empty one."""
    trimmed = path.strip("/") if isinstance(path, str) else ""
    if not trimmed or any(part in ("", ".", "..") for part in trimmed.split("/")):
        raise UsageError(f"{path!r} is not a service path; examples are 'sessions' and 'sessions/<id>/prompt'")
    return trimmed


def arguments(method: str, service: str, args: Sequence[Any]) -> list[Any]:
    """Build the frame of one call: ``[method, service, *args]``, without an absent trailing query.

    Raises `UsageError` for a number of arguments that the method does not take (the daemon answers 400), and for an
    empty id (over REST it would name the whole collection).
    """
    path = service_path(service)
    least, most = _ARITY.get(method, _CUSTOM_ARITY)
    if not least <= len(args) <= most:
        raise UsageError(f"{method} {path} takes {least} to {most} arguments, not {len(args)}")
    if method in ("get", "update", "patch", "remove"):
        _check_id(method, path, args[0])
    frame = [method, path, *args]
    if len(args) > least and args[-1] is None:
        frame.pop()
    return frame


def _check_id(method: str, path: str, row_id: Any) -> None:
    if row_id is None and method in ("patch", "remove"):
        return  # every row that matches the query, where the service allows it
    if isinstance(row_id, WireModel):
        raise UsageError(f"{method} {path} takes an id, not a whole row; pass its {row_id.id_field or 'id'}")
    if row_id is None or str(row_id).strip() in ("", ".", ".."):
        raise UsageError(f"{method} {path}: {row_id!r} is not an id")


def checked_frame(method: str, service: str, args: Sequence[Any], *, max_payload: int) -> list[Any]:
    """Build the frame of one call and check its size. Raises `UsageError` or `PayloadTooLarge`; nothing was sent.

    A frame above `max_payload` bytes is never answered: the daemon closes the connection over it.
    """
    frame = arguments(method, service, args)
    size = len(dumps(frame)) + _FRAME_OVERHEAD
    if size > max_payload:
        raise PayloadTooLarge(
            f"{method} {frame[1]}: {size:,} bytes, and this daemon accepts {max_payload:,} bytes per call over the "
            "live link. Nothing was sent. Shorten it, or send it over REST (create_rest_client), which takes about 10 "
            "MB."
        )
    return frame


def read_ack(args: Sequence[Any]) -> Any:
    """Read an ack: returns the result of a success (a pair), or raises the `DaemonError` of a failure (a single
    value)."""
    if not args:
        return None
    if args[0] is Unreadable:
        raise ProtocolError(
            "the daemon's answer cannot be read (broken JSON, or nested too deep). The call may have been carried out"
        )
    if args[0] is not None:
        raise daemon_error(args[0])
    return args[1] if len(args) > 1 else None


# ---- errors -------------------------------------------------------------------------------------------------------

_BY_STATUS: Final[Mapping[int, type[DaemonError]]] = {
    400: BadRequest,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    410: NotFound,
    422: BadRequest,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
_BY_NAME: Final[Mapping[str, type[DaemonError]]] = {
    **{kind.__name__: kind for kind in _BY_STATUS.values()},
    **dict.fromkeys(("NotFoundError", "EntityNotFoundError", "NOT_FOUND"), NotFound),
    "Unprocessable": BadRequest,
    "BadGateway": Unavailable,
}
# Plain exceptions of the daemon, which over REST all come as a 500 and over a socket without a code.
_BY_MESSAGE: Final[tuple[tuple[re.Pattern[str], type[DaemonError]], ...]] = (
    (re.compile(r"(?<!\w)\w+ not found: "), NotFound),
    (re.compile(r"Permission request .+ not found$"), NotFound),
    (re.compile(r"JWT type is not valid"), NotAuthenticated),
    (re.compile(r"Invalid or expired executor token"), NotAuthenticated),
    (re.compile(r"Password change required"), Forbidden),
    (re.compile(r"request entity too large"), BadRequest),
)
_AMBIGUOUS: Final = re.compile(r"Ambiguous ID prefix\b")
_MATCHES: Final = re.compile(r"matches?: ([^):]*)\)")
_SQL: Final = re.compile(r"Failed query\b.*", re.DOTALL)
# All of these take linear time: no start of a match looks at more than its own line or tag, and a start that may look
# to the end of the text always matches, so that the next one begins behind it.
_TRACE: Final = re.compile(r"\n[^\S\n]+at .*", re.DOTALL)
_PARAMS: Final = re.compile(r"\n[^\S\n]*params\s*:.*", re.DOTALL | re.IGNORECASE)
_TAGS: Final = re.compile(
    r"<(?:head|script|style)\b(?:.*?</(?:head|script|style)>|.*)|<[^<>]*>", re.DOTALL | re.IGNORECASE
)
_LONGEST_MESSAGE: Final = 1_000

# The fields of the error object itself; all other fields are its data.
_ENVELOPE: Final = frozenset({"name", "message", "code", "className", "type", "errors", "data", "status", "statusCode"})


def daemon_error(body: Any, *, status: int | None = None, retry_after: float | None = None) -> DaemonError:
    """Convert a daemon's error answer of any shape to an error. Never raises; the error holds no stack, SQL or secret.

    `body` is the decoded JSON of an ack or of an HTTP answer, or the text of a page; `status` the HTTP status, if any.
    """
    if not isinstance(body, Mapping):
        return _from_page(body, status=status, retry_after=retry_after)
    name = body.get("name") if isinstance(body.get("name"), str) else None
    code = _code(body, status)
    raw = body.get("message")
    message = _readable(raw if isinstance(raw, str) else "", body) or _nameless(name, code, status)
    kind = _kind(name, code, raw if isinstance(raw, str) else "", status)
    data = _data(body)
    if kind is AmbiguousId:
        return AmbiguousId(message, matches=_matches(body, message), name=name, code=code, data=data)
    if kind is TooManyRequests or kind is Unavailable:
        asked = retry_after if retry_after is not None else _asked_pause(data)
        return kind(message, retry_after=asked, name=name, code=code, data=data)
    return kind(message, name=name, code=code, data=data)


def _asked_pause(data: Any) -> float | None:
    """The pause that an ack asks for, in seconds: it has no headers, so its data may name it."""
    asked = data.get("retryAfter", data.get("retry_after")) if isinstance(data, Mapping) else None
    return float(asked) if isinstance(asked, int | float) and not isinstance(asked, bool) and 0 <= asked < inf else None


def _code(body: Mapping[Any, Any], status: int | None) -> int | str | None:
    code = body.get("code")
    if isinstance(code, bool) or not isinstance(code, (int, str)):
        numbers = [body.get(name) for name in ("status", "statusCode")]
        return next((n for n in numbers if isinstance(n, int) and not isinstance(n, bool)), status)
    if isinstance(code, str):
        return int(code) if code.isascii() and code.isdigit() and len(code) < 6 else scrub_text(code[:80])
    return code


def _kind(name: str | None, code: int | str | None, message: str, status: int | None) -> type[DaemonError]:
    if name == "AmbiguousIdError" or _AMBIGUOUS.match(message):
        return AmbiguousId
    if isinstance(code, int) and code in _BY_STATUS:
        return _BY_STATUS[code]
    if code == "NOT_FOUND":
        return NotFound
    if name is not None and name in _BY_NAME:
        return _BY_NAME[name]
    for pattern, kind in _BY_MESSAGE:
        if pattern.match(message):
            return kind
    for number in (code, status):
        if isinstance(number, int) and number in _BY_STATUS:
            return _BY_STATUS[number]
        if isinstance(number, int) and 400 <= number < 500:
            return BadRequest
    return ServerError


def _readable(message: str, body: Mapping[Any, Any]) -> str:
    if _SQL.search(message) or "query" in body or "params" in body:
        cause = body.get("cause")
        why = cause.get("code") if isinstance(cause, Mapping) else None
        hint = f" ({why[:60]})" if isinstance(why, str) else ""
        stripped = _SQL.sub("", message).rstrip(" :\n") if _SQL.search(message) else ""
        message = (
            f"{stripped}: the daemon's database refused this{hint}"
            if stripped
            else f"The daemon's database refused this{hint}"
        )
    message = _PARAMS.sub("", _TRACE.sub("", message)).strip()
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + "…"
    return scrub_text(message)


def _nameless(name: str | None, code: int | str | None, status: int | None) -> str:
    what = name or (f"HTTP {status}" if status is not None else None) or (str(code) if code is not None else None)
    return f"The daemon answered with an error ({what})" if what else "The daemon answered with an error"


def _data(body: Mapping[Any, Any]) -> Any:
    data = body.get("data")
    if data is None:
        data = {key: value for key, value in body.items() if key not in _ENVELOPE} or None
        errors = body.get("errors")
        if data is None and errors:
            data = errors
    return scrub(_without_internals(data)) or None


_INTERNALS: Final = frozenset({"stack", "query", "params", "sql", "cause", "statement", "bindings"})


def _without_internals(value: Any, depth: int = 0) -> Any:
    if depth > 16:
        return None
    if isinstance(value, Mapping):
        return {k: _without_internals(v, depth + 1) for k, v in value.items() if str(k).lower() not in _INTERNALS}
    if isinstance(value, (list, tuple)):
        return [_without_internals(item, depth + 1) for item in value]
    if isinstance(value, str) and (_SQL.search(value) or _TRACE.search(value)):
        return _TRACE.sub("", _SQL.sub("", value)).strip()
    return value


def _matches(body: Mapping[Any, Any], message: str) -> tuple[str, ...]:
    for holder in (body, body.get("data")):
        if isinstance(holder, Mapping) and isinstance(holder.get("matches"), (list, tuple)):
            return tuple(str(match) for match in holder["matches"])
    found = _MATCHES.search(message)  # over REST only the message contains the list
    return tuple(part.strip() for part in found.group(1).split(",") if part.strip()) if found else ()


def _from_page(body: Any, *, status: int | None, retry_after: float | None) -> DaemonError:
    """Convert an error without a JSON object: an HTML page of express or a proxy, or a bare string."""
    text = body if isinstance(body, str) else ""
    kind = _kind(None, status, text, status)
    said = _readable(" ".join(_TAGS.sub(" ", text).split()), {})[:200]
    message = f"HTTP {status}: {said}" if status is not None and said else said or _nameless(None, None, status)
    if kind is TooManyRequests or kind is Unavailable:
        return kind(message, retry_after=retry_after, code=status)
    if kind is AmbiguousId:
        return AmbiguousId(message, matches=_matches({}, message), code=status)
    return kind(message, code=status)

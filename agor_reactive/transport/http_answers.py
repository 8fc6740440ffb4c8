"""What httpx2 gives back: the body of an answer up to a size limit, and the error for an exception. No IO."""

from __future__ import annotations

import httpx2

from agor_reactive.calls.methods import is_repeatable, lost_in_flight
from agor_reactive.errors import CallTimeout, OutcomeUnknown, ProtocolError, UsageError
from agor_reactive.models.secrecy import scrub_text
from agor_reactive.transport.rest import RestAnswer, Send, never_reached

__all__ = ["Body", "QuietURL", "link_error"]


class QuietURL(httpx2.URL):
    """A URL whose text omits the query: httpx2 logs every URL at INFO, and a query may hold private data."""

    def __str__(self) -> str:
        return scrub_text(super().__str__().partition("?")[0])

    __repr__ = __str__


class Body:
    """Collects the body of an answer, up to a size limit."""

    def __init__(self, response: httpx2.Response, send: Send, most: int) -> None:
        self._response = response
        self._send = send
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0
        length = response.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > most:
            self._refuse()

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part)
        if self._size > self._most:
            self._refuse()

    def answer(self) -> RestAnswer:
        return RestAnswer(self._response.status_code, b"".join(self._parts), self._response.headers)

    def _refuse(self) -> None:
        call = self._send.what
        raise ProtocolError(
            f"{call.method} {call.service}: the answer is larger than {self._most:,} bytes and was not read. Request "
            "less ($limit, $select), or allow more (max_response=)"
        )


def link_error(error: Exception, send: Send, url: str) -> Exception:
    """Convert an httpx2 exception to the error of this call."""
    call, why = send.what, type(error).__name__
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)):
        return never_reached(call, url, str(error) or why)
    if isinstance(error, httpx2.TimeoutException):
        what = f"{call.method} {call.service}: no answer in time"
        if is_repeatable(call.method, call.service):
            return CallTimeout(f"{what}. Try again, or allow more time (timeout=, in seconds)")
        return OutcomeUnknown(f"{what}; it may have been carried out. Check before you repeat it")
    if isinstance(error, httpx2.LocalProtocolError):  # its text may contain the header, and so the key
        return UsageError(
            f"{call.method} {call.service}: the request contains characters that HTTP cannot carry. Nothing was sent"
        )
    if isinstance(error, (httpx2.UnsupportedProtocol, httpx2.InvalidURL)):
        return UsageError(f"no request to {url} is possible ({why})")
    if isinstance(error, (httpx2.DecodingError, httpx2.TooManyRedirects)):
        return ProtocolError(f"{call.method} {call.service}: the answer cannot be read ({why})")
    return lost_in_flight(call.method, call.service, scrub_text(str(error)[:100]) or why)

"""POST requests of sinks over httpx2: what an answer means for the record, and URLs that no log shows.

The URL of a webhook is a secret: it is enough to post with. httpx2 logs every URL at INFO.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2
from pydantic import SecretStr

from agor_reactive.errors import UsageError
from agor_reactive.models.secrecy import hide, reveal_values
from agor_reactive.sinks.protocol import SinkRefused, SinkUnavailable
from agor_reactive.transport.environment import UNUSABLE, unusable

__all__ = ["Poster", "header_text", "json_body", "retry_after_of"]

_MOST: Final = 65_536
_PASSING: Final = frozenset({408, 409, 425, 429})
_HINTS: Final = {401: "check the secret", 403: "check the secret", 404: "check the URL", 410: "check the URL"}


class _HostOnlyURL(httpx2.URL):
    """A URL whose text is its host only."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}/…"

    __repr__ = __str__


class Poster:
    """POSTs to one URL. `what` names the destination in messages; `timeout` in seconds, for a whole request.

    `transport` is an httpx2 transport, for tests and special networks. Raises `UsageError` for a URL that is none.
    """

    def __init__(
        self,
        url: str | SecretStr,
        what: str,
        *,
        timeout: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        url = _checked(hide(url), what)
        self.what = what
        self._url = url
        self._timeout = timeout
        self._transport = transport
        self._wall = wall
        self._client: httpx2.AsyncClient | None = None

    async def open(self) -> None:
        """Make the client. Raises `UsageError` for unusable proxies or certificates in the environment."""
        if self._client is None:
            try:
                # Loading the system's certificates takes longer than a request, and plain HTTP does not need them.
                is_tls = self._url.get_secret_value().lower().startswith("https:")
                self._client = httpx2.AsyncClient(
                    timeout=self._timeout,
                    transport=self._transport,
                    follow_redirects=False,
                    verify=is_tls,
                )
            except (*UNUSABLE, httpx2.InvalidURL) as error:
                raise unusable(error) from None

    async def close(self) -> None:
        """Close its connections. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def post(self, body: bytes, headers: Mapping[str, str | SecretStr], *, written: int) -> bytes:
        """POST JSON; the first 64 kB of a 2xx answer, or what came before it was cut. `written` goes into the errors.

        Raises `SinkUnavailable` for no answer, 408, 409, 425, 429 and 5xx, `SinkRefused` for any other answer.
        """
        await self.open()
        assert self._client is not None
        request = self._client.build_request(
            "POST",
            self._url.get_secret_value(),
            content=body,
            headers={"Content-Type": "application/json; charset=utf-8", **reveal_values(headers)},
        )
        request.url = _HostOnlyURL(request.url)
        response: httpx2.Response | None = None
        answer = b""
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.send(request, stream=True)
                try:
                    async for part in response.aiter_bytes():
                        answer += part
                        if len(answer) >= _MOST:
                            break
                finally:
                    await response.aclose()
        except (httpx2.HTTPError, TimeoutError) as error:
            # A status is an answer, also if the body after it was cut. Without one, the request may have been taken:
            # it is sent again under the same key.
            if response is None:
                raise SinkUnavailable(f"{self.what}: no answer ({type(error).__name__})", written=written) from None
        status = response.status_code
        if 200 <= status < 300:
            return answer
        if status in _PASSING or status >= 500:
            after = retry_after_of(response.headers.get("retry-after", ""), self._wall)
            raise SinkUnavailable(f"{self.what} answered {status}", written=written, retry_after=after)
        hint = f"; {_HINTS[status]}" if status in _HINTS else ""
        text = answer[:200].decode("utf-8", "replace").strip()
        said = f": {text}" if text else ""
        raise SinkRefused(f"{self.what} answered {status}{hint}{said}", written=written)


def _checked(url: SecretStr, what: str) -> SecretStr:
    """The URL without blanks around it. Messages do not contain it."""
    try:
        parsed = httpx2.URL(url.get_secret_value().strip())
        usable = parsed.scheme in ("http", "https") and bool(parsed.host)
    except (httpx2.InvalidURL, TypeError):
        usable = False
    if not usable:
        raise UsageError(f"the URL of {what} does not begin with https://") from None
    return SecretStr(url.get_secret_value().strip())


def retry_after_of(value: str, wall: Callable[[], float]) -> float | None:
    """Seconds of a Retry-After header: a number, or an HTTP date; None if it is neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - wall())
    except (ValueError, TypeError, OverflowError):
        return None


def header_text(key: str) -> str:
    """The key as a header can carry it; one with other characters is replaced by its digest."""
    if key and key.isascii() and key.isprintable() and key == key.strip():
        return key
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def json_body(value: Any) -> bytes:
    """JSON in UTF-8. Lone surrogates, which JSON.stringify writes, become U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()

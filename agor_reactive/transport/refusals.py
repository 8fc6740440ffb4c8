"""Converts a refused Socket.IO connection to an error, with a message for each kind. No IO.

A connection is refused in two places. The daemon answers the CONNECT packet with a ``connect_error`` (a message, and
``data`` on newer daemons); a proxy, a TLS layer or another server answers the HTTP request before any packet. Facts of
the wire: today's daemon refuses every bad identity with ``data.code`` 401 and one text, whether the token is missing,
expired, revoked, or could not be checked; a closed tenant has ``data.code`` ``"tenant_restricted"``; daemons of
August 2026 send the text without ``data``.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

import aiohttp

from agor_reactive.errors import AgorError, CannotConnect, Forbidden, NotAuthenticated
from agor_reactive.models.secrecy import scrub_text

__all__ = ["TENANT_RESTRICTED", "Redirected", "refused_by_daemon", "refused_on_the_way"]

TENANT_RESTRICTED: Final = "tenant_restricted"

_IDENTITY: Final = re.compile(r"authenticat|token|session expired|log ?in", re.IGNORECASE)
_STATUS: Final = re.compile(r"status code (\d{3})")
_LONGEST: Final = 200


class Redirected(aiohttp.ClientConnectionError):
    """The address redirects to `target`. Following it would send the credentials there."""

    def __init__(self, target: str) -> None:
        super().__init__("the address redirects")
        self.target = scrub_text(target.partition("?")[0])[:_LONGEST]


def refused_by_daemon(answer: Any, url: str) -> AgorError:
    """The error for the payload of a ``connect_error``.

    `NotAuthenticated` for a refused identity, `Forbidden` for a closed tenant (retries do not help), and
    `CannotConnect` for everything else, which may be temporary.
    """
    body = answer if isinstance(answer, Mapping) else {"message": answer}
    data = body.get("data")
    facts: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    message = body.get("message")
    said = scrub_text(message[:_LONGEST]) if isinstance(message, str) and message else "no reason given"
    code, name = facts.get("code"), facts.get("name") or facts.get("className")
    name = name if isinstance(name, str) else None
    if code == TENANT_RESTRICTED:
        return Forbidden(
            f"{url} does not admit this workspace now ({said}); ask the daemon's administrator",
            name=name,
            code=TENANT_RESTRICTED,
        )
    if code == 401 or name == "not-authenticated" or (code is None and _IDENTITY.search(said)):
        return NotAuthenticated(said, name=name, code=401)
    if code == 403:
        return Forbidden(f"{url} refused the connection ({said})", name=name, code=403)
    return CannotConnect(f"{url} refused the connection ({said}); the daemon's log may say more")


def refused_on_the_way(error: BaseException, url: str) -> CannotConnect:
    """The error for a connection that ended before the daemon's Socket.IO server answered."""
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, Redirected):
            return CannotConnect(f"{url} redirects to {cause.target}; use that address, if you trust it")
        if isinstance(cause, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
            return CannotConnect(
                f"the TLS certificate of {url} is not trusted ({_text(causes[-1])}); "
                "name the authority that signed it (verify=, or SSL_CERT_FILE)"
            )
        if isinstance(cause, ssl.SSLError | aiohttp.ClientSSLError):
            return CannotConnect(f"no TLS connection to {url} ({_text(causes[-1])}); is it https there?")
    status = next((found for cause in causes if (found := _status(cause)) is not None), None)
    if status is not None and status != 200:
        return CannotConnect(_about_status(status, url))
    return CannotConnect(f"no Agor daemon answered at {url} ({_text(causes[-1])}); is it running?")


def _about_status(status: int, url: str) -> str:
    before = f"HTTP {status} instead of a Socket.IO connection at {url}"
    if status in (401, 403, 407):
        return f"{before}: a proxy in front of the daemon refuses the connection; it may need extra headers (headers=)"
    if status == 404:
        return f"{before}: there is no Socket.IO server at this path; check the address"
    if status == 429:
        return f"{before}: too many connections; wait before you reconnect"
    if status >= 500:
        return f"{before}: a gateway answers instead of the daemon, which may be starting. Try again"
    return f"{before}: is this the address of an Agor daemon?"


def _status(error: BaseException) -> int | None:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return error.status
    found = _STATUS.search(str(error))
    return int(found.group(1)) if found else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, the innermost last."""
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        yield inner
        inner = inner.__cause__ or inner.__context__


def _text(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return scrub_text(str(text))[:_LONGEST]

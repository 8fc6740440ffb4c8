"""Every kind of refused connection: its message, and the behaviour afterwards."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agor_reactive.errors import AgorError, CannotConnect, Forbidden, NotAuthenticated
from agor_reactive.transport.credentials import ApiKey, Jwt
from agor_reactive.transport.refusals import refused_by_daemon
from agor_reactive.transport.socketio import SocketLink
from tests.transport.conftest import Received
from tests.transport.feathers import FeathersServer, until
from tests.transport.tls_and_proxy import certificate

KEY = ApiKey("agor_sk_good")
GENERIC = "Invalid or expired authentication token"
NOT_AUTHENTICATED = (GENERIC, {"code": 401, "className": "not-authenticated"})


class Refused(NamedTuple):
    """What the daemon says to a connect, the error and words it becomes, and whether the link tries again alone."""

    says: tuple[Any, ...]
    error: type[AgorError]
    words: str
    retried: bool


TABLE = {
    "missing, expired, revoked or unknown": Refused(NOT_AUTHENTICATED, NotAuthenticated, "authenticate again", False),
    "without data (August 2026)": Refused((GENERIC,), NotAuthenticated, "authenticate again", False),
    "a refresh token (August 2026)": Refused(("Invalid token type",), NotAuthenticated, "authenticate again", False),
    "session expired": Refused(
        ("Session expired, please login again", {"code": 401}), NotAuthenticated, "authenticate again", False
    ),
    "tenant restricted": Refused(
        ("Tenant access is restricted", {"code": "tenant_restricted"}),
        Forbidden,
        "does not admit this workspace",
        False,
    ),
    "forbidden": Refused(("No", {"code": 403}), Forbidden, "refused the connection", False),
    "restriction unreadable": Refused(
        ("Tenant access cannot be verified", {"code": 503}), CannotConnect, "refused the connection", True
    ),
    "internal fault": Refused(("Unexpected failure", {"code": 500}), CannotConnect, "refused the connection", True),
    "nothing said": Refused((), CannotConnect, "refused the connection", True),
}


@pytest.mark.parametrize("name", TABLE)
async def test_a_refusal_when_opening_is_raised_in_words_that_fit(server: FeathersServer, name: str) -> None:
    refused = TABLE[name]
    server.handshake = True
    server.refusals = [refused.says or ()] * 5
    link = SocketLink(server.url, credentials=Jwt(server.mint()), ways={server.url: "handshake"})
    with pytest.raises(refused.error, match=refused.words) as caught:
        await link.open()
    assert "is it running" not in str(caught.value)
    assert server.connections == 1, "a token that nothing can renew is shown once"


@pytest.mark.parametrize("name", TABLE)
async def test_a_refusal_on_a_reconnect_is_tried_again_only_where_that_can_help(
    server: FeathersServer, name: str
) -> None:
    refused = TABLE[name]
    server.handshake = True
    async with Received(server.url, credentials=KEY, ways={server.url: "handshake"}) as received:
        server.refusals = [refused.says or ()] * 3
        server.abort()
        if refused.retried:
            await until(lambda: received.link.status.phase == "live" and received.link.status.epoch == 2)
            reasons = [status.reason or "" for status in received.statuses if status.attempt]
            assert any(refused.words in reason for reason in reasons)
            return
        await until(lambda: received.link.status.phase == "unauthenticated")
        assert refused.words in (received.link.status.reason or "")
        tries = 2 if refused.error is NotAuthenticated else 1
        assert server.connections == 1 + tries, "refreshed once and tried once more, or not at all"
        assert server.requests.count(("POST", "authentication/refresh")) == tries - 1
        server.refusals = []
        await received.link.renew()
        assert received.link.status.phase == "live"


def test_what_a_daemon_says_never_carries_a_token_on() -> None:
    said = refused_by_daemon({"message": "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln refused"}, "http://h")
    assert "eyJ" not in str(said)


# ---- something before the daemon ----


@asynccontextmanager
async def answering(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that gives every request the same answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the caller has gone
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(status: str, *headers: str, body: bytes = b"<html>no</html>") -> bytes:
    head = [f"HTTP/1.1 {status}", "content-type: text/html", f"content-length: {len(body)}", "connection: close"]
    return "\r\n".join([*head, *headers, "", ""]).encode() + body


ON_THE_WAY: dict[str, tuple[bytes, str]] = {
    "proxy 403": (http("403 Forbidden"), "HTTP 403 .* a proxy"),
    "proxy 407": (http("407 Proxy Authentication Required"), "HTTP 407 .* a proxy"),
    "HTML 502": (http("502 Bad Gateway"), "HTTP 502 .* a gateway answers instead of the daemon"),
    "too many": (http("429 Too Many Requests"), "HTTP 429 .* wait"),
    "another server": (http("404 Not Found"), "HTTP 404 .* check the address"),
    "redirect": (
        http("302 Found", "location: http://elsewhere.example/?k=v"),
        "redirects to http://elsewhere.example/",
    ),
}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("name", ON_THE_WAY)
async def test_what_answers_in_place_of_the_daemon_is_named(name: str, transport: str) -> None:
    answer, words = ON_THE_WAY[name]
    async with answering(answer) as place:
        with pytest.raises(CannotConnect, match=words) as caught:
            await SocketLink(f"http://{place}", transports=(transport,), ways={}).open()
    assert "is it running" not in str(caught.value)


@pytest.mark.parametrize("secure", [False, True], ids=["http to http", "https to http"])
async def test_a_redirect_gets_no_token(secure: bool, tmp_path: Path) -> None:
    seen: list[bytes] = []
    context = None
    trusted: ssl.SSLContext | bool = True
    if secure:
        chain, key = certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        trusted = ssl.create_default_context(cafile=str(chain))

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(65536))
        writer.close()

    async with await asyncio.start_server(target, "127.0.0.1", 0) as other:
        where = f"location: http://127.0.0.1:{other.sockets[0].getsockname()[1]}/socket.io/"
        async with answering(http("307 Temporary Redirect", where), context) as place:
            url = f"https://localhost:{place.partition(':')[2]}" if secure else f"http://{place}"
            with pytest.raises(CannotConnect, match=r"redirects to http://127\.0\.0\.1"):
                await SocketLink(url, credentials=Jwt("token"), verify=trusted, ways={url: "handshake"}).open()
    assert seen == []


async def test_a_certificate_that_is_not_trusted_is_said_to_be_the_fault(tmp_path: Path) -> None:
    trusted_by_nobody, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted_by_nobody, key)
    async with answering(http("200 OK"), context) as place:
        with pytest.raises(CannotConnect, match=r"certificate of .* is not trusted"):
            await SocketLink(f"https://{place}", ways={}).open()


async def test_https_where_there_is_none_is_said_to_be_the_fault() -> None:
    async with answering(http("400 Bad Request")) as place:
        with pytest.raises(CannotConnect, match="https"):
            await SocketLink(f"https://{place}", ways={}, connect_timeout=1.0).open()

"""What httpx2 users expect of a client: authorities, proxies, timeouts, bounds; on the live link too."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

import agor_reactive as agor
from agor_reactive.calls.answers import DEEPEST
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.errors import (
    CallTimeout,
    CannotConnect,
    ConnectionLost,
    OutcomeUnknown,
    ProtocolError,
    TooManyRequests,
    UsageError,
)
from tests.transport.rest_server import Reply, RestServer
from tests.transport.tls_and_proxy import certificate, through_proxy, through_tls


@pytest.fixture
def api_version() -> str:
    return "branches"


@pytest.fixture
def server() -> Iterator[RestServer]:
    server = RestServer()
    yield server
    server.stop()


async def ask_everywhere(url: str, key: str, **options: Any) -> None:
    """One read on every kind of client."""
    async with agor.create_client(url, api_key=key, **options) as live:
        await live.service("boards").find()
    async with agor.create_async_rest_client(url, api_key=key, **options) as rest:
        await rest.service("boards").find()

    def script() -> None:
        with agor.create_rest_client(url, api_key=key, **options) as client:
            client.service("boards").find()
        with agor.connect(url, api_key=key, **options) as client:
            client.service("boards").find()

    await asyncio.to_thread(script)


async def test_an_authority_of_ones_own_is_trusted_when_told(daemon: EmbeddedDaemon, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    async with through_tls(daemon.url, cert, key) as url:
        await ask_everywhere(url, daemon.api_key, verify=str(cert))
        await ask_everywhere(url, daemon.api_key, verify=cert)
        await ask_everywhere(url, daemon.api_key, verify=ssl.create_default_context(cafile=str(cert)))
        await ask_everywhere(url, daemon.api_key, verify=False)


async def test_a_closed_link_over_tls_has_no_socket_left(daemon: EmbeddedDaemon, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    ends: list[Any] = []
    async with through_tls(daemon.url, cert, key, ends) as url:
        client = agor.create_client(url, api_key=daemon.api_key, verify=cert)
        await client.open()
        link: Any = client.link
        sock = link._state.connection._sio.eio.ws.get_extra_info("socket")
        assert sock.fileno() > 0
        # Who does not answer the farewell of TLS is not waited for: a loop that ends now would leave it open.
        for end in ends:
            end.pause_reading()
        await client.close()
        assert sock.fileno() == -1
        for end in ends:
            end.resume_reading()


async def test_an_authority_nobody_named_is_not_trusted(daemon: EmbeddedDaemon, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    async with through_tls(daemon.url, cert, key) as url:
        with pytest.raises(CannotConnect, match=r"(?i)certificate"):
            async with agor.create_client(url, api_key=daemon.api_key):
                pass
        async with agor.create_async_rest_client(url, api_key=daemon.api_key) as rest:
            with pytest.raises(CannotConnect, match=r"(?i)certificate"):
                await rest.service("boards").find()


def test_authorities_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("", "ascii")
    for wrong in (empty, tmp_path / "missing.pem"):
        with pytest.raises(UsageError, match="certificates"):
            agor.create_rest_client("https://daemon.test", verify=wrong)
        with pytest.raises(UsageError, match="certificates"):
            agor.create_client("https://daemon.test", verify=wrong)


async def test_a_proxy_is_gone_through_when_named(daemon: EmbeddedDaemon) -> None:
    async with through_proxy() as (proxy, seen):
        await ask_everywhere(daemon.url, daemon.api_key, proxy=proxy)
        assert len(seen) >= 4
        assert all(daemon.url.removeprefix("http://") in line for line in seen)
        assert not any(daemon.api_key in line for line in seen)


async def test_the_environments_proxy_is_not_for_this_machine(
    daemon: EmbeddedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await ask_everywhere(daemon.url, daemon.api_key)


def test_a_timeout_may_be_httpx2s_own(server: RestServer) -> None:
    with agor.create_rest_client(server.url, timeout=httpx2.Timeout(5.0, connect=1.0)) as client:
        client.service("boards").get("b")


def test_a_call_may_have_a_timeout_of_its_own(server: RestServer) -> None:
    hold = 0.0

    def slowly(seen: Any) -> Reply:
        deadline = time.monotonic() + hold
        while time.monotonic() < deadline:
            pass
        return Reply(200, {"task_id": "t"})

    server.script = slowly
    with agor.create_rest_client(server.url) as client:
        client.tasks.get("t", timeout=5.0)
        hold = 0.5
        with pytest.raises(CallTimeout):
            client.tasks.get("t", timeout=0.05)
        with pytest.raises(OutcomeUnknown):
            client.tasks.run("t", timeout=0.05)


async def test_a_call_over_the_live_link_may_too(client: agor.Client) -> None:
    with pytest.raises(CallTimeout):
        await client.service("boards").call("findNobodyKnowsThis", timeout=0.05)
    with pytest.raises(OutcomeUnknown):
        await client.service("boards").call("explode", timeout=0.05)


async def test_a_cancelled_call_leaves_nothing_behind(client: agor.Client, rest: agor.AsyncRestClient) -> None:
    link: Any = client.link
    for face, call in ((client, "explode"), (client, "findNobody")):
        asked = asyncio.ensure_future(face.service("boards").call(call))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    asked = asyncio.ensure_future(rest.service("boards").find_all())
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert link._state.connection._in_flight == {}
    waiting = link._state.connection._sio.callbacks.get("/", {})
    assert [ack_id for ack_id in waiting if ack_id] == []  # 0 is where python-socketio counts
    await rest.service("boards").find()


async def test_a_walk_that_is_left_leaves_nothing_behind(client: agor.Client) -> None:
    walk = client.service("boards").iterate(page_size=1)
    async for _ in walk:
        break
    await walk.aclose()  # type: ignore[attr-defined]


def test_an_answer_above_the_bound_is_not_read(server: RestServer) -> None:
    server.script = lambda seen: Reply(200, {"total": 1, "data": [{"task_id": "t", "full_prompt": "x" * 100_000}]})
    with agor.create_rest_client(server.url, max_response=50_000) as client:
        with pytest.raises(ProtocolError, match="50,000 bytes"):
            client.tasks.find()
        server.script = lambda seen: Reply(200, {"task_id": "t"})
        assert client.tasks.get("t").task_id == "t"


def test_a_compressed_answer_is_measured_by_what_it_becomes(server: RestServer) -> None:
    import gzip

    bomb = gzip.compress(b'{"full_prompt":"' + b"x" * 5_000_000 + b'"}')
    server.script = lambda seen: Reply(200, bomb, {"content-encoding": "gzip"})
    with (
        agor.create_rest_client(server.url, max_response=1_000_000) as client,
        pytest.raises(ProtocolError, match="1,000,000 bytes"),
    ):
        client.tasks.get("t")


async def test_a_frame_above_the_bound_ends_the_connection_and_says_why(
    daemon: EmbeddedDaemon, rest: agor.AsyncRestClient, session_id: str
) -> None:
    board = await rest.service("boards").create({"name": "large", "custom_css": "x" * 200_000})
    async with agor.create_client(daemon.url, api_key=daemon.api_key, max_response=60_000) as small:
        with pytest.raises(ConnectionLost, match=r"60,000 bytes"):
            await small.service("boards").get(board.board_id)


def nested(depth: int) -> bytes:
    return b'{"task_id":"t","metadata":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


@pytest.mark.parametrize("depth", [DEEPEST - 2, DEEPEST + 1, 800, 5_000, 100_000])
def test_an_answer_nested_too_deeply_is_refused(server: RestServer, depth: int) -> None:
    server.script = lambda seen: Reply(200, nested(depth))
    with agor.create_rest_client(server.url) as client:
        if depth < DEEPEST:
            task = client.tasks.get("t")
            assert orjson.loads(nested(depth)) == task.to_wire()
            return
        for ask in (
            lambda: client.tasks.get("t"),
            lambda: client.tasks.find(),
            lambda: client.tasks.complete("t"),
            lambda: client.sessions.stop("01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d"),
            lambda: client.service("other").get("t"),
        ):
            with pytest.raises(ProtocolError):
                ask()


@pytest.mark.parametrize("row_id", ["a/b", "a?b=c", "a#b", "a b", "ü", "%2e%2e", "a\\b", "a\r\nX: y"])
def test_ids_are_escaped_in_paths(server: RestServer, row_id: str) -> None:
    server.script = lambda seen: Reply(200, {"ok": True})
    with agor.create_rest_client(server.url) as client:
        client.service("boards").get(row_id)
        client.service("boards").patch(row_id, {})
        client.service("boards").remove(row_id)
        (path,) = {seen.target for seen in server.seen}
        assert path.startswith("/boards/")
        assert httpx2.URL(f"http://x{path}").path == f"/boards/{row_id}"
        assert not set(path.removeprefix("/boards/")) & set("/?# \\\r\n")
        if set(row_id) & set("/?#\\"):
            with pytest.raises(UsageError):
                client.tasks.run(row_id)


@pytest.mark.parametrize("row_id", ["", "..", ".", " "])
def test_what_is_no_id_is_refused(server: RestServer, row_id: str) -> None:
    with agor.create_rest_client(server.url) as client:
        for ask in (client.service("boards").get, client.service("boards").remove, client.tasks.run):
            with pytest.raises(UsageError):
                ask(row_id)
    assert server.seen == []


def test_a_daemon_that_asks_for_a_pause_gets_it(server: RestServer) -> None:
    pauses: list[float] = []
    answers = iter([Reply(429, {"code": 429, "name": "TooManyRequests"}, {"retry-after": "2"}), Reply(200, {"a": 1})])
    server.script = lambda seen: next(answers)
    from agor_reactive.client.rest import RestClient
    from agor_reactive.transport.http import Rest

    with RestClient(Rest(server.url, sleep=pauses.append, random=lambda: 0.5)) as client:
        assert client.service("other").get("x")["a"] == 1
    assert pauses == [pytest.approx(2.1)]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "Wed, 25 Nov 2026 10:00:30 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 25 Nov 2026 09:00:00 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 25 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "soon", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-3"}, 0.0),
        ({}, None),
    ],
)
def test_a_pause_may_be_asked_for_by_the_clock(headers: dict[str, str], seconds: float | None) -> None:
    from agor_reactive.transport.rest import RestAnswer, read

    with pytest.raises(TooManyRequests) as notified:
        read(RestAnswer(429, b"{}", headers))
    assert notified.value.retry_after == seconds


def test_a_pause_too_long_is_raised_at_once(server: RestServer) -> None:
    server.script = lambda seen: Reply(429, {"code": 429}, {"retry-after": "3600"})
    with agor.create_rest_client(server.url) as client:
        with pytest.raises(TooManyRequests) as notified:
            client.tasks.get("t")
        assert notified.value.retry_after == 3600
        with pytest.raises(TooManyRequests):
            client.tasks.run("t")
    assert len(server.seen) == 2

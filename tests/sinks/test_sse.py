"""`to_asgi_sse`: the ASGI app itself, message by message, and over a real server and client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from reactivex import Observable
from reactivex.subject import Subject

from agor_reactive.daemon.serving import Serving
from agor_reactive.errors import UsageError
from agor_reactive.sinks import Record, to_asgi_sse
from agor_reactive.transport.listening import listen
from tests.contract.waiting import eventually
from tests.sinks.recorded import record


class Client:
    """One request to an ASGI app. `sent` is what the app sent; with `gate`, sending waits until it is set."""

    def __init__(self, app: Any, method: str = "GET") -> None:
        self.sent: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.left = asyncio.Event()
        self.task = asyncio.ensure_future(
            app({"type": "http", "method": method, "headers": []}, self._receive, self._send)
        )
        self._asked = False

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b""}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.gate.wait()
        self.sent.append(message)

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


async def test_each_client_gets_every_item_from_its_request_on() -> None:
    source = Subject[Record]()
    app = to_asgi_sse(source)
    one = Client(app)
    await eventually(lambda: source.observers)
    source.on_next(record(0))
    two = Client(app)
    await eventually(lambda: len(source.observers) == 2)
    source.on_next(Record("k\n1", "turn", {"text": "two\nlines \u2028 é"}))
    source.on_completed()
    await asyncio.gather(one.task, two.task)
    last = 'event: turn\nid: k?1\ndata: {"text": "two\\nlines \\u2028 \\u00e9"}\n\n'
    assert one.text == ': connected\n\nevent: text\nid: k0\ndata: {"text": "text 0"}\n\n' + last
    assert two.text == ": connected\n\n" + last
    assert one.status == 200
    assert one.sent[-1] == {"type": "http.response.body", "body": b""}


async def test_a_client_that_left_is_unsubscribed() -> None:
    source = Subject[Record]()
    client = Client(to_asgi_sse(source))
    await eventually(lambda: source.observers)
    client.left.set()
    await client.task
    assert not source.observers


async def test_a_slow_client_loses_the_oldest_and_is_sent_their_number() -> None:
    source = Subject[Record]()
    client = Client(to_asgi_sse(source, queue_size=3))
    await eventually(lambda: source.observers)
    source.on_next(record(0))
    await eventually(lambda: "k0" in client.text)
    client.gate.clear()
    source.on_next(record(1))
    for _ in range(10):
        await asyncio.sleep(0)
    for number in range(2, 10):
        source.on_next(record(number))
    for _ in range(10):
        await asyncio.sleep(0)
    client.gate.set()
    source.on_completed()
    await client.task
    ids = [line for line in client.text.splitlines() if line.startswith("id: ")]
    assert ids == ["id: k0", "id: k1", "id: k7", "id: k8", "id: k9"]
    assert "event: dropped\ndata: 5\n\nevent: text\nid: k7\n" in client.text


async def test_silence_is_filled_with_comments() -> None:
    source = Subject[Record]()
    client = Client(to_asgi_sse(source, keep_alive=0.01))
    await eventually(lambda: client.text.count(": keep-alive\n\n") >= 2)
    client.left.set()
    await client.task


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("is_async", [True, False])
async def test_authorize_decides(allowed: bool, is_async: bool) -> None:
    def plain_answer(scope: Any) -> bool:
        return allowed

    async def later(scope: Any) -> bool:
        return allowed

    source: Observable[Record] = Subject()
    client = Client(to_asgi_sse(source, authorize=later if is_async else plain_answer))
    await eventually(lambda: client.sent)
    assert client.status == (200 if allowed else 403)
    client.left.set()
    await client.task


async def test_other_methods_and_scopes_are_refused() -> None:
    client = Client(to_asgi_sse(Subject[Record]()), method="POST")
    await client.task
    assert client.status == 405
    with pytest.raises(UsageError):
        await to_asgi_sse(Subject[Record]())({"type": "websocket"}, client._receive, client._send)
    with pytest.raises(UsageError):
        to_asgi_sse(Subject[Record](), queue_size=0)


@asynccontextmanager
async def _served(app: Any, sock: socket.socket) -> AsyncIterator[None]:
    serving = Serving(app, sock)
    serving.begin()
    try:
        yield
    finally:
        await serving.end()


async def test_over_a_real_server() -> None:
    source = Subject[Record]()
    sock = listen(0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}/"
    async with (
        _served(to_asgi_sse(source), sock),
        httpx2.AsyncClient(verify=False) as http,
        http.stream("GET", url) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        await eventually(lambda: source.observers)
        source.on_next(record(0))
        source.on_completed()
        lines = [line async for line in response.aiter_lines()]
    assert lines == [": connected", "", "event: text", "id: k0", 'data: {"text": "text 0"}', ""]
    assert not source.observers

"""Server-sent events: `to_asgi_sse` makes an ASGI app of an Observable, for FastAPI, Starlette or any ASGI server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Any

from reactivex import Observable

from agor_reactive.errors import UsageError
from agor_reactive.session.iteration import Buffer, buffered
from agor_reactive.sinks.record import Record, record_of

__all__ = ["to_asgi_sse"]

_log = logging.getLogger("agor_reactive.sinks")

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def to_asgi_sse(
    source: Observable[Any],
    *,
    key: Callable[[Any], str] | None = None,
    queue_size: int = 100,
    keep_alive: float = 15.0,
    authorize: Callable[[Scope], bool | Awaitable[bool]] | None = None,
) -> Asgi:
    """An ASGI app that streams every item of `source` to each client from its request on.

    An event's ``event`` is the kind of the record, its ``id`` the key, its ``data`` the JSON of `Record.data`. While
    `queue_size` events wait for a slow client, the oldest are dropped, and an event ``dropped`` with their number comes
    in their place. A comment is sent every `keep_alive` seconds of silence. `authorize` is called with the ASGI scope
    (403 if it is false); without it the app answers every request. The stream ends when the source completes. Serve it
    on the event loop of the source. Raises `UsageError` for a `queue_size` under 1.
    """
    if queue_size < 1:
        raise UsageError(f"queue_size is 1 or more, not {queue_size!r}")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            raise UsageError(f"server-sent events are HTTP, not {scope['type']}")
        elif scope["method"] != "GET":
            await _refuse(send, 405, b"GET only")
        elif authorize is not None and not await _answer(authorize(scope)):
            await _refuse(send, 403, b"forbidden")
        else:
            await _stream(_Waiting(queue_size, key), source, receive, send, keep_alive)

    return app


async def _answer(given: bool | Awaitable[bool]) -> bool:
    return await given if isawaitable(given) else bool(given)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _refuse(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), *([(b"allow", b"GET")] if status == 405 else [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


class _Waiting(Buffer[Record]):
    """The events that wait for one client, at most `most`; the oldest are dropped."""

    def __init__(self, most: int, key: Callable[[Any], str] | None) -> None:
        super().__init__(buffered(most))
        self._key = key

    def put_item(self, item: Any) -> None:
        """An item of the source, from any thread."""
        try:
            record = record_of(item, self._key)
        except Exception as error:  # noqa: BLE001 - the source would not notice, and the client would wait for ever
            _log.error("a stream of server-sent events ended: %s", error)
            self.end()
            return
        self.put(record)

    def take_all(self) -> bytes:
        """Everything that waits, as text of the stream."""
        self.changed.clear()
        text = "" if not self.dropped else f"event: dropped\ndata: {self.dropped}\n\n"
        self.dropped = 0
        while self:
            text += _event(self.take())
        return text.encode("ascii")


def _event(record: Record) -> str:
    """One event. Escaped JSON is one line; a key with a line end would begin another field."""
    key = "".join(char if char.isascii() and char.isprintable() else "?" for char in record.key)
    return f"event: {record.kind}\nid: {key}\ndata: {json.dumps(record.data, default=str)}\n\n"


async def _stream(waiting: _Waiting, source: Observable[Any], receive: Receive, send: Send, keep_alive: float) -> None:
    async def until_left() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        waiting.end()

    subscription = source.subscribe(waiting.put_item, waiting.end, waiting.end)
    watching = asyncio.ensure_future(until_left())
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": b": connected\n\n", "more_body": True})
        while True:
            try:
                async with asyncio.timeout(keep_alive):
                    await waiting.changed.wait()
                body = waiting.take_all()
            except TimeoutError:
                body = b": keep-alive\n\n"
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": True})
            if waiting.ended and not waiting.changed.is_set():
                break
        if not watching.done():
            await send({"type": "http.response.body", "body": b""})
    finally:
        subscription.dispose()
        watching.cancel()

"""The WebSocket of one browser: reads its requests, and sends the newest state as fast as the browser confirms it."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from agor_reactive.adapters.page.actions import CHANGING
from agor_reactive.models.json_text import json_bytes
from agor_reactive.web.feed import AnyFeed

__all__ = ["Connection"]

MOST_UNCONFIRMED: Final = 20
"""Messages on the way to a browser, which confirms about once a second. Past that, changes are collected for it."""

MOST_ANSWERS: Final = 200
LONGEST_REQUEST: Final = 1_000_000  # characters; daemons refuse longer prompts

RECHECK: Final = 60.0
"""Seconds after which a browser that only reads must be authorized again."""

_REFUSED, _TOO_LONG, _TOO_MANY = 1008, 1009, 1013

_READ_ONLY: Final = "This page is read-only."


class Connection:
    """A browser that takes part in a feed. `authorized` is called again for each action and every minute."""

    def __init__(
        self, websocket: WebSocket, feed: AnyFeed, authorized: Callable[[], Awaitable[bool]], *, changeable: bool
    ) -> None:
        self.view = secrets.token_hex(8)
        self.seq: int | None = None
        self.document: Any = None
        self._websocket = websocket
        self._feed = feed
        self._authorized = authorized
        self._changeable = changeable
        self._due = asyncio.Event()
        self._answers: deque[bytes] = deque()
        self._unconfirmed: deque[int] = deque()
        self._end: int | None = None

    # ----------------------------------------------------------------------------------------------- called by the feed

    def due(self) -> None:
        """Something newer may be there."""
        self._due.set()

    def answer(self, message: bytes) -> None:
        """Send what this browser asked for. One that asks faster than it reads is cut off."""
        self._answers.append(message)
        if len(self._answers) > MOST_ANSWERS:
            self._close(_TOO_MANY)
        self._due.set()

    # --------------------------------------------------------------------------------------------------------- the work

    async def run(self) -> None:
        """Serve the browser until it leaves. Its place in the feed was taken by the caller."""
        await self._websocket.accept()
        work = [asyncio.ensure_future(job()) for job in (self._read, self._write, self._recheck)]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        except (WebSocketDisconnect, OSError):
            pass  # the browser left while something was sent
        finally:
            for job in work:
                job.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            event = await self._websocket.receive()
            if event["type"] == "websocket.disconnect":
                return
            text = event.get("text")
            if text is None or len(text) > LONGEST_REQUEST:
                self._close(_TOO_LONG)
                continue
            try:
                message = orjson.loads(text)
            except orjson.JSONDecodeError:
                continue
            if isinstance(message, dict):
                await self._take(message)

    async def _take(self, message: Mapping[str, Any]) -> None:
        op = message.get("op")
        if op == "ping":
            self.answer(b'{"op":"pong"}')
        elif op == "seen":
            self._confirmed(message.get("seq"))
        elif op in CHANGING and not self._changeable:
            self.answer(json_bytes({"op": "done", "action": str(message.get("action")), "error": _READ_ONLY}))
        elif op in CHANGING and not await self._authorized():
            self._close(_REFUSED)
        else:
            self._feed.receive({**message, "view": self.view})

    def _confirmed(self, seq: Any) -> None:
        if isinstance(seq, int):
            while self._unconfirmed and self._unconfirmed[0] <= seq:
                self._unconfirmed.popleft()
            self._due.set()

    async def _write(self) -> None:
        send = self._websocket.send
        while self._end is None:
            await self._due.wait()
            self._due.clear()
            while self._answers:
                await send({"type": "websocket.send", "text": self._answers.popleft().decode()})
            if len(self._unconfirmed) < MOST_UNCONFIRMED and (text := self._feed.next_message(self)) is not None:
                if self.seq is not None:
                    self._unconfirmed.append(self.seq)
                await send({"type": "websocket.send", "text": text})
        await self._websocket.close(self._end)

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK)
            if not await self._authorized():
                self._close(_REFUSED)

    def _close(self, code: int) -> None:
        self._end = self._end or code
        self._due.set()

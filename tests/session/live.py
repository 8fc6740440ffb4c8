"""A live client on an embedded daemon, over a way that can be cut, with a link that comes back at once and counts."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import Any

import agor_reactive as agor
from agor_reactive.calls.backoff import Backoff
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.socketio import SocketLink
from tests.chaos.proxy import Proxy
from tests.contract.waiting import eventually as until

__all__ = ["CountingLink", "Scene", "until"]

AT_ONCE = Backoff(first=0.01, most=0.02)


class CountingLink(SocketLink):
    """`reads` counts reads by method and service; `most_reads` is how many were under way at once."""

    def __init__(self, url: str, key: str | None, *, backoff: Backoff = AT_ONCE) -> None:
        super().__init__(url, credentials=ApiKey(str(key)), backoff=backoff)
        self.reads: Counter[tuple[str, str]] = Counter()
        self.read_sessions: Counter[str] = Counter()
        self.most_reads = self._reading = 0

    async def call(self, method: str, service: str, *args: Any, timeout: float | None = None) -> Any:
        if method not in ("find", "get"):
            return await super().call(method, service, *args, timeout=timeout)
        self.reads[method, service] += 1
        if (method, service) == ("get", "sessions"):
            self.read_sessions[args[0]] += 1
        self._reading += 1
        self.most_reads = max(self.most_reads, self._reading)
        try:
            return await super().call(method, service, *args, timeout=timeout)
        finally:
            self._reading -= 1


class Scene:
    """A daemon, a way to it, and rows made over REST past that way; `executor` may post what is being written."""

    def __init__(
        self, daemon: EmbeddedDaemon, rest: agor.AsyncRestClient, executor: agor.AsyncRestClient, way: Proxy
    ) -> None:
        self.daemon = daemon
        self.rest = rest
        self.executor = executor
        self.way = way

    def link(self, **options: Any) -> CountingLink:
        """A link of its own over the way."""
        return CountingLink(self.way.url, self.daemon.api_key, **options)

    async def blip(self, how: str) -> None:
        """End every live connection: ``cut`` as a network does, ``kick`` as a daemon does on purpose."""
        if how == "cut":
            assert self.way.drop()
        else:
            await self.daemon.kick_all()

    async def session(self) -> tuple[str, str]:
        """A session with one running task in which nothing happens, and one message, its prompt; answers their ids."""
        session = await self.rest.service("sessions").create({"branch_id": self.daemon.workspace_id})
        task = await self.rest.sessions.prompt(session.session_id, "[hold] the first word")
        async with asyncio.timeout(10):
            while (await self.rest.service("tasks").get(task.task_id)).status != "running":  # noqa: ASYNC110
                await asyncio.sleep(0)  # answered by the daemon, which shares this loop
        return session.session_id, task.task_id

    async def say(self, session_id: str, task_id: str, text: str, index: int = 0) -> str:
        """A saved message; answers its id."""
        row = await self.rest.service("messages").create(
            {
                "message_id": str(uuid.uuid4()),
                "session_id": session_id,
                "task_id": task_id,
                "type": "user",
                "role": "user",
                "index": index,
                "timestamp": "2026-01-01T00:00:00.000Z",
                "content_preview": text[:80],
                "content": text,
            }
        )
        return str(row.message_id)

    async def chunk(self, session_id: str, task_id: str, text: str, sequence: int, message_id: str = "m") -> None:
        """One piece of text of a message that is being written."""
        ids = {"session_id": session_id, "task_id": task_id, "message_id": message_id}
        data = {**ids, "chunk": text, "sequence": sequence}
        await self.executor.service("messages/streaming").create({"event": "streaming:chunk", "data": data})

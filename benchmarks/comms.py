"""A notebook view without a notebook: counted comms, a manual clock, and a page built from the patches.

Needs the extra ``[notebook]``, which is imported on use.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from agor_reactive.client import Client
from agor_reactive.transport.scripted import ScriptedLink
from benchmarks.wire import SessionScript

__all__ = ["Clock", "Comms", "Page", "Reply", "reply", "scripted_client", "spied"]


@dataclass
class Comms:
    """The messages over comms. `sent` has (message type, comm id, data, bytes as JSON)."""

    sent: list[tuple[str, str, Any, int]] = field(default_factory=list)
    open: set[str] = field(default_factory=set)

    def count(self) -> tuple[int, int]:
        """The number of messages and bytes so far."""
        return len(self.sent), sum(size for *_, size in self.sent)

    def customs(self) -> list[Any]:
        """The custom messages that were sent to pages."""
        return [data["content"] for kind, _, data, _ in self.sent if kind == "comm_msg" and data["method"] == "custom"]


@contextmanager
def spied() -> Iterator[Comms]:
    """Count the comms of widgets created within; closes them at the end."""
    import comm
    from comm.base_comm import BaseComm
    from ipywidgets import Widget

    seen = Comms()

    class Spy(BaseComm):  # type: ignore[misc]
        def publish_msg(
            self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
        ) -> None:
            shown = {"comm_id": self.comm_id, "data": data or {}, **keys}
            size = len(json.dumps(shown).encode()) + sum(memoryview(buffer).nbytes for buffer in buffers or ())
            seen.sent.append((msg_type, self.comm_id, data, size))
            if msg_type == "comm_open":
                seen.open.add(self.comm_id)
            elif msg_type == "comm_close":
                seen.open.discard(self.comm_id)

    real = comm.create_comm
    comm.create_comm = Spy
    try:
        yield seen
    finally:
        Widget.close_all()
        comm.create_comm = real


class Clock:
    """A manual clock with timers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._timers: list[tuple[float, Callable[[], None], _Timer]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Any:
        timer = _Timer()
        self._timers.append((self.now + delay, callback, timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Advance the clock by `seconds`."""
        end = self.now + seconds
        while due := [entry for entry in self._timers if entry[0] <= end]:
            entry = min(due, key=lambda one: one[0])
            self._timers.remove(entry)
            if not entry[2].cancelled:
                self.now = max(self.now, entry[0])
                entry[1]()
        self.now = end


class _Timer:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Page:
    """The content of a page, built from the same patches: heading, tasks and their parts in order, queue."""

    def __init__(self) -> None:
        self.seq: int | None = None
        self.head: dict[str, Any] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, dict[str, tuple[dict[str, Any], str]]] = {}
        self.queue: Any = None

    def receive(self, message: Mapping[str, Any]) -> None:
        """Apply a message as the page does."""
        if message["op"] == "snapshot":
            if self.seq == message["seq"]:
                return
            self.__init__()  # type: ignore[misc]
        elif message["op"] != "patch":
            return
        elif self.seq is None or message.get("after", message["seq"] - 1) != self.seq:
            raise AssertionError(f"after {self.seq} came {message['seq']}")
        self.seq = message["seq"]
        self.head.update(message.get("head", {}))
        self.queue = message.get("queue", self.queue)
        self.tasks = _listed(self.tasks, message.get("tasks", {}), lambda row, fields: {**(row or {}), **fields})
        for task_id, patch in message.get("parts", {}).items():
            self.parts[task_id] = _listed(self.parts.get(task_id, {}), patch, _part)

    def text(self) -> str:
        """All text, in order."""
        order = [*self.tasks, ""]
        return "".join(text for task in order for fields, text in self.parts.get(task, {}).values())


def _part(part: Any, fields: dict[str, Any], cut: int | None = None, more: str = "") -> Any:
    before, text = part or ({}, "")
    if cut is not None:
        text = text.encode("utf-16-le")[: 2 * cut].decode("utf-16-le")
    return {**before, **fields}, text + more


def _listed(rows: dict[str, Any], patch: Mapping[str, Any], change: Callable[..., Any]) -> dict[str, Any]:
    order = [key for key in rows if key not in patch.get("gone", ())]
    rows = {key: rows[key] for key in order}
    for key, place, *changes in patch.get("put", ()):
        if key not in rows:
            order.insert(len(order) if place is None else place, key)
        rows[key] = change(rows.get(key), *changes)
    order = patch.get("order", order)
    return {key: rows[key] for key in order}


def scripted_client(script: SessionScript) -> tuple[Client, ScriptedLink]:
    """Create a client of a scripted daemon with one empty session."""
    link = ScriptedLink()
    nothing = {"total": 0, "limit": 100, "skip": 0, "data": []}
    link.on_call("get", "sessions", lambda args: script.session_row("idle"))
    link.on_call("find", "tasks", lambda args: nothing)
    link.on_call("find", "messages", lambda args: nothing)
    link.on_call("find", "sessions/:id/tasks/queue", lambda args: nothing)
    link.on_call("create", "session-streams", lambda args: {"session_id": script.session_id})
    link.on_call("remove", "session-streams", lambda args: {})
    return Client(link), link


@dataclass(frozen=True)
class Reply:
    """The cost of one reply: comm messages and bytes from the first chunk on, and the reply's own bytes."""

    chunks: int
    size: int
    messages: int
    sent: int
    whole: bool


async def reply(chunks: int, size: int, *, seconds: float = 1.0) -> Reply:
    """Stream one reply of `size` bytes in `chunks` chunks within `seconds` into a visible view."""
    from agor_reactive.adapters.ipywidgets import SessionView

    script = SessionScript("widget")
    client, link = scripted_client(script)
    clock = Clock()
    with spied() as comms:
        await client.open()
        handle = client.registry.retain(script.session_id)
        await handle.ready()
        view = SessionView(handle, timers=clock)
        view.receive({"op": "sync", "view": "page"})
        clock.advance(1)
        text = "".join(f"{word} " for word in script.words(size).split())[:size].ljust(size, ".")
        pieces = [text[number * size // chunks : (number + 1) * size // chunks] for number in range(chunks)]
        task_id, message_id = script.id(), script.id()
        ids = {"session_id": script.session_id, "task_id": task_id, "message_id": message_id}
        link.emit("tasks created", {"task_id": task_id, "session_id": script.session_id, "status": "running"})
        link.emit("messages streaming:start", {**ids, "role": "assistant"})
        before = comms.count()
        for number, piece in enumerate(pieces):
            link.emit("messages streaming:chunk", {**ids, "chunk": piece, "sequence": number})
            await asyncio.sleep(0)
            clock.advance(seconds / chunks)
            if number % (chunks // 2) == 0:
                view.receive({"op": "seen", "view": "page"})
        link.emit("messages streaming:end", {**ids, "sequence": chunks})
        saved = {**ids, "type": "assistant", "role": "assistant", "index": 1, "content": text}
        link.emit("messages created", saved)
        link.emit("tasks patched", {"task_id": task_id, "session_id": script.session_id, "status": "completed"})
        await asyncio.sleep(0)
        clock.advance(1)
        after = comms.count()
        page = Page()
        for message in comms.customs():
            page.receive(message)
        whole = page.text() == text
        view.close()
        handle.release()
        await client.close()
    return Reply(chunks, size, after[0] - before[0], after[1] - before[1], whole)

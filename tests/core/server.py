"""A simulated daemon with one session, and a wire that delays: for the convergence law.

The server applies random operations and emits events as a daemon would. Events reach the mirror in order but late;
a fetch is answered from the server's rows at one moment and its answer delivered at another; a dropped link loses what
was under way.
"""

from __future__ import annotations

import copy
from typing import Any

from agor_reactive.core import events as e
from agor_reactive.core.fetches import Fetch
from agor_reactive.models import LinkStatus, RawEvent
from tests.core.build import SID, Mirror, answer_of, message_row, session_row, task_row


class Server:
    """Rows, and the operations that change them. Each returns the events it emits."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.title = "a session"
        self.made = 0
        self.positions = 0

    def _next(self, prefix: str) -> str:
        self.made += 1
        return f"{prefix}{self.made}"

    def session(self) -> dict[str, Any]:
        return session_row(self.order, title=self.title)

    def _patched_session(self) -> RawEvent:
        return RawEvent("sessions patched", self.session())

    def new_task(self, status: str) -> list[RawEvent]:
        task_id = self._next("t")
        row = task_row(task_id, status, second=self.made)
        if status == "queued":
            self.positions += 1
            row["queue_position"] = self.positions
        self.tasks[task_id] = row
        self.order.append(task_id)
        topic = "tasks queued" if status == "queued" else "tasks created"
        return [RawEvent(topic, dict(row)), self._patched_session()]

    def set_status(self, task_id: str, status: str) -> list[RawEvent]:
        row = self.tasks[task_id]
        was, row["status"] = row["status"], status
        events = [RawEvent("tasks patched", dict(row))]
        if was == "queued" and status == "running":
            events += self.new_message(task_id, "text")
        return events

    def move_in_queue(self, task_id: str, position: int | None) -> list[RawEvent]:
        row = self.tasks[task_id]
        if position is None:
            row.pop("queue_position", None)
        else:
            row["queue_position"] = position
        return [RawEvent("tasks patched", dict(row))]

    def remove_task(self, task_id: str) -> list[RawEvent]:
        row = self.tasks.pop(task_id)
        self.order.remove(task_id)
        for message_id in [m for m, message in self.messages.items() if message["task_id"] == task_id]:
            del self.messages[message_id]
        return [RawEvent("tasks removed", row), self._patched_session()]

    def new_message(self, task_id: str, shape: str, message_id: str | None = None) -> list[RawEvent]:
        message_id = message_id or self._next("m")
        content: Any = f"content of {message_id}"
        tool = f"use-{message_id}"
        if shape == "tool":
            content = [{"type": "tool_use", "id": tool, "name": "Bash", "input": {"command": "ls"}}]
        elif shape == "tool with result":
            content = [{"type": "tool_use", "id": tool, "name": "Bash"}, {"type": "tool_result", "tool_use_id": tool}]
        row = message_row(message_id, task_id, index=self.made % 7, content=content)
        self.messages[message_id] = row
        events = [RawEvent("messages created", copy.deepcopy(row))]
        if shape != "text":
            # Fact of the wire: `tool:complete` comes when the call has been written, whatever the tool does then.
            told = {"session_id": SID, "task_id": task_id, "tool_use_id": tool}
            events.insert(0, RawEvent("tasks tool:start", {**told, "tool_name": "Bash"}))
            events.append(RawEvent("tasks tool:complete", told))
        return events

    def tool_without_message(self, task_id: str) -> list[RawEvent]:
        """A tool that starts, and whose message is never saved."""
        told = {"session_id": SID, "task_id": task_id, "tool_use_id": self._next("use-"), "tool_name": "Bash"}
        return [RawEvent("tasks tool:start", told)]

    def edit_message(self, message_id: str) -> list[RawEvent]:
        self.messages[message_id]["content"] = self._next("edited ")
        return [RawEvent("messages patched", copy.deepcopy(self.messages[message_id]))]

    def remove_message(self, message_id: str) -> list[RawEvent]:
        return [RawEvent("messages removed", self.messages.pop(message_id))]

    def stream(self, task_id: str, chunks: int, *, numbered: bool, save: bool) -> list[RawEvent]:
        message_id = self._next("m")
        told = {"session_id": SID, "task_id": task_id, "message_id": message_id}
        events = [RawEvent("messages streaming:start", dict(told))]
        for n in range(chunks):
            number = {"sequence": n} if numbered else {}
            events.append(RawEvent("messages streaming:chunk", {**told, "chunk": f"{n} ", **number}))
        if save:
            events.append(RawEvent("messages streaming:end", {**told, "sequence": chunks}))
            events += self.new_message(task_id, "text", message_id)
        return events

    def reorder(self) -> list[RawEvent]:
        self.order.reverse()
        self.title = self._next("title ")
        return [self._patched_session()]

    def answer(self, fetch: Fetch) -> e.Rows:
        """What the daemon answers at this moment."""
        if fetch.kind == "session":
            # Fact of the wire: a `get` by the owner has the token, events have not.
            return answer_of(session={**self.session(), "mcp_token": "token"})
        if fetch.kind == "tasks":
            return answer_of(tasks=copy.deepcopy(list(self.tasks.values())))
        if fetch.kind == "queue":
            waiting = [row for row in self.tasks.values() if row["status"] == "queued"]
            waiting.sort(key=lambda row: row.get("queue_position", 10**9))
            return answer_of(tasks=copy.deepcopy(waiting))
        rows = [m for m in self.messages.values() if fetch.kind == "all_messages" or m["task_id"] == fetch.task_id]
        if fetch.kind == "history":
            rows = [row for row in rows if isinstance(row["content"], str)]
        return answer_of(messages=copy.deepcopy(sorted(rows, key=lambda row: row["index"])))


class Wire:
    """Between the server and one mirror: what is on its way, and what is lost when the link drops."""

    def __init__(self, server: Server, hydration: str) -> None:
        self.server = server
        self.mirror = Mirror(hydration)
        self.events: list[RawEvent] = []
        self.answers: dict[int, e.FetchAnswered | e.FetchFailed] = {}
        self.epoch = 0
        self.up = False

    def emit(self, events: list[RawEvent]) -> None:
        if self.up:
            self.events += events

    def deliver(self, count: int) -> None:
        for _ in range(min(count, len(self.events))):
            self.mirror.feed(self.events.pop(0))

    def open_asks(self) -> list[Fetch]:
        return [fetch for fetch in self.mirror.state.fetches if fetch.fetch_id not in self.answers]

    def serve(self, fetch: Fetch) -> None:
        """The daemon reads its rows for this ask now; the answer is on its way."""
        rows = e.Rows() if fetch.kind in ("join", "wait") else self.server.answer(fetch)
        self.answers[fetch.fetch_id] = e.FetchAnswered(fetch.fetch_id, rows, 1.0)

    def refuse(self, fetch: Fetch, kind: str) -> None:
        self.answers[fetch.fetch_id] = e.FetchFailed(fetch.fetch_id, e.Failure(kind, "it broke"), 1.0)  # type: ignore[arg-type]

    def land(self, fetch_id: int) -> None:
        self.mirror.feed(self.answers.pop(fetch_id))

    def drop(self) -> None:
        if self.up:
            self.up = False
            self.events.clear()
            self.answers.clear()
            self.mirror.down(self.epoch)

    def connect(self) -> None:
        if not self.up:
            self.up = True
            self.epoch += 1
            self.mirror.feed(e.LinkChanged(LinkStatus("live", epoch=self.epoch)))

    def quiesce(self) -> None:
        """Deliver and answer everything until nothing is on its way."""
        self.connect()
        for _ in range(1000):
            self.deliver(len(self.events))
            for fetch in self.open_asks():
                self.serve(fetch)
            if not self.answers:
                return
            for fetch_id in list(self.answers):
                if fetch_id in self.answers:
                    self.land(fetch_id)
        raise AssertionError(f"never quiet: {self.mirror.asked()}")


def bootstrap(server: Server, hydration: str, loaded: set[str]) -> Mirror:
    """A mirror that has just read the same server, with the same tasks loaded."""
    wire = Wire(server, hydration)
    wire.quiesce()
    for task_id in sorted(loaded - set(wire.mirror.state.loaded_task_ids)):
        wire.mirror.feed(e.LoadRequested(task_id))
    for task_id in sorted(set(wire.mirror.state.loaded_task_ids) - loaded):
        wire.mirror.feed(e.UnloadRequested(task_id))
    wire.quiesce()
    return wire.mirror

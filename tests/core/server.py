"""A simulated daemon with one session: rows, the operations that change them, and the finds that read them.

For the convergence law. It answers queries as daemons do: pages of at most `page` rows whatever `$limit` says; an older
one (`modern=False`) has no rooms, gives tasks in order of creation whatever `$sort` says, knows neither ranges of ids
nor transcripts without tools, and may have no route for the queue.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from agor_reactive.errors import BadRequest, NotFound
from agor_reactive.models import RawEvent
from tests.core.build import SID, message_row, session_row, task_row

__all__ = ["Server"]

Row = dict[str, Any]


class Server:
    """Rows, and the operations that change them. Each operation returns the events it emits."""

    def __init__(self, *, modern: bool = True, page: int = 100, has_queue: bool = True) -> None:
        self.modern = modern
        self.page = page
        self.has_queue = has_queue
        self.order: list[str] = []
        self.tasks: dict[str, Row] = {}
        self.messages: dict[str, Row] = {}
        self.removed: list[str] = []
        self.title = "a session"
        self.made = 0
        self.positions = 0

    # ------------------------------------------------------------------------------------------------- operations

    def _next(self, prefix: str) -> str:
        self.made += 1
        return f"{prefix}{self.made:04}"

    def _one_of_few(self, what: str) -> str:
        """A text that may have been there before: what changes may change back."""
        self.made += 1
        return f"{what} {self.made % 3}"

    def session(self) -> Row:
        return session_row(self.order, title=self.title)

    def _patched_session(self) -> RawEvent:
        return RawEvent("sessions patched", self.session())

    def new_task(self, status: str, task_id: str | None = None) -> list[RawEvent]:
        task_id = task_id or self._next("t")
        row = task_row(task_id, status, second=self.made)
        if status == "queued":
            self.positions += 1
            row["queue_position"] = self.positions
        self.tasks[task_id] = row
        self.order.append(task_id)
        topic = "tasks queued" if status == "queued" else "tasks created"
        return [RawEvent(topic, dict(row)), self._patched_session()]

    def task_again(self, task_id: str, status: str) -> list[RawEvent]:
        """A task that was removed is made again under its old id, as an import of a saved session does."""
        self.removed.remove(task_id)
        self.made += 1
        return self.new_task(status, task_id)

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
        """Fact of the wire: its messages go with it, without an event."""
        row = self.tasks.pop(task_id)
        self.order.remove(task_id)
        self.removed.append(task_id)
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
        self.messages[message_id]["content"] = self._one_of_few("edited")
        return [RawEvent("messages patched", copy.deepcopy(self.messages[message_id]))]

    def move_message(self, message_id: str, task_id: str) -> list[RawEvent]:
        """The message becomes another task's."""
        self.messages[message_id]["task_id"] = task_id
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
        self.title = self._one_of_few("title")
        return [self._patched_session()]

    # ------------------------------------------------------------------------------------------------------ reads

    def call(self, method: str, service: str, args: tuple[Any, ...]) -> Any:
        """What the daemon answers at this moment. Raises what it refuses."""
        if (method, service) == ("get", "sessions"):
            # Fact of the wire: a `get` by the owner has the token, events have not.
            return {**self.session(), "mcp_token": "token"}
        if service.endswith("/queue"):
            if not self.has_queue:
                raise NotFound("Service not found", name="NotFound", code=404)
            waiting = [row for row in self.tasks.values() if row["status"] == "queued"]
            waiting.sort(key=lambda row: row.get("queue_position", 10**9))
            return copy.deepcopy(waiting)
        query = dict(args[0])
        if service == "tasks":
            rows = sorted(self.tasks.values(), key=lambda row: (row["created_at"], row["task_id"]))
            return self._page(query, rows, "task_id", "created_at")
        assert service == "messages", service
        rows = sorted(self.messages.values(), key=lambda row: (row["index"], row["message_id"]))
        if "task_id" in query:
            rows = [row for row in rows if row["task_id"] == query["task_id"]]
        if "transcript" in query and self.modern:
            rows = [row for row in rows if isinstance(row["content"], str)]
        return self._page(query, rows, "message_id", "index")

    def _page(self, query: Row, rows: list[Row], id_field: str, own_order: str) -> Row:
        if isinstance(wanted := query.get(id_field), dict):
            if not self.modern:
                raise BadRequest("no operators here", name="BadRequest", code=400)
            low, high = wanted.get("$gt", ""), wanted.get("$lte", "~")
            rows = [row for row in rows if low < row[id_field] <= high]
        (field, direction), *_ = (query.get("$sort") or {own_order: 1}).items()
        if field != own_order and self.modern:
            by_field: Callable[[Row], Any] = lambda row: row[field]  # noqa: E731
            rows = sorted(rows, key=by_field)
        if direction == -1 and self.modern:
            rows = rows[::-1]
        skip, limit = query.get("$skip", 0), min(query.get("$limit", self.page), self.page)
        found = copy.deepcopy(rows[skip : skip + limit])
        if "$select" in query:
            found = [{name: row[name] for name in query["$select"] if name in row} for row in found]
        return {"total": len(rows), "limit": limit, "skip": skip, "data": found}

    # --------------------------------------------------------------------------------------- what a mirror must show

    def unqueued(self) -> list[Row]:
        """The tasks that do not wait, oldest first."""
        return sorted(
            (row for row in self.tasks.values() if row["status"] != "queued"),
            key=lambda row: (row["created_at"], row["task_id"]),
        )

    def messages_of(self, task_id: str) -> list[Row]:
        """The messages of a task, in order."""
        rows = [row for row in self.messages.values() if row["task_id"] == task_id]
        return sorted(rows, key=lambda row: (row["index"], row["message_id"]))

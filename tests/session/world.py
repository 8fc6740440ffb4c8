"""A scripted daemon with rows, and a client's session layer on it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any

from agor_reactive.errors import NotFound
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.observers import ListenerFailure
from agor_reactive.session.registry import SessionRegistry
from agor_reactive.session.router import Router
from agor_reactive.transport.scripted import ScriptedLink
from tests.core.build import SID, message_row, session_row, task_row

OTHER = "01a20fce-ffff-732c-b447-916debeb2499"


class World:
    """`tasks` and `messages` are what the daemon has; change them as the daemon would."""

    def __init__(self, *, rooms: bool = True, join_timeout: float = 5.0) -> None:
        self.link = ScriptedLink()
        self.failures: list[ListenerFailure] = []
        self.router = Router(self.link, on_listener_failure=self.failures.append)
        self.slept: list[float] = []
        self.registry = SessionRegistry(self.link, self.router, clock=lambda: 5.0, sleep=self._sleep)
        self.tasks = [task_row("t0", "completed"), task_row("t1", second=1)]
        self.messages = [message_row("m0", "t0"), message_row("m1", "t1")]
        self.link.on_call("get", "sessions", self._session)
        self.link.on_call("find", "tasks", self._tasks)
        self.link.on_call("find", "messages", self._messages)
        self.link.on_call("get", "messages", self._message)
        self.link.on_call("find", "sessions/:id/tasks/queue", lambda args: self.page("queued", self.tasks))
        if rooms:
            self.link.on_call("create", "session-streams", self._join)
            self.link.on_call("remove", "session-streams", lambda args: {})

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def _full(self, given: str) -> str:
        matches = [full for full in (SID, OTHER) if full.startswith(given)]
        if len(matches) != 1:
            raise NotFound(f"Session not found: {given}", code="NOT_FOUND")
        return matches[0]

    def _session(self, args: tuple[Any, ...]) -> Any:
        row = session_row([task["task_id"] for task in self.tasks])
        return {**row, "session_id": self._full(args[0])}

    def _join(self, args: tuple[Any, ...]) -> Any:
        return {"session_id": self._full(args[0]["session_id"])}

    def _tasks(self, args: tuple[Any, ...]) -> Any:
        session_id = args[0]["session_id"]
        return self.page(None, [{**task, "session_id": session_id} for task in self.tasks], args[0])

    def _messages(self, args: tuple[Any, ...]) -> Any:
        wanted = args[0].get("task_id")
        return self.page(None, [m for m in self.messages if wanted in (None, m["task_id"])], args[0])

    def _message(self, args: tuple[Any, ...]) -> Any:
        for row in self.messages:
            if row["message_id"] == args[0]:
                return copy.deepcopy(row)
        raise NotFound(f"Message not found: {args[0]}", code="NOT_FOUND")

    @staticmethod
    def page(status: str | None, rows: list[dict[str, Any]], query: dict[str, Any] | None = None) -> Any:
        found = copy.deepcopy([row for row in rows if status is None or row.get("status") == status])
        skip, limit = (query or {}).get("$skip", 0), (query or {}).get("$limit", 10_000)
        return {"total": len(found), "limit": limit, "skip": skip, "data": found[skip : skip + limit]}

    def calls(self, service: str = "", method: str = "") -> list[tuple[str, str]]:
        """The calls made, of one service or method if said."""
        return [(m, s) for m, s, _ in self.link.calls if service in ("", s) and method in ("", m)]

    def room_calls(self) -> list[tuple[str, str]]:
        """Joins and leaves, with the id."""
        found = []
        for method, service, args in self.link.calls:
            if service == "session-streams":
                found.append(("join", args[0]["session_id"]) if method == "create" else ("leave", args[0]))
        return found

    def emit(self, topic: str, **payload: Any) -> None:
        self.link.emit(topic, {"session_id": SID, **payload})

    def chunk(self, text: str, sequence: int, message_id: str = "mx") -> None:
        self.emit("messages streaming:chunk", message_id=message_id, chunk=text, sequence=sequence)

    async def settle(self, until: Callable[[], Any] = lambda: False, *, turns: int = 60) -> None:
        """Let the loop turn until `until` holds, or so many times."""
        for _ in range(turns):
            if until():
                return
            await asyncio.sleep(0)

    @property
    def counts(self) -> tuple[int, ...]:
        """Everything that must be as it was once the last handle is released."""
        running = len([task for task in asyncio.all_tasks() if task is not asyncio.current_task()])
        return (
            self.router.sink_count,
            self.router.listener_count,
            self.registry.rooms.count,
            len(self.registry.sessions),
            running,
            len(self.link.pending),
        )


async def ready() -> tuple[World, SessionHandle]:
    """A world and a handle of its session that has read everything."""
    world = World()
    await world.link.open()
    handle = world.registry.retain(SID)
    await handle.ready()
    await world.settle()
    return world, handle

"""The rows of one test: created with a member's rights on every version, driven without an agent, removed at the
end."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from typing import Any, NoReturn

import agor_reactive as agor
from agor_reactive.errors import DaemonError, Forbidden, LinkError, NotFound
from tests.contract.daemons import Daemon
from tests.contract.waiting import eventually

__all__ = [
    "ENDED",
    "HOLD",
    "Scene",
    "after_a_board_was_removed",
    "message_row",
    "opened_scene",
    "tried",
    "workspace_field",
]

ENDED = ("completed", "failed", "stopped", "timed_out")
AT_WORK = ("dispatching", "running", "stopping", "awaiting_permission", "awaiting_input")

HOLD = "[hold] Say nothing at all."
"""A prompt on which the test daemons' agents stay silent until the task is stopped, completed or failed."""

KICKED_WITHIN = 1.0
"""Seconds after the removal of a board."""

STARTS_WITHIN = 30.0
"""Seconds from a prompt until its task is running: a live daemon starts an agent."""


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message_row(session_id: str, index: int, text: str, **fields: Any) -> dict[str, Any]:
    """A message as a client creates one: the client creates its id."""
    role = fields.setdefault("role", "user")
    return {
        "message_id": str(uuid.uuid4()),
        "session_id": session_id,
        "type": role,
        "index": index,
        "timestamp": now(),
        "content_preview": text[:80],
        "content": text,
        **fields,
    }


async def workspace_field(client: Any, workspace_id: str) -> str:
    """The name of a session's workspace field on this daemon, detected by trying."""
    with contextlib.suppress(DaemonError):
        await client.service("branches").get(workspace_id)
        return "branch_id"
    return "worktree_id"


async def tried(call: Awaitable[Any]) -> tuple[Any, DaemonError | None]:
    """Return the call's result, or the daemon's refusal, for rules that differ between versions."""
    try:
        return await call, None
    except DaemonError as refusal:
        return None, refusal


async def after_a_board_was_removed(client: Any, epoch: int) -> None:
    """Wait until `client` has reconnected since its connection number `epoch`, because newer daemons disconnect every
    socket then, soon after their answer."""
    with contextlib.suppress(AssertionError):
        await eventually(lambda: client.status.epoch > epoch, KICKED_WITHIN)
    await eventually(lambda: client.status.phase == "live", 20)


@contextlib.asynccontextmanager
async def opened_scene(client: Any, daemon: Daemon, *, member: Any = None) -> AsyncIterator[Scene]:
    """Open a scene on `client`, cleaned at the end. Stream events are posted by the daemon's service token where there
    is one, else by `member` (default: `client`)."""
    async with contextlib.AsyncExitStack() as stack:
        executor = member or client
        if token := daemon.access.service_token:
            executor = await stack.enter_async_context(agor.create_async_rest_client(daemon.url, access_token=token))
        one = Scene(client, daemon, await workspace_field(client, daemon.access.workspace_id), executor)
        try:
            yield one
        finally:
            await one.clean()


class Scene:
    """Creates sessions, tasks and messages for one test as a member, and acts as an executor.

    `executor` is the client for that: posting stream events, patching tasks. Without a service token, and where members
    may not do it, the test is skipped.
    """

    def __init__(self, client: Any, daemon: Daemon, workspace: str, executor: Any) -> None:
        self.client = client
        self.executor = executor
        self.daemon = daemon
        self.place = {workspace: daemon.access.workspace_id}
        self.made: list[tuple[str, str]] = []

    def service(self, path: str) -> Any:
        return self.client.service(path)

    async def session(self, **fields: Any) -> Any:
        data = {**self.place, "agentic_tool": "claude-code", "title": "contract", **fields}
        row = await self.service("sessions").create(data)
        self.made.append(("sessions", row.session_id))
        return row

    async def board(self, **fields: Any) -> Any:
        """A board, which stays until the run is over."""
        row = await self.service("boards").create(fields)
        self.daemon.boards.append(row.board_id)
        return row

    async def running_task(self, session_id: str, prompt: str = HOLD) -> Any:
        """Create a running task on an idle session, whose agent sends nothing. It has one message: the prompt."""
        task = await self.client.sessions.prompt(session_id, prompt)

        async def running() -> Any:
            row = await self.service("tasks").get(task.task_id)
            assert row.status not in ENDED, f"the task ended: {row.status}"
            return row if row.status == "running" else None

        return await eventually(running, STARTS_WITHIN, what="the prompted task runs")

    async def waiting_task(self, session_id: str, prompt: str = "Not yet.") -> Any:
        """Create a task that has not been run yet."""
        return await self.service("tasks").create(
            {"session_id": session_id, "full_prompt": prompt, "status": "created"}
        )

    async def complete(self, task_id: str) -> Any:
        return await self.service(f"tasks/{task_id}/complete").create({})

    async def fail(self, task_id: str) -> Any:
        return await self.service(f"tasks/{task_id}/fail").create({"error": "It broke."})

    async def save(self, session_id: str, index: int, text: str, **fields: Any) -> Any:
        return await self.service("messages").create(message_row(session_id, index, text, **fields))

    # ---- as an executor ----

    async def say(self, event: str, **data: Any) -> None:
        """Post one stream event of a message."""
        await self._post("messages/streaming", event, data)

    async def tell(self, event: str, **data: Any) -> None:
        """Post one stream event of a task."""
        await self._post("tasks/streaming", event, data)

    async def _post(self, path: str, event: str, data: dict[str, Any]) -> None:
        try:
            await self.executor.service(path).create({"event": event, "data": data})
        except Forbidden as refusal:
            self._not_for_members("posting stream events as a member", refusal)

    async def patch_task(self, task_id: str, **fields: Any) -> Any:
        try:
            return await self.executor.service("tasks").patch(task_id, fields)
        except Forbidden as refusal:
            self._not_for_members("patching tasks as a member", refusal)

    async def ask_permission(self, session_id: str, task_id: str, asked: dict[str, Any]) -> str:
        """Create a permission request message; returns its id."""
        row = message_row(session_id, 1_000, "May I?", task_id=task_id, role="system")
        try:
            await self.executor.service("messages").create({**row, "type": "permission_request", "content": asked})
        except Forbidden as refusal:
            self._not_for_members("asking for permission as a member", refusal)
        return str(row["message_id"])

    async def patch_message(self, message_id: str, **fields: Any) -> Any:
        try:
            return await self.executor.service("messages").patch(message_id, fields)
        except Forbidden as refusal:
            self._not_for_members("patching an agent's messages as a member", refusal)

    def _not_for_members(self, what: str, refusal: Forbidden) -> NoReturn:
        if self.daemon.bare or self.daemon.access.service_token:
            raise refusal
        self.daemon.not_offered(what)

    # ---- the end ----

    async def clean(self) -> None:
        """Stop running tasks, then remove the created rows, newest first; missing ones are ignored."""
        for path, row_id in reversed(self.made):
            with contextlib.suppress(NotFound, LinkError):
                if path == "sessions":
                    await self._stop_all(row_id)
                await self.service(path).remove(row_id)

    async def _stop_all(self, session_id: str) -> None:
        """Empty the queue and stop the running task: an agent of a live daemon costs money, even after its session was
        removed."""
        for task in await self._tasks_of(session_id, "queued"):
            with contextlib.suppress(DaemonError):
                await self.service("tasks").remove(task.task_id)
        if await self._tasks_of(session_id, *AT_WORK):
            await self.client.sessions.stop(session_id)
            with contextlib.suppress(AssertionError):  # it is removed nevertheless

                async def stopped() -> bool:
                    return not await self._tasks_of(session_id, *AT_WORK)

                await eventually(stopped, what="its tasks have ended")

    async def _tasks_of(self, session_id: str, *statuses: str) -> list[Any]:
        page = await self.service("tasks").find(query={"session_id": session_id})
        return [task for task in page if task.session_id == session_id and task.status in statuses]

"""The rows of one test: made through one live client by public routes, driven without an agent, removed at the end."""

from __future__ import annotations

import contextlib
import uuid
from datetime import UTC, datetime
from typing import Any

from agor_reactive.errors import DaemonError, LinkError, NotFound
from tests.contract.daemons import Daemon

__all__ = ["Scene", "message_row", "workspace_field"]

ENDED = ("completed", "failed", "stopped", "timed_out")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message_row(session_id: str, index: int, text: str, **fields: Any) -> dict[str, Any]:
    """A message as a client creates one: its id is the client's to choose."""
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
    """What this daemon calls the place of a session: found out by trying."""
    with contextlib.suppress(DaemonError):
        await client.service("branches").get(workspace_id)
        return "branch_id"
    return "worktree_id"


class Scene:
    """Makes sessions, tasks and messages for one test, and posts the stream events that an executor would."""

    def __init__(self, client: Any, daemon: Daemon, workspace: str) -> None:
        self.client = client
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

    async def running_task(self, session_id: str, prompt: str = "Nothing runs this.") -> Any:
        """A task that runs by our word alone: the session is busy and no agent answers."""
        return await self.service("tasks").create(
            {"session_id": session_id, "full_prompt": prompt, "status": "running"}
        )

    async def waiting_task(self, session_id: str, prompt: str = "Not yet.") -> Any:
        return await self.service("tasks").create(
            {"session_id": session_id, "full_prompt": prompt, "status": "created"}
        )

    async def complete(self, task_id: str) -> Any:
        return await self.service(f"tasks/{task_id}/complete").create({})

    async def say(self, event: str, **data: Any) -> None:
        """One stream event of a message."""
        await self.service("messages/streaming").create({"event": event, "data": data})

    async def tell(self, event: str, **data: Any) -> None:
        """One stream event of a task."""
        await self.service("tasks/streaming").create({"event": event, "data": data})

    async def save(self, session_id: str, index: int, text: str, **fields: Any) -> Any:
        return await self.service("messages").create(message_row(session_id, index, text, **fields))

    async def clean(self) -> None:
        """Remove what was made, newest first; what is gone already is fine."""
        for path, row_id in reversed(self.made):
            with contextlib.suppress(NotFound, LinkError):
                await self.service(path).remove(row_id)

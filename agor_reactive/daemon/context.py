"""The context that all parts of the daemon share: rows, events, time, ids, the API version. Built once by the
server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from agor_reactive.daemon.api_versions import ApiVersion
from agor_reactive.daemon.clock import Clock, Ids, iso
from agor_reactive.daemon.events import Bus
from agor_reactive.daemon.store import Row, Store
from agor_reactive.daemon.tables import Table
from agor_reactive.daemon.tokens import Tokens

__all__ = ["DaemonContext"]


@dataclass
class DaemonContext:
    """The shared parts. The server sets `url` when the port is known.

    `page_limit`: the most rows in one answer to a find of messages, with today's rules. `boot_id` changes with each
    start. `access_changed` is called when a user's rights change; today's daemon then disconnects every socket; the
    socket side sets it.
    """

    store: Store
    bus: Bus
    clock: Clock
    ids: Ids
    api: ApiVersion
    tokens: Tokens
    seed: str
    speed: float
    access_token_life: float
    page_limit: int
    boot_id: str
    url: str = ""
    access_changed: Callable[[], None] = lambda: None
    sessions: Table = field(init=False)
    tasks: Table = field(init=False)
    messages: Table = field(init=False)
    boards: Table = field(init=False)
    repos: Table = field(init=False)
    places: Table = field(init=False)
    users: Table = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = self._table("sessions", "Session", "session_id")
        self.tasks = self._table("tasks", "Task", "task_id")
        self.messages = self._table("messages", "Message", "message_id", short_ids=False)
        self.boards = self._table("boards", "Board", "board_id")
        self.repos = self._table("repos", "Repo", "repo_id")
        self.places = self._table(self.api.places, self.api.place_title, self.api.place_id)
        self.users = self._table("users", "User", "user_id", short_ids=False)

    def _table(self, kind: str, entity: str, id_field: str, *, short_ids: bool = True) -> Table:
        return Table(self.store, self.bus, kind=kind, entity=entity, id_field=id_field, short_ids=short_ids)

    def now(self) -> str:
        """The current time in its wire form."""
        return iso(self.clock.time())

    def rng(self, purpose: str) -> Random:
        """A separate random generator, reproducible for the same seed."""
        return Random(f"{self.seed}/{purpose}")

    def short(self, row_id: str) -> str:
        """The daemon's own short form: 24 hex digits."""
        return row_id.replace("-", "")[:24]

    def link(self, kind: str, row_id: str) -> str:
        return f"{self.url}/ui/{kind}/{self.short(row_id)}/"

    def touch_session(self, session: Row, **changes: Any) -> Row:
        """Change a session's row and its `last_updated`, and announce it."""
        return self.sessions.change(session, **changes, last_updated=self.now())

    def new_message(self, *, session_id: str, task_id: str | None, role: str, content: object, **more: object) -> Row:
        """Save and announce a message at the end of its session. `more` may carry message_id, type, metadata."""
        row: Row = {
            "message_id": more.pop("message_id", None) or self.ids.row(),
            "session_id": session_id,
            **({"task_id": task_id} if task_id else {}),
            "type": more.pop("type", role),
            "role": role,
            "index": self.store.next_message_index(session_id),
            "timestamp": self.now(),
            "content_preview": preview(content),
            "content": content,
            **more,
        }
        self.messages.insert(row)
        self.messages.announce("created", row)
        return row


def preview(content: object) -> str:
    """The beginning of a message's text, for content of any shape."""
    if isinstance(content, str):
        return content[:200]
    if isinstance(content, list):
        texts = [str(block.get("text") or block.get("name") or "") for block in content if isinstance(block, dict)]
        return " ".join(text for text in texts if text)[:200]
    return ""

"""Entries: rows as the tables of a snapshot hold them, validated on first access.

Validating a row costs more than folding it, and most rows of a session are replaced before they are read. So an entry
holds what the fold needs (ids, status, index, time of creation), the payload as it came, and, from the first access on,
the validated row instead of the payload. Users get rows, never entries.

The payload of an entry belongs to it: it must not be changed afterwards.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from agor_reactive.models.base import WireModel, row_from_wire
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import ENDED_STATUSES, QUEUED_STATUS, Task

__all__ = ["MessageEntry", "SessionRowEntry", "TaskEntry"]

R = TypeVar("R", bound=WireModel)
_new = object.__new__


def _sent_alike(one: Any, other: Any) -> bool:
    """Whether equal values were sent with the same fields, in their parts too."""
    if one is other:
        return True
    if isinstance(one, WireModel):
        theirs = other.__dict__
        return one.model_fields_set == other.model_fields_set and all(
            _sent_alike(value, theirs[name]) for name, value in one.__dict__.items() if type(value) not in _PLAIN
        )
    if type(one) is tuple:
        return all(map(_sent_alike, one, other))
    if isinstance(one, dict):
        return all(_sent_alike(value, other[key]) for key, value in one.items() if type(value) not in _PLAIN)
    return True


_PLAIN = {str, int, float, bool, type(None)}


class _Entry(Generic[R]):
    """A row, or the payload it will be validated from: exactly one of the two is there."""

    __slots__ = ("payload", "validated")

    model: ClassVar[type[Any]]

    payload: dict[str, Any] | None
    validated: R | None

    @property
    def row(self) -> R:
        """The row: validated on first access, the same object from then on."""
        row = self.validated
        if row is None:
            payload = self.payload
            if payload is not None:
                row = row_from_wire(self.model, payload)
                # Another thread may have validated the same payload meanwhile: the first row stays. It is in its place
                # before the payload goes, so that one of the two is always there.
                if self.validated is None:
                    self.validated = row
                self.payload = None
            row = self.validated
        return cast(R, row)

    @property
    def fields(self) -> dict[str, Any]:
        """What is known of the fields without validating: the payload, or the fields of the row. Not to be changed."""
        payload = self.payload  # read once: another thread may validate the row meanwhile
        return self.row.__dict__ if payload is None else payload

    def __eq__(self, other: Any) -> bool:
        """Whether both mean the same row, found out without validating where that is possible.

        Null and a missing field differ, validated or not: so do the wire forms, and a snapshot holds one of the two
        whichever rows were read before.
        """
        if self is other:
            return True
        if type(other) is not type(self) and getattr(other, "model", None) is not self.model:
            return NotImplemented
        mine, theirs = self.payload, other.payload
        if theirs is not None:
            if mine is not None:
                return bool(mine == theirs)
            # A text that differs is enough to know; this is the common case of a row that changed.
            known = self.row.__dict__
            for name, value in theirs.items():
                if type(value) is str and known.get(name, value) != value:
                    return False
        # Rows compare by value; a default that was sent shows in the wire form alone.
        return bool(self.row == other.row) and _sent_alike(self.row, other.row)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.row!r})"


class TaskEntry(_Entry[Task]):
    """An entry for a task."""

    __slots__ = ("created_at", "session_id", "status", "task_id")

    model = Task

    def __init__(
        self,
        task_id: str,
        session_id: str,
        status: str,
        created_at: str,
        payload: dict[str, Any] | None,
        row: Task | None = None,
    ) -> None:
        self.task_id = task_id
        self.session_id = session_id
        self.status = status
        self.created_at = created_at
        self.payload = payload
        self.validated = row

    @classmethod
    def of(cls, row: Task) -> Self:
        """The entry for a row that is validated already."""
        return cls(row.task_id, row.session_id, row.status, row.created_at, None, row)

    @classmethod
    def from_payload(cls, payload: Any) -> Self | None:
        """The entry for a payload; None where a field that the fold needs is not of its plain type."""
        if type(payload) is dict:
            get = payload.get
            task_id, session_id, status, created_at = (
                get("task_id"),
                get("session_id"),
                get("status"),
                get("created_at"),
            )
            if type(task_id) is type(session_id) is type(status) is type(created_at) is str and task_id:
                entry = _new(cls)  # what `cls(…)` does, in half the time; most events bring a row
                entry.task_id = task_id
                entry.session_id = session_id
                entry.status = status
                entry.created_at = created_at
                entry.payload = payload
                entry.validated = None
                return entry
        return None

    @property
    def ended(self) -> bool:
        """Whether the task does no more work."""
        return self.status in ENDED_STATUSES

    @property
    def queued(self) -> bool:
        """Whether the task is queued."""
        return self.status == QUEUED_STATUS


class MessageEntry(_Entry[Message]):
    """An entry for a message."""

    __slots__ = ("index", "message_id", "session_id", "task_id")

    model = Message

    def __init__(
        self,
        message_id: str,
        session_id: str,
        task_id: str | None,
        index: float,
        payload: dict[str, Any] | None,
        row: Message | None = None,
    ) -> None:
        self.message_id = message_id
        self.session_id = session_id
        self.task_id = task_id
        self.index = index
        self.payload = payload
        self.validated = row

    @classmethod
    def of(cls, row: Message) -> Self:
        """The entry for a row that is validated already."""
        return cls(row.message_id, row.session_id, row.task_id, row.index, None, row)

    @classmethod
    def from_payload(cls, payload: Any) -> Self | None:
        """The entry for a payload; None where a field that the fold needs is not of its plain type."""
        if type(payload) is dict:
            get = payload.get
            message_id, session_id, task_id, index = get("message_id"), get("session_id"), get("task_id"), get("index")
            if (
                type(message_id) is type(session_id) is str
                and message_id
                and (task_id is None or type(task_id) is str)
                and type(index) is int
            ):
                entry = _new(cls)
                entry.message_id = message_id
                entry.session_id = session_id
                entry.task_id = task_id
                entry.index = index
                entry.payload = payload
                entry.validated = None
                return entry
        return None


class SessionRowEntry(_Entry[Session]):
    """An entry for the row of a session."""

    __slots__ = ("mcp_token", "session_id", "tasks")

    model = Session

    def __init__(
        self,
        session_id: str,
        mcp_token: str | None,
        tasks: tuple[str, ...],
        payload: dict[str, Any] | None,
        row: Session | None = None,
    ) -> None:
        self.session_id = session_id
        self.mcp_token = mcp_token
        self.tasks = tasks
        self.payload = payload
        self.validated = row

    @classmethod
    def of(cls, row: Session) -> Self:
        """The entry for a row that is validated already."""
        return cls(row.session_id, row.mcp_token, row.tasks, None, row)

    @classmethod
    def from_payload(cls, payload: Any) -> Self | None:
        """The entry for a payload; None where a field that the fold needs is not of its plain type."""
        if type(payload) is dict:
            session_id, token = payload.get("session_id"), payload.get("mcp_token")
            tasks = payload.get("tasks", _NO_TASKS)
            if (
                type(session_id) is str
                and session_id
                and (token is None or type(token) is str)
                and type(tasks) is list
                and set(map(type, tasks)) <= _STR
            ):
                return cls(session_id, token, tuple(tasks), payload)
        return None

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """What a pickle holds: all but the token."""
        payload = self.payload
        if payload is None:
            return SessionRowEntry.of, (self.row,)
        kept = {name: value for name, value in payload.items() if name != "mcp_token"}
        return SessionRowEntry, (self.session_id, None, self.tasks, kept)

    def with_token(self, token: str) -> SessionRowEntry:
        """The same row with that `mcp_token`; not validated if this one is not."""
        payload = self.payload
        if payload is None:
            return SessionRowEntry.of(self.row.model_copy(update={"mcp_token": token}))
        return SessionRowEntry(self.session_id, token, self.tasks, {**payload, "mcp_token": token})


_NO_TASKS: list[str] = []
_STR = {str}

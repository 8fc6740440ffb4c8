"""Everything that can change the state of a session, as facts.

`parse` makes the events of the wire from raw events; the session layer makes the others: connection changes, fetches
with their results, local actions. All are tuples: cheap to make, immutable, comparable.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task
from agor_reactive.models.wire import LinkStatus

__all__ = [
    "Disposed",
    "Event",
    "EventUnreadable",
    "Failure",
    "FailureKind",
    "FetchAnswered",
    "FetchFailed",
    "LinkChanged",
    "LoadRequested",
    "Malformed",
    "MessageRemoved",
    "MessageSaved",
    "NotResolved",
    "OlderTasksRequested",
    "QueueMoved",
    "ResyncRequested",
    "Rows",
    "SessionGone",
    "SessionSaved",
    "StreamEnded",
    "StreamFailed",
    "StreamStarted",
    "TaskRemoved",
    "TaskSaved",
    "TextChunk",
    "ThinkingChunk",
    "ThinkingEnded",
    "ThinkingStarted",
    "ToolStarted",
    "UnloadRequested",
]

# ------------------------------------------------------------------------------------------------ from the daemon


class SessionSaved(NamedTuple):
    """``sessions created | patched | updated``."""

    entry: SessionRowEntry

    @property
    def session_id(self) -> str:
        return self.entry.session_id


class SessionGone(NamedTuple):
    """``sessions removed``: its tasks and messages went with it, silently."""

    session_id: str


class TaskSaved(NamedTuple):
    """``tasks created | queued | patched | updated``, ``tasks/bulk created``. `born`: announced as new."""

    entry: TaskEntry
    born: bool

    @property
    def session_id(self) -> str:
        return self.entry.session_id


class TaskRemoved(NamedTuple):
    """``tasks removed``."""

    session_id: str
    task_id: str


class MessageSaved(NamedTuple):
    """``messages created | patched | updated``, ``messages/bulk created``."""

    entry: MessageEntry

    @property
    def session_id(self) -> str:
        return self.entry.session_id


class MessageRemoved(NamedTuple):
    """``messages removed``."""

    session_id: str
    message_id: str


class StreamStarted(NamedTuple):
    """``messages streaming:start``."""

    session_id: str
    message_id: str
    task_id: str | None
    role: str | None
    timestamp: str | None


class TextChunk(NamedTuple):
    """``messages streaming:chunk``. `sequence` None: not numbered."""

    session_id: str
    message_id: str
    task_id: str | None
    chunk: str
    sequence: int | None


class StreamEnded(NamedTuple):
    """``messages streaming:end``. `chunk_count`: how many chunks there were, or None."""

    session_id: str
    message_id: str
    task_id: str | None
    chunk_count: int | None


class StreamFailed(NamedTuple):
    """``messages streaming:error``."""

    session_id: str
    message_id: str
    task_id: str | None
    error: str


class ThinkingStarted(NamedTuple):
    """``messages thinking:start``."""

    session_id: str
    message_id: str
    task_id: str | None
    timestamp: str | None


class ThinkingChunk(NamedTuple):
    """``messages thinking:chunk``."""

    session_id: str
    message_id: str
    task_id: str | None
    chunk: str


class ThinkingEnded(NamedTuple):
    """``messages thinking:end``."""

    session_id: str
    message_id: str
    task_id: str | None


class ToolStarted(NamedTuple):
    """``tasks tool:start``."""

    session_id: str
    task_id: str
    tool_use_id: str
    tool_name: str | None


class QueueMoved(NamedTuple):
    """``messages queued`` of old daemons: the queue changed, without saying how."""

    session_id: str


class EventUnreadable(NamedTuple):
    """An event came that no decoder could read. It may have been about this session."""


class Malformed(NamedTuple):
    """An event that could not be read. `kind` is its topic."""

    kind: str


# ----------------------------------------------------------------------------------------------- from this client

FailureKind = Literal["link", "timeout", "server", "unauthenticated", "forbidden", "not_found", "refused", "absent"]


class Failure(NamedTuple):
    """Why something failed: `kind` decides what happens next, `text` is for people.

    ``link`` the link dropped; ``timeout`` and ``server`` may pass; ``unauthenticated`` waits for a login; ``forbidden``
    and ``not_found`` are final; ``absent``: the daemon does not offer that service; ``refused``: anything else.
    """

    kind: FailureKind
    text: str


class Rows(NamedTuple):
    """What a fetch brought. Which fields are used depends on the fetch. `complete` is False if some are missing;
    `older`: there are tasks before the first of these."""

    session: Session | None = None
    tasks: tuple[Task, ...] = ()
    messages: tuple[Message, ...] = ()
    complete: bool = True
    rejected: int = 0
    older: bool = False


class FetchAnswered(NamedTuple):
    """A fetch was answered. `at`: epoch seconds."""

    fetch_id: int
    rows: Rows
    at: float


class FetchFailed(NamedTuple):
    """A fetch failed."""

    fetch_id: int
    failure: Failure
    at: float


class LinkChanged(NamedTuple):
    """The status of the link changed."""

    status: LinkStatus


class LoadRequested(NamedTuple):
    """The user wants the messages of a task."""

    task_id: str


class UnloadRequested(NamedTuple):
    """The user no longer wants the messages of a task."""

    task_id: str


class OlderTasksRequested(NamedTuple):
    """The user wants the next page of older tasks (lean hydration)."""


class NotResolved(NamedTuple):
    """The short id that the session was retained by could not be resolved to a full id."""

    failure: Failure


class ResyncRequested(NamedTuple):
    """The user wants everything read again."""


class Disposed(NamedTuple):
    """The last handle was released."""


Event = (
    SessionSaved
    | SessionGone
    | TaskSaved
    | TaskRemoved
    | MessageSaved
    | MessageRemoved
    | StreamStarted
    | TextChunk
    | StreamEnded
    | StreamFailed
    | ThinkingStarted
    | ThinkingChunk
    | ThinkingEnded
    | ToolStarted
    | QueueMoved
    | EventUnreadable
    | Malformed
    | FetchAnswered
    | FetchFailed
    | LinkChanged
    | LoadRequested
    | UnloadRequested
    | OlderTasksRequested
    | NotResolved
    | ResyncRequested
    | Disposed
)

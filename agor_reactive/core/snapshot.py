"""What a session looks like at one moment: the immutable snapshot that subscribers get.

Parts that did not change are the same objects from one snapshot to the next, so ``a.tasks is b.tasks`` means that no
task changed. The fields behind `sync` and `live_tools` are the core's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.fetches import Fetch, Missing, SyncEnd, SyncRound
from agor_reactive.core.persistent import PMap
from agor_reactive.core.streams import Stream, Streams
from agor_reactive.core.tables import LoadedTasks, MessageBucket, MessagesByTask, TaskTable
from agor_reactive.core.tools import LiveTools, Tool, ToolsByTask
from agor_reactive.models.base import FrozenDict
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task
from agor_reactive.models.wire import LinkStatus

__all__ = ["HYDRATIONS", "WINDOWS", "Base", "Bookkeeping", "SessionState", "Status", "TaskHydration"]

TaskHydration = str
HYDRATIONS = ("none", "lazy", "eager", "lean", "preview")
"""What is read of a session first. ``none``, ``lazy``, ``eager``: all its tasks, and the messages of none of them,
of the newest that is not queued, or of all. ``lean``: the ten newest tasks, the messages of running ones whole, of the
others without the payload of tools where the daemon offers that. ``preview``: the newest task only, whatever comes."""

WINDOWS = {"lean": 10, "preview": 1}
"""How many tasks the hydrations that do not read all of them begin with; a page of older ones is as many."""


class _Part:
    """A group of fields of a snapshot. Slots are read in a quarter of the time that a NamedTuple's fields take."""

    __slots__ = ()

    def but(self, **changes: Any) -> Self:
        """The same with these fields changed."""
        changed: Self = replace(self, **changes)  # type: ignore[type-var]
        return changed


@dataclass(frozen=True, slots=True)
class Status(_Part):
    """How the mirror itself is doing: what changes rarely."""

    session_id: str
    hydration: TaskHydration
    link: LinkStatus
    connection: LinkStatus
    loading: bool = True
    degraded: bool = False
    has_older_tasks: bool = False
    terminal: bool = False
    last_synced_at: float | None = None
    errors: tuple[tuple[str, str], ...] = ()
    anomalies: FrozenDict = field(default_factory=FrozenDict)
    disposed: bool = False


@dataclass(frozen=True, slots=True)
class Bookkeeping(_Part):
    """What the fold remembers between events. Not for users.

    `journal_*`: what happened to which row while a fetch is in flight: id to (revision, entry, or None if removed); of
    tools, (task id, tool use id) to the revision of the event that reported it.
    `gone_*`: ids that were removed, and when; `removals`: there have been any. `user_loads`: loads and unloads by the
    user while a fetch is in flight. `missed`: the link dropped or logged out, and no sync round has read yet what it
    missed. `settled`: messages whose stream is over, and their task: the newest 256. `window`: how many tasks are
    wanted, 0 for all. `projects`: the daemon is new enough to leave out the payload of tools. `missing`: what could not
    be read, and whether it is tried again; `retries`: how often in a row it was. `sync_end`: how the last round ended;
    a new object each time.
    """

    fetches: tuple[Fetch, ...] = ()
    next_fetch_id: int = 1
    round: SyncRound | None = None
    again: bool = False
    attempt: int = 0
    join_attempt: int = 0
    journal_tasks: PMap[str, tuple[int, TaskEntry | None]] = field(default_factory=PMap)
    journal_messages: PMap[str, tuple[int, MessageEntry | None]] = field(default_factory=PMap)
    journal_tools: PMap[tuple[str, str], int] = field(default_factory=PMap)
    session_moved: int = 0
    gone_tasks: PMap[str, int] = field(default_factory=PMap)
    gone_messages: PMap[str, int] = field(default_factory=PMap)
    removals: bool = False
    user_loads: FrozenDict = field(default_factory=FrozenDict)
    queue_moved: bool = False
    queue_absent: bool = False
    settled: FrozenDict = field(default_factory=FrozenDict)
    missed: bool = False
    window: int = 0
    projects: bool = False
    missing: PMap[Missing, bool] = field(default_factory=PMap)
    retries: int = 0
    sync_end: SyncEnd | None = None


class Base:
    """All of a snapshot but the streams, shared by every snapshot until something in it changes. Immutable.

    `accepts_session_id`: the session whose events are folded: its id, or None once it is removed or released.
    `tools` is a place for what is derived from the rest.
    """

    __slots__ = (
        "accepts_session_id",
        "books",
        "live_tools",
        "loaded_task_ids",
        "messages_by_task",
        "queued_tasks",
        "session",
        "status",
        "tasks",
        "tools",
    )

    accepts_session_id: str | None
    session: SessionRowEntry | None
    tasks: TaskTable
    messages_by_task: MessagesByTask
    queued_tasks: tuple[Task, ...]
    live_tools: LiveTools
    loaded_task_ids: LoadedTasks
    status: Status
    books: Bookkeeping
    tools: ToolsByTask | None


class SessionState:
    """The state of one session. Immutable, deep.

    - `session`: its row, None until known or once removed
    - `tasks`: a sequence of `Task` by time of creation; as `session.tasks` lists them where it names all of them
    - `messages_by_task`: task id to a sequence of `Message` by index, for loaded tasks
    - `queued_tasks`: queued prompts, by queue position
    - `streaming_messages`: message id to `Stream`, for messages being written
    - `tools_by_task`: task id to a tuple of `Tool`
    - `loaded_task_ids`: the tasks whose messages are here, whole
    - `connected`, `connection`: whether the link is up, and its status (phase, attempt, next try, reason)
    - `loading`: a bootstrap or resync is under way; `last_synced_at`: when one last ended well, epoch seconds
    - `error`: the last failure that has not been made good since, as text; `terminal`: nothing is retried automatically
    - `has_older_tasks`: there are tasks before the first of `tasks` (see `load_older_tasks`)
    - `degraded`: the daemon did not confirm that it will send stream events
    - `revision`: rises with every change; `anomalies`: event kind to how many could not be read
    """

    __slots__ = ("__weakref__", "_base", "_revision", "_streams")

    tables: ClassVar[tuple[Callable[[SessionState], str], Callable[[SessionState], str]] | None] = None
    """How a snapshot shows itself in IPython, as text and HTML; `agor_reactive` sets it, since adapters are above."""

    def __init__(self, base: Base, streaming_messages: Streams, revision: int) -> None:
        self._base = base
        self._streams = streaming_messages
        self._revision = revision

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[SessionState], tuple[Base, Streams, int]]:
        return (SessionState, (self._base, self._streams, self._revision))

    @property
    def base(self) -> Base:
        """All but the text being written: the same object until something else changes."""
        return self._base

    @property
    def streaming_messages(self) -> Streams:
        return self._streams

    @property
    def revision(self) -> int:
        return self._revision

    @property
    def session(self) -> Session | None:
        entry = self._base.session
        return entry.row if entry is not None else None

    @property
    def tasks(self) -> TaskTable:
        return self._base.tasks

    @property
    def messages_by_task(self) -> MessagesByTask:
        return self._base.messages_by_task

    @property
    def queued_tasks(self) -> tuple[Task, ...]:
        return self._base.queued_tasks

    @property
    def loaded_task_ids(self) -> LoadedTasks:
        return self._base.loaded_task_ids

    @property
    def live_tools(self) -> LiveTools:
        """Tools by task as events report them: one of the two sources of `tools_by_task`."""
        return self._base.live_tools

    @property
    def status(self) -> Status:
        """How the mirror itself is doing."""
        return self._base.status

    @property
    def books(self) -> Bookkeeping:
        """What the fold remembers between events."""
        return self._base.books

    @property
    def session_id(self) -> str:
        return self._base.status.session_id

    @property
    def task_hydration(self) -> TaskHydration:
        return self._base.status.hydration

    @property
    def connection(self) -> LinkStatus:
        return self._base.status.connection

    @property
    def connected(self) -> bool:
        return self._base.status.link.up

    @property
    def loading(self) -> bool:
        return self._base.status.loading

    @property
    def degraded(self) -> bool:
        return self._base.status.degraded

    @property
    def has_older_tasks(self) -> bool:
        return self._base.status.has_older_tasks

    @property
    def terminal(self) -> bool:
        return self._base.status.terminal

    @property
    def error(self) -> str | None:
        errors = self._base.status.errors
        return errors[-1][1] if errors else None

    @property
    def last_synced_at(self) -> float | None:
        return self._base.status.last_synced_at

    @property
    def anomalies(self) -> Mapping[str, int]:
        return self._base.status.anomalies

    @property
    def fetches(self) -> tuple[Fetch, ...]:
        """The reads that the fold requests now."""
        return self._base.books.fetches

    @property
    def tools_by_task(self) -> ToolsByTask:
        base = self._base
        tools = base.tools
        if tools is None:
            tools = base.tools = ToolsByTask(base.live_tools, base.messages_by_task, base.tasks)
        return tools

    # ------------------------------------------------------------------------------------------------- read methods

    def get_task(self, task_id: str) -> Task | None:
        """The task of that id, or None."""
        return self.tasks.get(task_id)

    def get_task_messages(self, task_id: str) -> MessageBucket | tuple[()]:
        """The messages of a task in order; empty if it is not loaded."""
        return self.messages_by_task.get(task_id, ())

    def get_task_tools(self, task_id: str) -> tuple[Tool, ...]:
        """The tools a task has used."""
        return self.tools_by_task.get(task_id, ())

    def get_streaming_message(self, message_id: str) -> Stream | None:
        """The message being written under that id, or None."""
        return self.streaming_messages.get(message_id)

    def get_streaming_messages(self, task_id: str | None = None) -> tuple[Stream, ...]:
        """Messages being written, all or those of a task, oldest first."""
        streams = tuple(self._streams.values())
        return streams if task_id is None else tuple(stream for stream in streams if stream.task_id == task_id)

    def is_task_loaded(self, task_id: str) -> bool:
        """Whether the messages of the task are here."""
        return task_id in self.loaded_task_ids

    @property
    def active_task(self) -> Task | None:
        """The task at work, if any; the newest if, for a moment, there seem to be two."""
        task_id = self.tasks.active_task_id
        return self.tasks.get(task_id) if task_id is not None else None

    def dump(self, *, secrets: bool = False) -> dict[str, Any]:
        """The whole snapshot as JSON-ready data, keys as the attributes are named.

        With `secrets`, the session's `mcp_token` is in it. Pickles of a snapshot never hold it.
        """
        return {
            "session_id": self.session_id,
            "session": self.session.to_wire(secrets=secrets) if self.session is not None else None,
            "tasks": [task.to_wire() for task in self.tasks],
            "messages_by_task": {
                task_id: [message.to_wire() for message in self.messages_by_task[task_id]]
                for task_id in sorted(self.messages_by_task)
            },
            "queued_tasks": [task.to_wire() for task in self.queued_tasks],
            "streaming_messages": {key: stream.dump() for key, stream in self.streaming_messages.items()},
            "tools_by_task": {
                task_id: [tool._asdict() for tool in self.tools_by_task[task_id]]
                for task_id in sorted(self.tools_by_task)
            },
            "loaded_task_ids": sorted(self.loaded_task_ids),
            "connected": self.connected,
            "connection": self.connection.phase,
            "loading": self.loading,
            "error": self.error,
            "terminal": self.terminal,
            "degraded": self.degraded,
            "has_older_tasks": self.has_older_tasks,
            "last_synced_at": self.last_synced_at,
            "revision": self.revision,
            "anomalies": dict(self.anomalies),
        }

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # IPython calls this for the last value of a line or cell.
        printer.text(repr(self) if self.tables is None else self.tables[0](self))

    def _repr_html_(self) -> str | None:
        return None if self.tables is None else self.tables[1](self)

    def __repr__(self) -> str:
        return (
            f"<SessionState {self.session_id} revision={self.revision} {self.connection.phase}"
            f" tasks={len(self.tasks)} loaded={len(self.loaded_task_ids)} queued={len(self.queued_tasks)}"
            f" streaming={len(self.streaming_messages)}{' loading' if self.loading else ''}"
            f"{' error' if self.error else ''}>"
        )

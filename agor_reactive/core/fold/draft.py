"""The draft of the next snapshot: what a batch of events changes in place, and freezes once.

A draft begins with the parts of a snapshot. Small parts are replaced by new objects. The three that most events touch
are copied at their first change in the batch and changed in place from then on: streams by `own_streams` and
`stream_to_change`, the tables of tasks and messages because handlers pass them `owner`, which ends with the draft.
`finish` makes a snapshot of it.

`revision` rises by one with every event of a batch, as it does when events are folded one by one. What is remembered
with a revision (the journal, tombstones, `moved_at` of a stream, `begun` of a fetch) therefore compares the same way
in a batch: an event that comes after a request in the same batch is newer than the request's answer. Only the gaps
differ: an event that changes nothing takes a revision in a batch and takes none alone.
"""

from __future__ import annotations

from agor_reactive.core.entries import SessionRowEntry
from agor_reactive.core.snapshot import Base, Bookkeeping, SessionState, Status
from agor_reactive.core.streams import (
    NO_STREAMS,
    Stream,
    StreamDraft,
    Streams,
    StreamsById,
    draft_of,
    freeze_stream,
    opened_stream,
)
from agor_reactive.core.tables import LoadedTasks, MessagesByTask, TaskTable
from agor_reactive.core.tools import LiveTools, ToolsByTask
from agor_reactive.models.task import Task

__all__ = ["Draft", "after_next", "start_draft"]

_new = object.__new__


def start_draft(state: SessionState) -> Draft:
    """The draft of what comes after `state`."""
    base = state._base
    draft: Draft = _new(Draft)  # in two thirds of the time that a call of the class takes
    draft._before = state
    draft.accepts_session_id = base.accepts_session_id
    draft.session = base.session
    draft.tasks = base.tasks
    draft.messages_by_task = base.messages_by_task
    draft.queued_tasks = base.queued_tasks
    draft.live_tools = base.live_tools
    draft.loaded_task_ids = base.loaded_task_ids
    draft.status = base.status
    draft.books = base.books
    draft.streams = state._streams._by_id
    draft.revision = state._revision
    draft.owner = _new(object)
    return draft


class Draft:
    """A snapshot in the making. Only the handlers of the fold change it, and only one batch of events uses it."""

    __slots__ = (
        "_before",
        "accepts_session_id",
        "books",
        "live_tools",
        "loaded_task_ids",
        "messages_by_task",
        "owner",
        "queued_tasks",
        "revision",
        "session",
        "status",
        "streams",
        "tasks",
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
    streams: StreamsById
    revision: int
    owner: object

    _before: SessionState

    # ------------------------------------------------------------------------------------------------------- streams

    def own_streams(self) -> StreamsById:
        """The streams, to change in place."""
        streams = self.streams
        if streams is self._before._streams._by_id:
            streams = self.streams = streams.copy()
        return streams

    def stream_to_change(self, message_id: str) -> StreamDraft:
        """The stream of that id, which is here, to change in place."""
        streams = self.streams
        stream = streams[message_id]
        if type(stream) is StreamDraft:
            return stream
        if streams is self._before._streams._by_id:
            streams = self.streams = streams.copy()
        draft = streams[message_id] = draft_of(stream)  # type: ignore[arg-type]  # no draft, so a stream
        return draft

    def open_stream(self, message_id: str, task_id: str | None) -> StreamDraft:
        """A new stream under that id."""
        stream = self.own_streams()[message_id] = opened_stream(message_id, task_id, self.revision)
        return stream

    def drop_stream(self, message_id: str) -> None:
        """Remove the stream of that id, if there is one."""
        if message_id in self.streams:
            del self.own_streams()[message_id]

    def _frozen_streams(self) -> Streams:
        before = self._before._streams
        streams = self.streams
        if streams is before._by_id:
            return before
        changed = len(streams) != len(before._by_id)
        for message_id, stream in streams.items():
            if type(stream) is StreamDraft:
                frozen = streams[message_id] = freeze_stream(stream)
                if frozen is not stream._origin:
                    changed = True
        if not changed:
            return before
        if not streams:
            return NO_STREAMS
        after: Streams = _new(Streams)
        after._by_id = streams
        return after

    # --------------------------------------------------------------------------------------------------------- finish

    def finish(self) -> SessionState:
        """The next snapshot; the very one that the draft began with if every part is the same object.

        The draft must not be used afterwards.
        """
        before = self._before
        base = before._base
        streams = self._frozen_streams()
        same_rows = (
            self.tasks is base.tasks
            and self.messages_by_task is base.messages_by_task
            and self.live_tools is base.live_tools
        )
        if not (
            same_rows
            and self.books is base.books
            and self.queued_tasks is base.queued_tasks
            and self.loaded_task_ids is base.loaded_task_ids
            and self.session is base.session
            and self.status is base.status
        ):
            base = self._frozen_base(base.tools if same_rows else None)
        elif streams is before._streams:
            return before
        after: SessionState = _new(SessionState)
        after._base = base
        after._streams = streams
        after._revision = self.revision
        return after

    def _frozen_base(self, tools: ToolsByTask | None) -> Base:
        base: Base = _new(Base)
        base.accepts_session_id = self.accepts_session_id
        base.session = self.session
        base.tasks = self.tasks
        base.messages_by_task = self.messages_by_task
        base.queued_tasks = self.queued_tasks
        base.live_tools = self.live_tools
        base.loaded_task_ids = self.loaded_task_ids
        base.status = self.status
        base.books = self.books
        base.tools = tools
        return base


def after_next(state: SessionState, stream: Stream | StreamDraft, message_id: str, chunk: str) -> SessionState:
    """The snapshot after one numbered chunk that its stream, which is in `state`, waits for: without a draft."""
    next_stream: Stream = _new(Stream)
    next_stream._head = stream._head
    next_stream._earlier = stream._earlier
    next_stream._last = stream._last.append(chunk, 1)
    streams: Streams = _new(Streams)
    by_id = streams._by_id = state._streams._by_id.copy()
    by_id[message_id] = next_stream
    after: SessionState = _new(SessionState)
    after._base = state._base
    after._streams = streams
    after._revision = next_stream._moved_at = state._revision + 1
    return after

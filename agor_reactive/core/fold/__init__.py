"""`fold(state, event) -> state`: all state change, in one guarded place.

What holds it together, and why each guard is there:

- a **journal** of what happened while a fetch is in flight, so that its answer, older than that, does not undo it;
- **tombstones**, so that what was removed stays removed against late events and answers asked for before;
- **streams that moved** since a fetch was asked are not taken away by its rows;
- **the queue** is read afresh whenever an event touches it, and read again if it moved meanwhile;
- when a **task ends**, its streams settle: nothing that comes late brings them back.

Pure and total: same arguments, same result; nothing raises. An event that changes nothing returns the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agor_reactive.core import events as e
from agor_reactive.core.fold import hydration, link, queue, rows, streams
from agor_reactive.core.fold.draft import settle_draft, start_draft
from agor_reactive.core.persistent import PMap
from agor_reactive.core.snapshot import WINDOWS, Bookkeeping, Draft, SessionState, Status
from agor_reactive.core.streams import NO_STREAMS
from agor_reactive.core.tables import LoadedTasks, MessagesByTask, TaskTable
from agor_reactive.models.base import FrozenDict
from agor_reactive.models.wire import LinkStatus

__all__ = ["fold", "initial_state"]


def initial_state(session_id: str, *, task_hydration: str = "lazy", revision: int = 0) -> SessionState:
    """Before anything is known of a session. `task_hydration` is one of `HYDRATIONS`."""
    draft = object.__new__(Draft)
    draft.session = None
    draft.tasks = TaskTable(PMap())
    draft.messages_by_task = MessagesByTask(PMap(), PMap())
    draft.queued_tasks = ()
    draft.live_tools = PMap()
    draft.loaded_task_ids = LoadedTasks(PMap())
    draft.accepts_session_id = session_id
    draft.status = Status(session_id, task_hydration, LinkStatus("connecting"), LinkStatus("connecting"))
    draft.books = Bookkeeping(window=WINDOWS.get(task_hydration, 0))
    draft.tools = None
    draft.streaming_messages = NO_STREAMS
    draft.revision = revision
    return SessionState(draft, NO_STREAMS, revision)


def _malformed(draft: Draft, event: e.Malformed) -> None:
    draft.status = draft.status.but(anomalies=count(draft.status.anomalies, event.kind))


def count(anomalies: Mapping[str, int], kind: str, more: int = 1) -> FrozenDict:
    """One more of that kind."""
    return FrozenDict({**anomalies, kind: anomalies.get(kind, 0) + more})


Fold = Callable[[SessionState, Any], SessionState]
Change = Callable[[Draft, Any], None]


def _told(change: Change) -> Fold:
    """What the daemon tells: of another session it is nothing, and after its removal or ours it changes nothing."""

    def folded(state: SessionState, event: Any) -> SessionState:
        if event.session_id != state._base.accepts_session_id:
            return state
        draft = start_draft(state)
        change(draft, event)
        return settle_draft(state, draft)

    return folded


def _seen(change: Change) -> Fold:
    """What the shell did or saw; it is for this session anyway. Once we have let go, nothing matters."""

    def folded(state: SessionState, event: Any) -> SessionState:
        if state._base.status.disposed:
            return state
        draft = start_draft(state)
        change(draft, event)
        return settle_draft(state, draft)

    return folded


# Those that come most often look at the session by themselves: a call more would cost them a tenth.
_FOLDS: Mapping[type, Fold] = {
    e.TextChunk: streams.text_chunk,
    e.StreamStarted: streams.stream_started,
    e.StreamEnded: streams.stream_ended,
    e.StreamFailed: streams.stream_failed,
    e.ThinkingStarted: streams.thinking_started,
    e.ThinkingChunk: streams.thinking_chunk,
    e.ThinkingEnded: streams.thinking_ended,
    e.MessageSaved: rows.message_saved,
    e.TaskSaved: rows.task_saved,
    e.SessionSaved: rows.session_saved,
    e.ToolStarted: _told(rows.tool_started),
    e.TaskRemoved: _told(hydration.task_removed),
    e.MessageRemoved: _told(rows.message_removed),
    e.QueueMoved: _told(queue.queue_moved),
    e.SessionGone: _told(rows.session_gone),
    e.Malformed: _seen(_malformed),
    e.EventUnreadable: _seen(hydration.event_unreadable),
    e.LinkChanged: _seen(link.link_changed),
    e.FetchAnswered: _seen(hydration.fetch_answered),
    e.FetchFailed: _seen(hydration.fetch_failed),
    e.LoadRequested: _seen(hydration.load_requested),
    e.UnloadRequested: _seen(hydration.unload_requested),
    e.OlderTasksRequested: _seen(hydration.older_requested),
    e.ResyncRequested: _seen(hydration.resync_requested),
    e.NotResolved: _seen(link.not_resolved),
    e.Disposed: _seen(link.disposed),
}


def fold(state: SessionState, event: Any) -> SessionState:
    """The state after `event`: the same object if nothing changed, else a new one with a higher `revision`."""
    folded = _FOLDS.get(type(event))
    return state if folded is None else folded(state, event)


def fold_batch(state: SessionState, events: Iterable[Any]) -> SessionState:
    """The state after all of these events."""
    for event in events:
        state = fold(state, event)
    return state

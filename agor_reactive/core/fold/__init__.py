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

from collections.abc import Callable, Mapping
from typing import Any

from agor_reactive.core import events as e
from agor_reactive.core.fold import hydration, link, queue, rows, streams
from agor_reactive.core.fold.draft import settle_draft, start_draft
from agor_reactive.core.persistent import PMap
from agor_reactive.core.snapshot import WINDOWS, Draft, SessionState, Standing, Sync
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
    draft.streaming_messages = FrozenDict()
    draft.live_tools = PMap()
    draft.loaded_task_ids = LoadedTasks(PMap())
    draft.standing = Standing(session_id, task_hydration, LinkStatus("connecting"), LinkStatus("connecting"))
    draft.sync = Sync(window=WINDOWS.get(task_hydration, 0))
    draft.revision = revision
    draft._tools = None
    draft.__class__ = SessionState
    return draft  # type: ignore[return-value]


def _malformed(draft: Draft, event: e.Malformed) -> None:
    draft.standing = draft.standing._replace(anomalies=count(draft.standing.anomalies, event.kind))


def count(anomalies: Mapping[str, int], kind: str, more: int = 1) -> FrozenDict:
    """One more of that kind."""
    return FrozenDict({**anomalies, kind: anomalies.get(kind, 0) + more})


# Events of the session: of another session they are nothing, and after its removal or ours they change nothing.
_OF_SESSION: Mapping[type, Callable[[Draft, Any], None]] = {
    e.TaskRemoved: hydration.task_removed,
    e.MessageRemoved: rows.message_removed,
    e.StreamStarted: streams.stream_started,
    e.StreamEnded: streams.stream_ended,
    e.StreamFailed: streams.stream_failed,
    e.ThinkingStarted: streams.thinking_started,
    e.ThinkingChunk: streams.thinking_chunk,
    e.ThinkingEnded: streams.thinking_ended,
    e.ToolStarted: rows.tool_started,
    e.ToolCompleted: rows.tool_completed,
    e.QueueMoved: queue.queue_moved,
    e.SessionGone: rows.session_gone,
}
_OF_ROW: Mapping[type, Callable[[Draft, Any], None]] = {
    e.SessionSaved: rows.session_saved,
    e.TaskSaved: rows.task_saved,
    e.MessageSaved: rows.message_saved,
}
_OF_SHELL: Mapping[type, Callable[[Draft, Any], None]] = {
    e.Malformed: _malformed,
    e.LinkChanged: link.link_changed,
    e.AskAnswered: hydration.ask_answered,
    e.AskFailed: hydration.ask_failed,
    e.LoadRequested: hydration.load_requested,
    e.UnloadRequested: hydration.unload_requested,
    e.OlderTasksRequested: hydration.older_requested,
    e.ResyncRequested: hydration.resync_requested,
    e.NotResolved: link.not_resolved,
    e.Disposed: link.disposed,
}


def fold(state: SessionState, event: Any) -> SessionState:
    """The state after `event`: the same object if nothing changed, else a new one with a higher `revision`."""
    kind = type(event)
    if kind is e.TextChunk:
        return streams.text_chunk(state, event)
    standing = state.standing
    handler = _OF_SESSION.get(kind)
    if handler is not None:
        if event.session_id != standing.session_id or state.sync.removed or standing.disposed:
            return state
    else:
        handler = _OF_ROW.get(kind)
        if handler is not None:
            if event.row.session_id != standing.session_id or state.sync.removed or standing.disposed:
                return state
        else:
            handler = _OF_SHELL.get(kind)
            if handler is None or standing.disposed:
                return state
    draft = start_draft(state)
    handler(draft, event)
    return settle_draft(state, draft)

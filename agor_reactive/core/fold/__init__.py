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
from agor_reactive.core.events import TextChunk
from agor_reactive.core.fold import hydration, link, queue, rows, streams
from agor_reactive.core.fold.draft import NO_STREAMS, finish, settle_draft, start_draft
from agor_reactive.core.fold.streams import text_chunk
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
    draft.live_tools = PMap()
    draft.loaded_task_ids = LoadedTasks(PMap())
    draft.standing = Standing(
        session_id, session_id, task_hydration, LinkStatus("connecting"), LinkStatus("connecting")
    )
    draft.sync = Sync(window=WINDOWS.get(task_hydration, 0))
    draft.tools = None
    draft.streaming_messages = NO_STREAMS
    draft.revision = revision
    return SessionState(draft, NO_STREAMS, revision)


def _malformed(draft: Draft, event: e.Malformed) -> None:
    draft.standing = draft.standing.but(anomalies=count(draft.standing.anomalies, event.kind))


def count(anomalies: Mapping[str, int], kind: str, more: int = 1) -> FrozenDict:
    """One more of that kind."""
    return FrozenDict({**anomalies, kind: anomalies.get(kind, 0) + more})


_STREAM, _ROW, _TOLD, _SHELL = "stream", "row", "told", "shell"

# Told by the daemon, of a stream, in a row, or otherwise: of another session they are nothing, and after its removal or
# ours they change nothing. The shell's own are for this session anyway. Streams change on the same ground, all else in
# a draft; a handler that is sure to have changed rows says so.
_HANDLERS: Mapping[type, tuple[str, Callable[[Any, Any], Any]]] = {
    e.StreamStarted: (_STREAM, streams.stream_started),
    e.StreamEnded: (_STREAM, streams.stream_ended),
    e.StreamFailed: (_STREAM, streams.stream_failed),
    e.ThinkingStarted: (_STREAM, streams.thinking_started),
    e.ThinkingChunk: (_STREAM, streams.thinking_chunk),
    e.ThinkingEnded: (_STREAM, streams.thinking_ended),
    e.MessageSaved: (_ROW, rows.message_saved),
    e.TaskSaved: (_ROW, rows.task_saved),
    e.SessionSaved: (_ROW, rows.session_saved),
    e.ToolStarted: (_TOLD, rows.tool_started),
    e.ToolCompleted: (_TOLD, rows.tool_completed),
    e.TaskRemoved: (_TOLD, hydration.task_removed),
    e.MessageRemoved: (_TOLD, rows.message_removed),
    e.QueueMoved: (_TOLD, queue.queue_moved),
    e.SessionGone: (_TOLD, rows.session_gone),
    e.Malformed: (_SHELL, _malformed),
    e.LinkChanged: (_SHELL, link.link_changed),
    e.AskAnswered: (_SHELL, hydration.ask_answered),
    e.AskFailed: (_SHELL, hydration.ask_failed),
    e.LoadRequested: (_SHELL, hydration.load_requested),
    e.UnloadRequested: (_SHELL, hydration.unload_requested),
    e.OlderTasksRequested: (_SHELL, hydration.older_requested),
    e.ResyncRequested: (_SHELL, hydration.resync_requested),
    e.NotResolved: (_SHELL, link.not_resolved),
    e.Disposed: (_SHELL, link.disposed),
}


def fold(state: SessionState, event: Any) -> SessionState:
    """The state after `event`: the same object if nothing changed, else a new one with a higher `revision`."""
    kind = type(event)
    if kind is TextChunk:
        return text_chunk(state, event)
    found = _HANDLERS.get(kind)
    if found is None:
        return state
    of, handler = found
    standing = state._ground.standing
    if of is _ROW:
        if event.row.__dict__["session_id"] != standing.hears:
            return state
    elif of is _SHELL:
        if standing.disposed:
            return state
    elif event.session_id != standing.hears:
        return state
    elif of is _STREAM:
        return handler(state, event)  # type: ignore[no-any-return]
    draft = start_draft(state)
    if handler(draft, event):
        return finish(draft)
    return settle_draft(state, draft)

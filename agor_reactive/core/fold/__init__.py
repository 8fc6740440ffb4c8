"""`fold(state, event) -> state`: all state change, in one guarded place.

What holds it together, and why each guard is there:

- a **journal** of what happened while a fetch is in flight, so that its answer, older than that, does not undo it;
- **tombstones**, so that what was removed stays removed against late events and answers requested before;
- **streams that moved** since a fetch was requested are not replaced by its rows;
- **the queue** is read afresh whenever an event touches it, and read again if it moved meanwhile;
- when a **task ends**, its streams settle: no late event revives them.

Pure and total: same arguments, same result; nothing raises. An event that changes nothing returns the same object.
Every event has one handler ``(draft, event) -> None``, which changes the draft of the next snapshot in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agor_reactive.core import events as e
from agor_reactive.core.fold import hydration, link, queue, rows, streams
from agor_reactive.core.fold.draft import Draft, start_draft
from agor_reactive.core.parse import OWN_TOPICS, TEXT_CHUNK, parse_payload
from agor_reactive.core.persistent import PMap
from agor_reactive.core.snapshot import WINDOWS, Base, Bookkeeping, SessionState, Status
from agor_reactive.core.streams import NO_STREAMS
from agor_reactive.core.tables import LoadedTasks, MessagesByTask, TaskTable
from agor_reactive.models.wire import EventRun, LinkStatus, RawEvent

__all__ = ["fold", "fold_batch", "fold_raw", "fold_run", "initial_state"]


def initial_state(session_id: str, *, task_hydration: str = "lazy", revision: int = 0) -> SessionState:
    """Before anything is known of a session. `task_hydration` is one of `HYDRATIONS`."""
    base = object.__new__(Base)
    base.session = None
    base.tasks = TaskTable(PMap())
    base.messages_by_task = MessagesByTask(PMap(), PMap())
    base.queued_tasks = ()
    base.live_tools = PMap()
    base.loaded_task_ids = LoadedTasks(PMap())
    base.accepts_session_id = session_id
    base.status = Status(session_id, task_hydration, LinkStatus("connecting"), LinkStatus("connecting"))
    base.books = Bookkeeping(window=WINDOWS.get(task_hydration, 0))
    base.tools = None
    return SessionState(base, NO_STREAMS, revision)


Handler = Callable[[Draft, Any], None]

_OF_THE_DAEMON: Mapping[type, Handler] = {
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
    e.ToolStarted: rows.tool_started,
    e.TaskRemoved: hydration.task_removed,
    e.MessageRemoved: rows.message_removed,
    e.QueueMoved: queue.queue_moved,
    e.SessionGone: rows.session_gone,
}
"""Events of the daemon: folded if they are of the session that the state accepts events of."""

_OF_THE_CLIENT: Mapping[type, Handler] = {
    e.Malformed: hydration.malformed,
    e.EventUnreadable: hydration.event_unreadable,
    e.LinkChanged: link.link_changed,
    e.FetchAnswered: hydration.fetch_answered,
    e.FetchFailed: hydration.fetch_failed,
    e.LoadRequested: hydration.load_requested,
    e.UnloadRequested: hydration.unload_requested,
    e.OlderTasksRequested: hydration.older_requested,
    e.ResyncRequested: hydration.resync_requested,
    e.NotResolved: link.not_resolved,
    e.Disposed: link.disposed,
}
"""Events of this client: they are for this session in any case, and folded until the last handle is released."""


def fold(state: SessionState, event: Any) -> SessionState:
    """The state after `event`: the same object if nothing changed, else a new one with a higher `revision`."""
    return fold_batch(state, (event,))


def fold_batch(state: SessionState, events: Iterable[Any]) -> SessionState:
    """The state after these events, in their order: what `fold` of one after the other gives, in everything but the
    numbers of revisions, of which only the order is the same. One snapshot is made, not one per event.
    """
    draft = start_draft(state)
    for event in events:
        _fold_into(draft, event)
    return draft.finish()


def fold_raw(state: SessionState, raws: Sequence[RawEvent]) -> SessionState:
    """`fold_batch` of the events that `parse` makes of these raw events, whose payloads nothing else holds."""
    return fold_run(state, [(raw.topic, raw.payload) for raw in raws])


def fold_run(state: SessionState, events: EventRun) -> SessionState:
    """`fold_raw` of pairs of topic and payload, as a link delivers them and a log is read: no object for each event."""
    if len(events) == 1 and events[0][0] == TEXT_CHUNK:
        after = streams.fold_next(state, events[0][1])
        if after is not None:
            return after
    draft = start_draft(state)
    for topic, payload in events:
        if topic == TEXT_CHUNK and streams.append_next(draft, payload):
            continue
        event = parse_payload(topic, payload, OWN_TOPICS)
        if event is not None:
            _fold_into(draft, event)
    return draft.finish()


def _fold_into(draft: Draft, event: Any) -> None:
    kind = type(event)
    handler = _OF_THE_DAEMON.get(kind)
    if handler is not None:
        # Events of another session mean nothing here. After the session's removal, or ours, none are accepted.
        if event.session_id != draft.accepts_session_id:
            return
    else:
        handler = _OF_THE_CLIENT.get(kind)
        if handler is None or draft.status.disposed:
            return
    draft.revision += 1
    handler(draft, event)

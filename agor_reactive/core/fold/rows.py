"""Rows as they are saved and removed, and tools as they run."""

from __future__ import annotations

from agor_reactive.core import events as e
from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.fold import failures, journal, queue, streams, window
from agor_reactive.core.fold.draft import finish, settle_draft, start_draft
from agor_reactive.core.persistent import PMap
from agor_reactive.core.snapshot import Draft, SessionState
from agor_reactive.core.streams import NO_STREAMS
from agor_reactive.core.tables import AT_REST, LoadedTasks, MessagesByTask, TaskTable
from agor_reactive.core.tools import LiveTool, LiveToolMap, tools_in
from agor_reactive.models.base import FrozenDict
from agor_reactive.models.task import ENDED_STATUSES, QUEUED_STATUS

__all__ = [
    "drop_strays",
    "drop_unsaved_tools",
    "empty",
    "forget_task",
    "is_of_no_task",
    "keep_session",
    "message_removed",
    "message_saved",
    "session_gone",
    "session_saved",
    "task_removed",
    "task_saved",
    "tool_started",
    "tools_are_saved",
]


def session_saved(state: SessionState, event: e.SessionSaved) -> SessionState:
    """The session's row changed; its `tasks` give the order of tasks."""
    if event.entry.session_id != state._base.accepts_session_id:
        return state
    draft = start_draft(state)
    before = draft.session
    keep_session(draft, event.entry)
    if journal.in_flight(draft) and (draft.session is not before or not draft.books.session_moved):
        draft.books = draft.books.but(session_moved=draft.revision)
    return settle_draft(state, draft)


def keep_session(draft: Draft, entry: SessionRowEntry) -> None:
    """Take over the row, and the order of tasks it gives; an equal one leaves the old object."""
    old = draft.session
    token = old.mcp_token if old is not None else None
    if token is not None and entry.mcp_token is None:
        # Only `get` by the owner carries the token; events and finds leave it out without meaning that it is gone.
        entry = entry.with_token(token)
    if old != entry:
        draft.session = entry
    draft.tasks = draft.tasks.hinted(entry.tasks)


def session_gone(draft: Draft, event: e.SessionGone) -> None:
    """The session was removed, its tasks and messages with it. Final, unless a later resync finds it again."""
    empty(draft)
    draft.accepts_session_id = None
    draft.status = draft.status.but(
        loading=False,
        terminal=True,
        errors=(("session", "The session was removed; nothing more will come."),),
    )
    draft.books = draft.books.but(fetches=(), round=None, again=False, queue_moved=False)
    journal.close_journal(draft)


def empty(draft: Draft) -> None:
    """Let go of every row and stream."""
    draft.session = None
    draft.tasks = TaskTable(PMap())
    draft.messages_by_task = MessagesByTask(PMap(), PMap())
    draft.queued_tasks = ()
    draft.streaming_messages = NO_STREAMS
    draft.live_tools = PMap()
    draft.loaded_task_ids = LoadedTasks(PMap())
    draft.books = draft.books.but(settled=FrozenDict(), missing=PMap())


def task_saved(state: SessionState, event: e.TaskSaved) -> SessionState:
    """A task was made or changed. What was removed stays removed."""
    entry = event.entry
    base = state._base
    if entry.session_id != base.accepts_session_id:
        return state
    task_id, status = entry.task_id, entry.status
    books = base.books
    if books.removals and task_id in books.gone_tasks:
        return _saved_after_removal(state, event)
    tasks = base.tasks
    old = tasks.entries.get(task_id)
    draft = start_draft(state)
    if old is None and books.window and not event.born and window.is_before(base, entry):
        _note_unshown(draft, entry)
        return settle_draft(state, draft)
    if old is None:
        was, begins = "", event.born
    else:
        was = old.status
        begins = was == QUEUED_STATUS and _leaves_the_queue_here(draft, old)
    if books.fetches:
        journal.note_task(draft, task_id, entry)
    if draft.queued_tasks or status == QUEUED_STATUS or was == QUEUED_STATUS:
        queue.task_moved(draft, old, entry)
    moved = status != was or old != entry
    if moved:
        draft.tasks = tasks.with_entry(old, entry)
        if status != was:
            _status_changed(draft, task_id, was, status)
    if begins and status != QUEUED_STATUS:
        _load_at_birth(draft, task_id)
    if books.window:
        if status != was and old is not None:
            window.load_if_at_work(draft, entry)
        window.slide(draft)
        if books.missing.reach:
            failures.prune(draft)
    return finish(draft) if moved else settle_draft(state, draft)


def _saved_after_removal(state: SessionState, event: e.TaskSaved) -> SessionState:
    """What comes late for a removed task changes nothing, unless an answer shows that the task is back.

    A task said to be new may have been made again under its old id (an import does that): what is true is read.
    """
    draft = start_draft(state)
    journal.note_task(draft, event.entry.task_id, event.entry)
    if event.born:
        window.read_again(draft)
    return settle_draft(state, draft)


def _note_unshown(draft: Draft, entry: TaskEntry) -> None:
    """A task before the window changed: it is not shown, but an answer on its way may contain it, and the queue may."""
    journal.note_task(draft, entry.task_id, entry)
    if entry.queued:
        queue.touch(draft)
    elif entry.ended:
        streams.settle_task(draft, entry.task_id)


def _status_changed(draft: Draft, task_id: str, was: str, status: str) -> None:
    """Settle what the end of a task settles, unsettle it if the task works again."""
    if draft.streaming_messages.last is not None:
        if status in ENDED_STATUSES and was not in ENDED_STATUSES:
            streams.settle_task(draft, task_id)
        elif status not in AT_REST and was in AT_REST:
            streams.stamp(draft)
    if was in ENDED_STATUSES and status not in ENDED_STATUSES:
        _task_came_back(draft, task_id)


def _leaves_the_queue_here(draft: Draft, old: TaskEntry) -> bool:
    """Whether a task that we knew waiting begins now, before our eyes."""
    books = draft.books
    if not books.missed:
        return True
    # What we know may be from before the link dropped: it may have begun, and said much, while nobody listened. Not if
    # it has been seen waiting since.
    heard = books.journal_tasks.get(old.task_id)
    if heard is not None and heard[1] is not None and heard[1].queued:
        return True
    current = books.round
    return current is not None and any(task.queued for task in current.tasks if task.task_id == old.task_id)


def _load_at_birth(draft: Draft, task_id: str) -> None:
    """Whoever sees a task begin sees all its messages: it is loaded without being fetched."""
    if draft.status.hydration == "none" or task_id in draft.loaded_task_ids:
        return
    user_load = draft.books.user_loads.get(task_id)
    if user_load is None or user_load[1]:
        draft.loaded_task_ids = draft.loaded_task_ids.add(task_id, draft.revision)
        draft.messages_by_task = draft.messages_by_task.with_bucket(task_id, {})


def _task_came_back(draft: Draft, task_id: str) -> None:
    """An ended task works again: messages dropped at its end may be written after all."""
    settled = draft.books.settled
    kept = {key: value for key, value in settled.items() if value != (task_id, "dropped")}
    if len(kept) != len(settled):
        draft.books = draft.books.but(settled=FrozenDict(kept))


def task_removed(draft: Draft, event: e.TaskRemoved) -> None:
    """A task was removed, and with it all that belongs to it."""
    journal.note_task(draft, event.task_id, None)
    queue.task_gone(draft, event.task_id)
    forget_task(draft, event.task_id)


def forget_task(draft: Draft, task_id: str) -> None:
    """Take a task out of every collection, for good."""
    books = draft.books
    if task_id not in books.gone_tasks:
        draft.books = books.but(gone_tasks=books.gone_tasks.insert(task_id, draft.revision), removals=True)
    streams.drop_streams_of(draft, task_id)
    draft.tasks = draft.tasks.drop(task_id)
    draft.messages_by_task = draft.messages_by_task.without_bucket(task_id)
    draft.loaded_task_ids = draft.loaded_task_ids.drop(task_id)
    if task_id in draft.live_tools:
        draft.live_tools = draft.live_tools.remove(task_id)
    if any(task.task_id == task_id for task in draft.queued_tasks):
        draft.queued_tasks = tuple(task for task in draft.queued_tasks if task.task_id != task_id)
    if books.missing.reach:
        failures.prune(draft)


def message_saved(state: SessionState, event: e.MessageSaved) -> SessionState:
    """A message was saved: its stream has done its work; if its task is loaded, it is kept."""
    entry = event.entry
    base = state._base
    if entry.session_id != base.accepts_session_id:
        return state
    message_id, task_id = entry.message_id, entry.task_id
    books = base.books
    draft = start_draft(state)
    if books.removals and (message_id in books.gone_messages or (task_id is not None and task_id in books.gone_tasks)):
        journal.note_message(draft, message_id, entry)  # counts if an answer shows that it is back
        return settle_draft(state, draft)
    if draft.streaming_messages.last is not None:
        streams.saved(draft, message_id, task_id)
    if books.fetches:
        journal.note_message(draft, message_id, entry)
    messages = base.messages_by_task
    bucket = messages.buckets.get(task_id) if task_id is not None else None
    if task_id is not None and bucket is not None:
        after = draft.messages_by_task = messages.put(entry, bucket)
        if draft.live_tools.reach:
            tools_are_saved(draft, task_id, entry)
        return finish(draft) if after is not messages else settle_draft(state, draft)
    draft.messages_by_task = messages.drop(message_id)
    streams.settle(draft, message_id, task_id, "saved")
    if task_id is not None and not is_of_no_task(draft, task_id):
        for tool_use_id, told in tools_in(entry):
            journal.note_tool(draft, task_id, tool_use_id)
            _hear(draft, task_id, tool_use_id, told)
    return settle_draft(state, draft)


def message_removed(draft: Draft, event: e.MessageRemoved) -> None:
    """A message was removed; it stays removed."""
    message_id = event.message_id
    books = draft.books
    if message_id not in books.gone_messages:
        draft.books = books.but(gone_messages=books.gone_messages.insert(message_id, draft.revision), removals=True)
    journal.note_message(draft, message_id, None)
    streams.without_stream(draft, message_id)
    entry = draft.messages_by_task.entries.get(message_id)
    if entry is not None and entry.task_id is not None:
        draft.messages_by_task = draft.messages_by_task.drop(message_id)
        tools_are_saved(draft, entry.task_id, entry, removed=True)


# -------------------------------------------------------------------------------------------------------------- tools


def is_of_no_task(draft: Draft, task_id: str) -> bool:
    """Whether there is no such task: not shown, though all that are to be shown are known and none is being read."""
    if draft.tasks.entries.get(task_id) is not None or draft.status.last_synced_at is None:
        return False
    books = draft.books
    return books.round is None and draft.status.link.up and not any(a.kind in ("join", "wait") for a in books.fetches)


def tool_started(draft: Draft, event: e.ToolStarted) -> None:
    """A tool begins; once per id."""
    if event.task_id not in draft.books.gone_tasks:
        journal.note_tool(draft, event.task_id, event.tool_use_id)
        _hear(draft, event.task_id, event.tool_use_id, LiveTool(event.tool_name))


def _hear(draft: Draft, task_id: str, tool_use_id: str, told: LiveTool) -> None:
    heard = draft.live_tools.get(task_id)
    known: LiveTool | None = heard.get(tool_use_id) if heard is not None else None
    if known is not None:
        told = LiveTool(known.name or told.name, known.complete or told.complete, known.saved or told.saved)
        if told == known:
            return
    heard = (heard if heard is not None else LiveToolMap()).with_tool(tool_use_id, told)
    draft.live_tools = draft.live_tools.insert(task_id, heard)


def drop_unsaved_tools(draft: Draft, begun: int, unread: frozenset[str]) -> None:
    """A round that began at `begun` has read all there is: tools that only events told of before are dropped.

    Those that the read messages contain are known from there. `unread` are tasks whose messages could not be read: what
    is known of their tools stays. Events that came after `begun` are newer than the answers.
    """
    noted = draft.books.journal_tools
    for task_id, heard in tuple(draft.live_tools.items()):
        if task_id in unread:
            continue
        newer = {use: told for use, told in heard.items() if noted.get((task_id, use), 0) > begun}
        if not newer:
            draft.live_tools = draft.live_tools.remove(task_id)
        elif len(newer) != len(heard):
            draft.live_tools = draft.live_tools.insert(task_id, LiveToolMap(newer))


def drop_strays(draft: Draft) -> None:
    """All tasks that are to be shown have been read: tools and messages of one that is not among them go.

    One that was made since the read would be among them: the daemon tells of a task before it tells of its tools.
    """
    for task_id in tuple(draft.live_tools):
        if draft.tasks.entries.get(task_id) is None:
            draft.live_tools = draft.live_tools.remove(task_id)
    for task_id in tuple(draft.messages_by_task):
        if draft.tasks.entries.get(task_id) is None:
            draft.messages_by_task = draft.messages_by_task.without_bucket(task_id)
            draft.loaded_task_ids = draft.loaded_task_ids.drop(task_id)


def tools_are_saved(draft: Draft, task_id: str, entry: MessageEntry, *, removed: bool = False) -> None:
    """A kept message is now the witness for its tools. Nothing of a tool need be remembered from events once its result
    is saved, or its message gone."""
    heard = draft.live_tools.get(task_id)
    if heard is None:
        return
    left = LiveToolMap(heard)
    for use, told in tools_in(entry):
        known: LiveTool | None = left.get(use)
        if known is None:
            continue
        if told.complete or removed:
            left = LiveToolMap({key: value for key, value in left.items() if key != use})
        elif not known.saved:
            left = left.with_tool(use, known._replace(saved=True))
    if left == heard:
        return
    if left:
        draft.live_tools = draft.live_tools.insert(task_id, left)
    else:
        draft.live_tools = draft.live_tools.remove(task_id)

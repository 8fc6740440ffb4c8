"""Rows as they are saved and removed, and tools as they run."""

from __future__ import annotations

from agor_reactive.core import events as e
from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.fetches import SyncEnd
from agor_reactive.core.fold import failures, journal, limits, queue, streams, window
from agor_reactive.core.fold.draft import Draft
from agor_reactive.core.persistent import PMap
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


def session_saved(draft: Draft, event: e.SessionSaved) -> None:
    """The session's row changed; its `tasks` give the order of tasks."""
    before = draft.session
    keep_session(draft, event.entry)
    noted_at = draft.books.session_moved
    if journal.in_flight(draft) and (draft.session is not before or not journal.is_newest(draft, noted_at)):
        draft.books = draft.books.but(session_moved=draft.revision)


def keep_session(draft: Draft, entry: SessionRowEntry) -> None:
    """Take the row, and the order of tasks it gives; an equal one leaves the old object."""
    old = draft.session
    token = old.mcp_token if old is not None else None
    if token is not None and entry.mcp_token is None:
        # Only `get` by the owner returns the token; events and finds leave it out, which does not mean that it is gone.
        entry = entry.with_token(token)
    if old != entry:
        draft.session = entry
    draft.tasks = draft.tasks.hinted(entry.tasks)


def session_gone(draft: Draft, event: e.SessionGone) -> None:
    """The session was removed, its tasks and messages with it. Terminal, unless a later resync finds it again."""
    text = "The session was removed; nothing more will come."
    empty(draft)
    draft.accepts_session_id = None
    draft.status = draft.status.but(loading=False, terminal=True, errors=(("session", text),))
    end = SyncEnd(e.Failure("not_found", text))
    draft.books = draft.books.but(fetches=(), round=None, again=False, queue_moved=False, sync_end=end)
    journal.close_journal(draft)


def empty(draft: Draft) -> None:
    """Drop every row and stream."""
    draft.session = None
    draft.tasks = TaskTable(PMap())
    draft.messages_by_task = MessagesByTask(PMap(), PMap())
    draft.queued_tasks = ()
    draft.own_streams().clear()
    draft.live_tools = PMap()
    draft.loaded_task_ids = LoadedTasks(PMap())
    draft.books = draft.books.but(settled=FrozenDict(), missing=PMap())


def task_saved(draft: Draft, event: e.TaskSaved) -> None:
    """A task was created or changed. A removed task stays removed."""
    entry = event.entry
    task_id, status = entry.task_id, entry.status
    books = draft.books
    if books.removals and task_id in books.gone_tasks:
        _saved_after_removal(draft, event)
        return
    old = draft.tasks.entries.get(task_id)
    if old is None:
        if len(draft.tasks.entries) >= limits.MOST_TASKS:
            limits.say(draft, "tasks", limits.MOST_TASKS)
            return
        if books.window and not event.born and window.is_before(draft, entry):
            _note_unshown(draft, entry)
            return
        was, begins = "", event.born
    else:
        was = old.status
        begins = was == QUEUED_STATUS and _leaves_the_queue_here(draft, old)
    if draft.queued_tasks or status == QUEUED_STATUS or was == QUEUED_STATUS:
        queue.task_moved(draft, old, entry)
    if draft.books.fetches:  # also those that this very event has requested: its repetition is no news
        journal.note_task(draft, task_id, entry)
    if status != was or old is None or old != entry:  # comparing two rows costs more than to see that one is new
        draft.tasks = draft.tasks.with_entry(old, entry, draft.owner)
        if status != was:
            _status_changed(draft, task_id, was, status)
    if begins and status != QUEUED_STATUS:
        _load_at_birth(draft, task_id)
    if books.window:
        if status != was and old is not None and status not in AT_REST:
            window.load_whole(draft, task_id)
        window.slide(draft)
        if old is None and not event.born and status != QUEUED_STATUS and task_id in draft.tasks.entries:
            window.load_whole(draft, task_id)  # it comes into the window, with messages from before
        failures.prune_unless_reading(draft)


def _saved_after_removal(draft: Draft, event: e.TaskSaved) -> None:
    """An event for a removed task changes nothing, unless an answer shows that the task is back.

    A task that is new by this event may have been created again under its old id (an import does that): read it. One
    that moves in the queue may be back as well, and an answer on its way have its old position: read the queue.
    """
    journal.note_task(draft, event.entry.task_id, event.entry)
    if event.entry.queued:
        queue.touch(draft)
    if event.born:
        window.read_again(draft)


def _note_unshown(draft: Draft, entry: TaskEntry) -> None:
    """A task before the window changed: it is not shown, but an answer on its way may contain it, and the queue may."""
    journal.note_task(draft, entry.task_id, entry)
    if entry.queued:
        queue.touch(draft)
    elif entry.ended:
        streams.settle_task(draft, entry.task_id)


def _status_changed(draft: Draft, task_id: str, was: str, status: str) -> None:
    """Settle what the end of a task settles, unsettle it if the task works again."""
    if draft.streams:
        if status in ENDED_STATUSES and was not in ENDED_STATUSES:
            streams.settle_task(draft, task_id)
        elif status not in AT_REST and was in AT_REST:
            streams.stamp(draft)
    if was in ENDED_STATUSES and status not in ENDED_STATUSES:
        _task_came_back(draft, task_id)


def _leaves_the_queue_here(draft: Draft, old: TaskEntry) -> bool:
    """Whether a queued task begins with this event, so that no message of it can have been missed."""
    books = draft.books
    if not books.missed:
        return True
    # The row may be from before the link dropped: the task may have begun while no event could arrive. It has not if an
    # event, or a row of the present round, says since then that it is queued.
    noted = books.journal_tasks.get(old.task_id)
    if noted is not None and noted[1] is not None and noted[1].queued:
        return True
    current = books.round
    return current is not None and any(task.queued for task in current.tasks if task.task_id == old.task_id)


def _load_at_birth(draft: Draft, task_id: str) -> None:
    """A task that begins now has no messages yet that could be missing: it is loaded without a fetch."""
    if draft.status.hydration == "none" or task_id in draft.loaded_task_ids:
        return
    user_load = draft.books.user_loads.get(task_id)
    if user_load is None or user_load[1]:
        draft.loaded_task_ids = draft.loaded_task_ids.add(task_id, draft.revision, draft.owner)
        draft.messages_by_task = draft.messages_by_task.with_bucket(task_id, {}, draft.owner)


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
    limits.note_removed(draft, "gone_tasks", task_id)
    streams.drop_streams_of(draft, task_id)
    draft.tasks = draft.tasks.drop(task_id)
    draft.messages_by_task = draft.messages_by_task.without_bucket(task_id)
    draft.loaded_task_ids = draft.loaded_task_ids.drop(task_id)
    if task_id in draft.live_tools:
        draft.live_tools = draft.live_tools.remove(task_id)
    if any(task.task_id == task_id for task in draft.queued_tasks):
        draft.queued_tasks = tuple(task for task in draft.queued_tasks if task.task_id != task_id)
    failures.prune_unless_reading(draft)


def message_saved(draft: Draft, event: e.MessageSaved) -> None:
    """A message was saved: its row replaces its stream; if its task is loaded, the row is kept."""
    entry = event.entry
    message_id, task_id = entry.message_id, entry.task_id
    books = draft.books
    if books.removals and (message_id in books.gone_messages or (task_id is not None and task_id in books.gone_tasks)):
        journal.note_message(draft, message_id, entry)  # counts if an answer shows that it is back
        if task_id in draft.messages_by_task.buckets and task_id not in books.gone_tasks:
            window.read_again(draft)  # it may have been with a task whose messages are not here, instead of removed
        return
    known = draft.messages_by_task.entries
    if known.reach >= limits.MOST_MESSAGES and len(known) >= limits.MOST_MESSAGES and known.get(message_id) is None:
        limits.say(draft, "messages", limits.MOST_MESSAGES)
        return
    if draft.streams:
        streams.saved(draft, message_id, task_id)
    if books.fetches:
        journal.note_message(draft, message_id, entry)
    messages = draft.messages_by_task
    bucket = messages.buckets.get(task_id) if task_id is not None else None
    if task_id is not None and bucket is not None:
        draft.messages_by_task = messages.put(entry, bucket, draft.owner)
        if draft.live_tools.reach:
            tools_are_saved(draft, task_id, entry)
        return
    draft.messages_by_task = messages.drop(message_id)
    streams.settle(draft, message_id, task_id, "saved")
    if task_id is not None and not is_of_no_task(draft, task_id):
        for tool_use_id, tool in tools_in(entry):
            journal.note_tool(draft, task_id, tool_use_id)
            _note_tool(draft, task_id, tool_use_id, tool)


def message_removed(draft: Draft, event: e.MessageRemoved) -> None:
    """A message was removed; it stays removed."""
    message_id = event.message_id
    limits.note_removed(draft, "gone_messages", message_id)
    journal.note_message(draft, message_id, None)
    draft.drop_stream(message_id)
    entry = draft.messages_by_task.entries.get(message_id)
    if entry is not None and entry.task_id is not None:
        draft.messages_by_task = draft.messages_by_task.drop(message_id)
        tools_are_saved(draft, entry.task_id, entry, removed=True)


# -------------------------------------------------------------------------------------------------------------- tools


def is_of_no_task(draft: Draft, task_id: str) -> bool:
    """Whether there is no such task: it is not among the tasks, and all tasks have been read, none being read now."""
    if draft.tasks.entries.get(task_id) is not None or draft.status.last_synced_at is None:
        return False
    books = draft.books
    return books.round is None and draft.status.link.up and not any(a.kind in ("join", "wait") for a in books.fetches)


def tool_started(draft: Draft, event: e.ToolStarted) -> None:
    """A tool begins; once per id."""
    if event.task_id not in draft.books.gone_tasks:
        journal.note_tool(draft, event.task_id, event.tool_use_id)
        _note_tool(draft, event.task_id, event.tool_use_id, LiveTool(event.tool_name))


def _note_tool(draft: Draft, task_id: str, tool_use_id: str, tool: LiveTool) -> None:
    """Remember a tool by its event, merged with what is known of it."""
    live = draft.live_tools.get(task_id)
    known: LiveTool | None = live.get(tool_use_id) if live is not None else None
    if known is not None:
        tool = LiveTool(known.name or tool.name, known.complete or tool.complete, known.saved or tool.saved)
        if tool == known:
            return
    elif len(live or ()) >= limits.MOST_TOOLS or (live is None and len(draft.live_tools) >= limits.MOST_TASKS):
        limits.say(draft, "tools", limits.MOST_TOOLS)
        return
    live = (live if live is not None else LiveToolMap(task_id, {})).with_tool(tool_use_id, tool)
    draft.live_tools = draft.live_tools.insert(task_id, live)


def drop_unsaved_tools(draft: Draft, begun: int, unread: frozenset[str]) -> None:
    """A round that began at `begun` has read all rows: tools known only from events before that are dropped.

    Tools of saved messages are known from the messages. `unread` are tasks whose messages could not be read: what is
    known of their tools stays. Events after `begun` are newer than the answers.
    """
    noted = draft.books.journal_tools
    for task_id, live in tuple(draft.live_tools.items()):
        if task_id in unread:
            continue
        newer = {use: tool for use, tool in live.items() if noted.get((task_id, use), 0) > begun}
        if not newer:
            draft.live_tools = draft.live_tools.remove(task_id)
        elif len(newer) != len(live):
            draft.live_tools = draft.live_tools.insert(task_id, LiveToolMap(task_id, newer))


def drop_strays(draft: Draft) -> None:
    """All tasks that are shown have been read: tools and messages of one that is not among them go.

    A task created since the read would be among them: the daemon announces a task before it announces its tools.
    """
    for task_id in tuple(draft.live_tools):
        if draft.tasks.entries.get(task_id) is None:
            draft.live_tools = draft.live_tools.remove(task_id)
    for task_id in tuple(draft.messages_by_task):
        if draft.tasks.entries.get(task_id) is None:
            draft.messages_by_task = draft.messages_by_task.without_bucket(task_id)
            draft.loaded_task_ids = draft.loaded_task_ids.drop(task_id)


def tools_are_saved(draft: Draft, task_id: str, entry: MessageEntry, *, removed: bool = False) -> None:
    """A kept message now has its tools: what events said of a tool is dropped with its result, or with the message."""
    live = draft.live_tools.get(task_id)
    if live is None:
        return
    left: dict[str, LiveTool] = live
    for use, tool in tools_in(entry):
        known = left.get(use)
        if known is not None and (tool.complete or removed or not known.saved):
            left = live.copy() if left is live else left
            if tool.complete or removed:
                del left[use]
            else:
                left[use] = LiveTool(known.name, known.complete, True)
    if left is not live:
        tools = draft.live_tools
        draft.live_tools = tools.insert(task_id, LiveToolMap(task_id, left)) if left else tools.remove(task_id)

"""What happened while a fetch is in flight, and what has been removed for good.

A fetch's answer is older than everything that happened after it was asked. The journal remembers, per row, at which
revision it last changed and into what; an answer asked at `begun` yields to every entry later than that. It is kept
only while something is in flight.
"""

from __future__ import annotations

from agor_reactive.core.entries import MessageEntry, TaskEntry
from agor_reactive.core.persistent import PMap
from agor_reactive.core.snapshot import Draft

__all__ = ["close_journal", "in_flight", "note_message", "note_task", "note_tool", "task_moved_after"]


def in_flight(draft: Draft) -> bool:
    """Whether an answer is awaited that could undo what happens now."""
    asks = draft.sync.asks
    return bool(asks) and any(ask.kind not in ("join", "wait") for ask in asks)


def note_task(draft: Draft, task_id: str, entry: TaskEntry | None) -> None:
    """A task changed, or (None) was removed."""
    if in_flight(draft):
        journal = draft.sync.journal_tasks
        known = journal.get(task_id)
        if known is None or known[1] != entry:  # the same said twice is said once
            draft.sync = draft.sync.but(journal_tasks=journal.insert(task_id, (draft.revision, entry)))


def note_message(draft: Draft, message_id: str, entry: MessageEntry | None) -> None:
    """A message changed, or (None) was removed."""
    if in_flight(draft):
        journal = draft.sync.journal_messages
        known = journal.get(message_id)
        if known is None or known[1] != entry:
            draft.sync = draft.sync.but(journal_messages=journal.insert(message_id, (draft.revision, entry)))


def note_tool(draft: Draft, task_id: str, tool_use_id: str) -> None:
    """An event told of a tool."""
    if in_flight(draft):
        noted = draft.sync.journal_tools
        current = draft.sync.round
        known = noted.get((task_id, tool_use_id))
        # Once per round: the same said twice is said once.
        if known is None or (current is not None and known <= current.begun):
            draft.sync = draft.sync.but(journal_tools=noted.insert((task_id, tool_use_id), draft.revision))


def task_moved_after(draft: Draft, task_id: str, begun: int) -> bool:
    """Whether the task changed or was removed since `begun`."""
    noted = draft.sync.journal_tasks.get(task_id)
    return noted is not None and noted[0] > begun


def close_journal(draft: Draft) -> None:
    """Nothing is in flight any more: forget."""
    sync = draft.sync
    if in_flight(draft):
        return
    if sync.journal_tasks or sync.journal_messages or sync.journal_tools or sync.wishes or sync.session_moved:
        draft.sync = sync.but(
            journal_tasks=PMap(),
            journal_messages=PMap(),
            journal_tools=PMap(),
            wishes=type(sync.wishes)(),
            session_moved=0,
        )

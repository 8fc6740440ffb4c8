"""What happened while a fetch is in flight, and what has been removed for good.

A fetch's answer is older than everything that happened after its request. The journal remembers, per row, at which
revision it last changed and into what; an answer requested at `begun` yields to every later entry. It is kept
only while something is in flight.
"""

from __future__ import annotations

from agor_reactive.core.entries import MessageEntry, TaskEntry
from agor_reactive.core.fold import limits
from agor_reactive.core.fold.draft import Draft
from agor_reactive.core.persistent import PMap

__all__ = [
    "close_journal",
    "in_flight",
    "is_newest",
    "is_noted",
    "note_message",
    "note_task",
    "note_tool",
    "task_moved_after",
]


def in_flight(draft: Draft) -> bool:
    """Whether a fetch is in flight whose answer could undo what happens now."""
    fetches = draft.books.fetches
    return bool(fetches) and any(fetch.kind not in ("join", "rejoin", "wait", "retry") for fetch in fetches)


def is_newest(draft: Draft, noted_at: int) -> bool:
    """Whether nothing was requested after that note, so that a repeated event adds nothing to it.

    A fetch requested later may bring what came between the two, if the event of that was lost: then the repeated one
    has to count as newer than the answer.
    """
    return all(fetch.begun <= noted_at for fetch in draft.books.fetches)


def is_noted(draft: Draft, task_id: str, entry: TaskEntry) -> bool:
    """Whether an event since everything on its way was requested, or the one that requested it, gave this same row."""
    noted = draft.books.journal_tasks.get(task_id)
    return noted is not None and noted[1] == entry and is_newest(draft, noted[0])


def note_task(draft: Draft, task_id: str, entry: TaskEntry | None) -> None:
    """A task changed, or (None) was removed."""
    if in_flight(draft):
        journal = draft.books.journal_tasks
        known = journal.get(task_id)
        if len(journal) >= limits.MOST_TASKS and known is None:
            limits.say(draft, "tasks", limits.MOST_TASKS)
        elif known is None or known[1] != entry or not is_newest(draft, known[0]):
            draft.books = draft.books.but(journal_tasks=journal.insert(task_id, (draft.revision, entry)))


def note_message(draft: Draft, message_id: str, entry: MessageEntry | None) -> None:
    """A message changed, or (None) was removed."""
    if in_flight(draft):
        journal = draft.books.journal_messages
        known = journal.get(message_id)
        if len(journal) >= limits.MOST_MESSAGES and known is None:
            limits.say(draft, "messages", limits.MOST_MESSAGES)
        elif known is None or known[1] != entry or not is_newest(draft, known[0]):
            draft.books = draft.books.but(journal_messages=journal.insert(message_id, (draft.revision, entry)))


def note_tool(draft: Draft, task_id: str, tool_use_id: str) -> None:
    """An event reported a tool."""
    if in_flight(draft):
        noted = draft.books.journal_tools
        current = draft.books.round
        known = noted.get((task_id, tool_use_id))
        # Once per round: a repeated event changes nothing.
        if len(noted) >= limits.MOST_MESSAGES and known is None:
            limits.say(draft, "tools", limits.MOST_MESSAGES)
        elif known is None or (current is not None and known <= current.begun):
            draft.books = draft.books.but(journal_tools=noted.insert((task_id, tool_use_id), draft.revision))


def task_moved_after(draft: Draft, task_id: str, begun: int) -> bool:
    """Whether the task changed or was removed since `begun`."""
    noted = draft.books.journal_tasks.get(task_id)
    return noted is not None and noted[0] > begun


def close_journal(draft: Draft) -> None:
    """Empty the journal if nothing is in flight any more."""
    books = draft.books
    if in_flight(draft):
        return
    if books.journal_tasks or books.journal_messages or books.journal_tools or books.user_loads or books.session_moved:
        draft.books = books.but(
            journal_tasks=PMap(),
            journal_messages=PMap(),
            journal_tools=PMap(),
            user_loads=type(books.user_loads)(),
            session_moved=0,
        )

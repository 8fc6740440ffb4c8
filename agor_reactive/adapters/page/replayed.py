"""Documents of a recorded session: what a page shows of a past moment, with nothing to press. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from agor_reactive.adapters.page.document import Document, DocumentBuilder
from agor_reactive.adapters.presentation.heading import notes_of
from agor_reactive.core.snapshot import SessionState

__all__ = ["NOT_RECORDED", "build_replayed", "tasks_in_view"]

NOT_RECORDED = "At this moment the messages of this task were not loaded."


def build_replayed(builder: DocumentBuilder, state: SessionState, shown: Collection[str]) -> Document:
    """Build the document of a past state. `shown` are the ids of the open tasks.

    The heading offers nothing that needs a daemon, notes give no advice, and a live connection is called *recorded*.
    """
    faults = {task.task_id: NOT_RECORDED for task in state.tasks if not state.is_task_loaded(task.task_id)}
    document = builder.build(state, set(shown), faults)
    notes = [(note.tone, note.text) for note in notes_of(state)]
    head = {**document.head, "notes": notes, "older": False, "open": False}
    if head["link"] == "live":
        head |= {"link": "recorded", "linkTone": ""}
    return replace(document, head=head)


def tasks_in_view(state: SessionState) -> set[str]:
    """The tasks that a view opens unasked: the running one, else the newest that is not queued."""
    active = state.active_task
    if active is not None:
        return {active.task_id}
    newest = next((task for task in reversed(state.tasks) if not task.queued), None)
    return {newest.task_id} if newest is not None and state.is_task_loaded(newest.task_id) else set()

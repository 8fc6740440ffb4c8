"""Finds out whether a task belongs to a session; reads the task where the mirror cannot know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agor_reactive.calls.answers import typed_row
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import ConnectionLost, NotConnected, NotFound
from agor_reactive.models.message import Message
from agor_reactive.models.task import Task
from agor_reactive.transport.seam import Link

__all__ = ["is_surely_of", "task_id_in"]


def is_surely_of(state: SessionState, task_id: str, messages: Iterable[Message]) -> bool:
    """Whether the task is, or was until it was removed, in the session; the mirror or the messages say so."""
    if state.get_task(task_id) is not None or task_id in state.books.gone_tasks:
        return True
    return any(message.session_id == state.session_id for message in messages)


async def task_id_in(link: Link, session_id: str, task_id: str) -> str:
    """The full id of that task of the session.

    Raises `NotFound` when there is none or it is another session's, `NotConnected` when the link is down or drops, and
    what the daemon answers.
    """
    try:
        row: Any = await link.call("get", "tasks", task_id)
    except NotFound as error:
        raise NotFound(
            f"Task {task_id} not found; its messages cannot be read.", name=error.name, code=error.code
        ) from None
    except ConnectionLost:
        raise NotConnected("The link dropped before the rows came. Try again once it is up.") from None
    task = typed_row(Task, row)
    if task.session_id not in ("", session_id):
        raise NotFound(f"Task {task_id} belongs to another session, {task.session_id}. Read its messages there.")
    return task.task_id or task_id

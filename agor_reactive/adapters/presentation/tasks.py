"""Tasks: the heading of each, and the queued prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.quantities import number_of, seconds_text, task_duration
from agor_reactive.adapters.presentation.status import NEEDS_PERSON, Mark, Tone, mark_of, status_label, tone_of
from agor_reactive.adapters.presentation.tools import result_text
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.base import instant
from agor_reactive.models.task import Task

__all__ = ["PROMPT_LIMIT", "QueuedPrompt", "TaskHeading", "prompt_line", "queue_of", "task_heading"]

PROMPT_LIMIT: Final = 200
"""Characters of a prompt that a heading shows."""


@dataclass(frozen=True, slots=True)
class TaskHeading:
    """The heading of a task.

    `prompt` is one line. `full_prompt` is the prompt with its lines, empty where `prompt` shows all of it. `took` is
    the duration of an ended task as text; `began` (epoch seconds) is set while the task goes on, if its start is known;
    `tools` counts the calls of an ended task; `needs_person` is set while it waits for a person.
    """

    task_id: str
    prompt: str
    full_prompt: str
    status: str
    tone: Tone
    mark: Mark
    took: str
    began: float | None
    tools: int
    ended: bool
    needs_person: bool


class QueuedPrompt(NamedTuple):
    """A prompt in the queue."""

    task_id: str
    prompt: str


def prompt_line(task: Task, limit: int = PROMPT_LIMIT) -> str:
    """Return a task's prompt on one line."""
    return one_line(task.full_prompt, limit) or "(no prompt)"


def task_heading(task: Task, started_at: str | None = None) -> TaskHeading:
    """Return the heading of a task. `started_at`: when it started, for rows that no longer say so."""
    started_at = started_at or task.started_at
    text = result_text(task.full_prompt).lstrip("\n").rstrip()
    seconds = task_duration(task, started_at)
    return TaskHeading(
        task_id=task.task_id,
        prompt=prompt_line(task),
        full_prompt=text if "\n" in text or len(text) > PROMPT_LIMIT else "",
        status=status_label(task.status),
        tone=tone_of(task.status),
        mark=mark_of(task.status),
        took="" if seconds is None else seconds_text(seconds),
        began=None if task.ended else instant(started_at),
        tools=int(number_of(task.tool_use_count) or 0) if task.ended else 0,
        ended=task.ended,
        needs_person=task.status in NEEDS_PERSON,
    )


def queue_of(state: SessionState) -> tuple[QueuedPrompt, ...]:
    """Return the queued prompts in their order."""
    return tuple(QueuedPrompt(task.task_id, prompt_line(task, 300)) for task in state.queued_tasks)

"""`queue` and `cancel`: the queued prompts of a session."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.cli.endings import WELL
from agor_reactive.cli.json_rows import print_rows
from agor_reactive.cli.output import console
from agor_reactive.cli.reach import Reach
from agor_reactive.cli.sessions import unambiguous_length
from agor_reactive.errors import AmbiguousId, NotFound, UsageError
from agor_reactive.models import Task
from agor_reactive.models.ids import format_short_id

__all__ = ["cancel_queued", "list_queue"]


def list_queue(reach: Reach, session_id: str, *, fields: Sequence[str] | None, jq: str | None) -> int:
    """List the queued prompts in their order. `fields`: as JSON, with these fields, all if there are none."""
    with reach.rest() as client:
        queued = client.sessions.queue(session_id)
    if fields is not None:
        print_rows(Task, queued, fields, jq)
        return WELL
    out = console()
    if not queued:
        out.print("No prompt is queued.")
        return WELL
    length = unambiguous_length([task.task_id for task in queued])
    for number, task in enumerate(queued, 1):
        line = Text(f"{number:>2}  {format_short_id(task.task_id, length)}  ", style="dim")
        line.append(one_line(task.full_prompt, 2_000), style="default")
        if out.is_terminal:
            line.truncate(out.width, overflow="ellipsis")
        out.print(line, soft_wrap=True)
    return WELL


def cancel_queued(reach: Reach, session_id: str, wanted: Sequence[str], *, everything: bool) -> int:
    """Remove prompts from the queue, by ids of their tasks or all of them."""
    if everything == bool(wanted):
        raise UsageError("name the tasks to cancel (agor-reactive queue lists them), or say --all")
    with reach.rest() as client:
        queued = client.sessions.queue(session_id)
        # All are found before the first is removed, so that a wrong id removes none.
        for task in queued if everything else [_find(queued, one) for one in wanted]:
            client.service("tasks").remove(task.task_id)
            print(f"cancelled: {one_line(task.full_prompt, 200)}")
    return WELL


def _find(queued: Sequence[Task], wanted: str) -> Task:
    digits = format_short_id(wanted, 32)
    fits = [task for task in queued if format_short_id(task.task_id, 32).startswith(digits)] if digits else []
    if len(fits) > 1:
        raise AmbiguousId(f"{wanted} fits {len(fits)} queued tasks", matches=[task.task_id for task in fits])
    if not fits:
        raise NotFound(f"no queued task {wanted}; agor-reactive queue lists them")
    return fits[0]

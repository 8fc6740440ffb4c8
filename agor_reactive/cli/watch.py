"""`watch` and `prompt --follow`: show a live session in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from agor_reactive import retain_reactive_session
from agor_reactive.adapters.presentation.status import status_label
from agor_reactive.cli.endings import FAULT, Stop, complain
from agor_reactive.cli.output import is_idle
from agor_reactive.cli.reach import Reach
from agor_reactive.cli.recording import recorded
from agor_reactive.cli.watching import full_id, look, verdict, view_of
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.outcome import why_it_ended

__all__ = ["prompt_and_follow", "watch"]


async def watch(
    stop: Stop,
    reach: Reach,
    session_id: str,
    *,
    json: bool,
    hydration: Literal["none", "lazy", "eager", "lean"],
    until_idle: bool,
    record: Path | None = None,
) -> int:
    """Watch until Ctrl-C, until the session is terminal, or with `until_idle` until it is idle."""
    hint = "Ctrl-C exits" + ("; ends when the session is idle" if until_idle else "")
    async with reach.live() as client:
        full = await full_id(client, session_id)
        async with (
            retain_reactive_session(client, full, task_hydration=hydration) as handle,
            recorded(handle, record) as recording,
        ):
            with view_of(json=json, hint=hint) as view:
                last = await look(handle, view, stop, until=is_idle if until_idle else None, recording=recording)
    return verdict(last)


async def prompt_and_follow(
    stop: Stop, reach: Reach, session_id: str, text: str, *, json: bool, record: Path | None = None
) -> int:
    """Send a prompt and watch until its task has ended. Returns 1 if it did not complete."""
    async with reach.live() as client:
        full = await full_id(client, session_id)
        async with (
            retain_reactive_session(client, full, task_hydration="lazy") as handle,
            recorded(handle, record) as recording,
        ):
            first = await handle.ready()
            if first.terminal:
                return verdict(first)
            task_id = (await handle.prompt(text)).task_id

            def answered(state: SessionState) -> bool:
                task = state.get_task(task_id)
                return task is not None and task.ended and not state.loading

            with view_of(json=json, hint="Ctrl-C exits; the session continues") as view:
                last = await look(handle, view, stop, until=answered, recording=recording)
    task = last.get_task(task_id)
    if not last.terminal and task is not None and task.ended and task.status != "completed":
        why = why_it_ended(task, last.get_task_messages(task_id))
        complain(f"the task ended {status_label(task.status)}" + (f": {why}" if why else ""))
        return FAULT
    return verdict(last)

"""`prompt --follow` and `prompt --answer`: send a prompt and wait for the end of its task."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Self

from agor_reactive import retain_reactive_session
from agor_reactive.adapters.presentation.plain import one_line, plain
from agor_reactive.adapters.presentation.status import status_label
from agor_reactive.adapters.terminal.live import LiveView, View
from agor_reactive.cli.deciding import matches, request_text
from agor_reactive.cli.endings import FAULT, INTERRUPTED, Stop, complain
from agor_reactive.cli.reach import Reach
from agor_reactive.cli.recording import recorded
from agor_reactive.cli.watching import full_id, look, verdict, view_of
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.outcome import why_it_ended
from agor_reactive.policies import Decided, approve_if
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.permissions import PendingPermission

__all__ = ["prompt_and_follow"]


class _NoView:
    """Shows nothing while the task runs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, state: SessionState) -> None:
        """Show nothing."""


async def prompt_and_follow(
    stop: Stop,
    reach: Reach,
    session_id: str,
    text: str,
    *,
    json: bool,
    answer: bool,
    approve: Sequence[str] = (),
    record: Path | None = None,
) -> int:
    """Send a prompt and watch until its task has ended. Returns 1 if it did not complete, 130 after Ctrl-C.

    `answer`: print the text of the reply alone, at the end. `approve`: patterns of permission requests to allow.
    """
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

            view: View = (
                _NoView()
                if answer
                else view_of(json=json, hint="Ctrl-C exits; the session continues", only=frozenset((task_id,)))
            )
            with view:
                async with _requests_answered(handle, task_id, view, approve):
                    last = await look(handle, view, stop, until=answered, recording=recording)
            task = last.get_task(task_id)
            ended = task is not None and task.ended
            if answer and ended and not stop.lost_reader:
                outcome = await handle.wait(task_id)
                if outcome.text:
                    print(plain(outcome.text).rstrip("\n"), flush=True)
    if stop.wanted and not stop.lost_reader and not ended:
        complain(f"interrupted; the task continues (agor-reactive stop {full} stops it)")
        return INTERRUPTED
    if not last.terminal and task is not None and ended and task.status != "completed":
        why = why_it_ended(task, last.get_task_messages(task_id))
        complain(f"the task ended {status_label(task.status)}" + (f": {why}" if why else ""))
        return FAULT
    return verdict(last)


@contextlib.asynccontextmanager
async def _requests_answered(
    handle: SessionHandle, task_id: str, view: View, patterns: Sequence[str]
) -> AsyncIterator[None]:
    """While the body runs, allow the permission requests of a task that match, and say on stderr what else it waits
    for. A whole screen shows requests in the session; there the hint is its last line."""
    asked_for_input = False

    def say(hint: str) -> None:
        if isinstance(view, LiveView):
            view.say(hint)
        else:
            complain(hint)

    def is_approved(asked: PendingPermission) -> bool:
        return asked.task_id == task_id and matches(patterns, asked.tool_name, asked.tool_input)

    def decided(one: Decided) -> None:
        if one.task_id != task_id:
            return
        what = request_text(one.tool_name, one.tool_input)
        if one.verdict == "left":
            command = f"agor-reactive approve {handle.session_id} (or deny)"
            say(f"waits for permission to run {what}; in another terminal: {command}")
        elif one.error is not None:
            say(f"could not approve {what}: {one_line(one.error, 200)}")
        elif not isinstance(view, LiveView):
            complain(f"approved {what}")

    def notice(state: SessionState) -> None:
        nonlocal asked_for_input
        task = state.get_task(task_id)
        waits = task is not None and task.status == "awaiting_input"
        if waits and not asked_for_input:
            say("waits for an answer to its questions; answer them in Agor")
        asked_for_input = waits

    undo = handle.subscribe(notice)
    try:
        async with approve_if(handle, is_approved, audit=decided):
            yield
    finally:
        undo()

"""`watch`: shows a live session in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from agor_reactive import retain_reactive_session
from agor_reactive.cli.endings import Stop
from agor_reactive.cli.output import is_idle
from agor_reactive.cli.reach import Reach
from agor_reactive.cli.recording import recorded
from agor_reactive.cli.watching import full_id, look, verdict, view_of

__all__ = ["watch"]


async def watch(
    stop: Stop,
    reach: Reach,
    session_id: str,
    *,
    json: bool,
    hydration: Literal["none", "lazy", "eager", "lean"],
    until_idle: bool,
    record: Path | None = None,
    plain: bool = False,
) -> int:
    """Watch until Ctrl-C, until the session is terminal, or with `until_idle` until it is idle.

    `plain`: lines also in a terminal.
    """
    hint = "Ctrl-C exits" + ("; ends when the session is idle" if until_idle else "")
    async with reach.live() as client:
        full = await full_id(client, session_id)
        async with (
            retain_reactive_session(client, full, task_hydration=hydration) as handle,
            recorded(handle, record) as recording,
        ):
            with view_of(json=json, plain=plain, hint=hint) as view:
                last = await look(handle, view, stop, until=is_idle if until_idle else None, recording=recording)
    return verdict(last)

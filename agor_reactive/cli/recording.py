"""`record`, and the option `--record` of other commands: write a log while sessions run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

from agor_reactive import Client, retain_reactive_session
from agor_reactive.cli.endings import WELL, Stop, complain
from agor_reactive.cli.output import console
from agor_reactive.cli.reach import Reach
from agor_reactive.cli.watching import full_id
from agor_reactive.errors import UsageError
from agor_reactive.logs import Recording
from agor_reactive.logs import record as recording_of
from agor_reactive.session.handles import SessionHandle

__all__ = ["record", "recorded"]

LOOK_EVERY = 0.5
"""Seconds between two looks at whether the file can still be written."""


@contextlib.asynccontextmanager
async def recorded(handle: SessionHandle, path: Path | None) -> AsyncIterator[Recording | None]:
    """Record the session while the body runs, if there is a path. Says at the end, on stderr, what was written."""
    if path is None:
        yield None
        return
    async with recording_of(handle, path) as recording:
        yield recording
    complain(_written(recording))


async def record(
    stop: Stop,
    reach: Reach,
    session_ids: Sequence[str],
    path: Path,
    *,
    everything: bool,
    hydration: Literal["none", "lazy", "eager", "lean"],
    **options: Any,
) -> int:
    """Record these sessions, or with `everything` all of the daemon, until Ctrl-C or until the disk is full."""
    if everything == bool(session_ids):
        raise UsageError("name the sessions to record, or say --all")
    async with reach.live() as client, contextlib.AsyncExitStack() as stack:
        handles: list[SessionHandle] = []

        def retain(session_id: str) -> None:
            handle = retain_reactive_session(client, session_id, task_hydration=hydration)
            stack.push_async_exit(handle)
            handles.append(handle)

        if everything:
            recording = await stack.enter_async_context(recording_of(client, path, **options))
            _retain_new_ones(client, retain)
            for row in await client.service("sessions").find_all():
                if not row.archived:
                    retain(row.session_id)
        else:
            for session_id in dict.fromkeys([await full_id(client, session_id) for session_id in session_ids]):
                retain(session_id)
            recording = await stack.enter_async_context(recording_of(handles, path, **options))
        stop.graceful = True
        out = console()
        out.print(f"Recording {_counted(len(handles), 'session')} to {path}. Ctrl-C stops.", soft_wrap=True)
        out.file.flush()
        while not stop.wanted and recording.error is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY)
        recording.stop()
        for handle in handles:
            if handle.state.terminal:
                complain(f"session {handle.session_id}: {handle.state.error}")
    out.print(_written(recording), soft_wrap=True)
    return WELL


def _retain_new_ones(client: Client, retain: Any) -> None:
    client.service("sessions").on("created", lambda row: retain(row.session_id))


def _written(recording: Recording) -> str:
    names = ", ".join(str(path) for path in recording.paths)
    lost = f"; {recording.dropped} were dropped because the disk was too slow" if recording.dropped else ""
    return f"recorded {_counted(recording.records, 'record')} in {names}{lost}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"

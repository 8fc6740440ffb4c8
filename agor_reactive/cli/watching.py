"""Showing a session until a condition holds. Shared by `watch`, `prompt --follow` and `demo`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agor_reactive import Client
from agor_reactive.adapters.presentation.heading import error_text
from agor_reactive.adapters.terminal.live import View, follow
from agor_reactive.cli.endings import FAULT, WELL, Stop, complain
from agor_reactive.cli.output import JsonLines, console
from agor_reactive.core.snapshot import SessionState
from agor_reactive.logs import Recording
from agor_reactive.session.handles import SessionHandle

__all__ = ["full_id", "look", "verdict", "view_of"]


async def full_id(client: Client, session_id: str) -> str:
    """The session's full id. A wrong id is reported before anything is shown or written. Raises `DaemonError`."""
    return (await client.service("sessions").get(session_id)).session_id


def view_of(*, json: bool, hint: str = "") -> View:
    """Choose the view: JSON lines, a live terminal, or plain lines."""
    return JsonLines() if json else follow(console(), hint=hint)


async def look(
    handle: SessionHandle,
    view: View,
    stop: Stop,
    *,
    until: Callable[[SessionState], bool] | None = None,
    recording: Recording | None = None,
) -> SessionState:
    """Show every snapshot until `until` holds, the session is terminal, or a stop is requested. Returns the last one.

    A lost connection does not end it: the client reconnects and the view continues. `recording` is stopped at the last
    snapshot shown, so that its log folds to that one.
    """
    stop.graceful = True
    over = asyncio.Event()
    last = handle.state

    def show(state: SessionState) -> None:
        nonlocal last
        last = state
        try:
            view.show(state)
        except BrokenPipeError:
            stop.lose_reader()
        if state.terminal or (until is not None and until(state)):
            over.set()

    unsubscribe = handle.subscribe(show)
    waits = [asyncio.ensure_future(over.wait()), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        unsubscribe()
        for wait in waits:
            wait.cancel()
        if recording is not None:
            recording.stop()
            if handle.state is not last and not stop.lost_reader:
                show(handle.state)  # what came since the last tick is in the log
    return last


def verdict(state: SessionState) -> int:
    """Return the exit code for a last snapshot and report an error."""
    if state.terminal:
        fault = error_text(state.error or "the session cannot be read")
        complain(f"{fault}; run the command again to try again" if fault != state.error else fault)
        return FAULT
    return WELL

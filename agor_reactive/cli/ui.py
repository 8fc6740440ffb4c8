"""`ui`: the full-screen app. Needs the extra ``[tui]``; textual is imported here only, when the command runs."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import sys
from typing import Final, Literal, TypeAlias

from agor_reactive.cli.endings import WELL, Stop
from agor_reactive.cli.reach import Reach
from agor_reactive.errors import MissingExtra, UsageError

__all__ = ["Colors", "check_terminal", "is_dark", "is_full_terminal", "ui"]

_LOOKS: Final = 1.0
"""Seconds between two looks at whether the terminal is still there."""

Colors: TypeAlias = Literal["auto", "dark", "light"]
"""What background the colors of the app are for."""


def is_full_terminal() -> bool:
    """Whether all three streams are a terminal that can show a full screen; textual draws on stderr."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream.isatty() for stream in streams) and os.environ.get("TERM", "") != "dumb"


def check_terminal() -> None:
    """Raise `UsageError` where no full screen can be shown, `MissingExtra` without textual."""
    if not is_full_terminal():
        raise UsageError(
            "agor-reactive ui needs a terminal; agor-reactive watch SESSION works in pipes and on TERM=dumb"
        )
    try:
        import textual  # noqa: F401
    except ImportError:
        raise MissingExtra("agor-reactive ui needs the extra [tui]: pip install 'agor-reactive[tui]'") from None


def is_dark(colors: Colors) -> bool:
    """Whether to use colors for a dark background. Some terminals say theirs in COLORFGBG; dark if unknown."""
    if colors != "auto":
        return colors == "dark"
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return background not in ("7", "15")


async def ui(stop: Stop, reach: Reach, session_id: str | None, *, colors: Colors, remember: bool) -> int:
    """Run the app until it is quit or a stop is requested."""
    from agor_reactive.tui.app import AgorApp
    from agor_reactive.tui.seen_file import SeenFile

    gc.freeze()  # the modules stay: full collections would look at them again and hold a key up
    async with reach.live() as client:
        full = None
        if session_id is not None:
            full = (await client.service("sessions").get(session_id)).session_id
        seen_file = SeenFile(reach.url) if remember else None
        app = AgorApp(client, session_id=full, dark=is_dark(colors), seen_file=seen_file)
        stop.graceful = True
        running = asyncio.ensure_future(app.run_async())
        stopping = asyncio.ensure_future(stop.wait())
        gone = asyncio.ensure_future(terminal_gone())
        await asyncio.wait((running, stopping, gone), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        gone.cancel()
        if not running.done():
            app.exit()
        await running
    return app.return_code or WELL


async def terminal_gone() -> None:
    """Wait until the terminal's other end is closed, for ever where the platform does not say so.

    SIGHUP, which ends a process with its terminal, comes only to those that the terminal controls. Without it the app
    would read the end of its input again and again, with all of a processor.
    """
    if sys.platform == "win32":  # a console ends its processes
        await asyncio.Event().wait()
        return
    ends = select.poll()
    ends.register(sys.stdin.fileno(), 0)  # hang-ups are reported unasked
    while not any(events & (select.POLLHUP | select.POLLERR) for _, events in ends.poll(0)):  # noqa: ASYNC110
        await asyncio.sleep(_LOOKS)  # no event says it

"""`replay`: shows what a log holds, in the rhythm it was recorded in."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agor_reactive import logs
from agor_reactive.adapters.terminal.live import LiveView, View
from agor_reactive.cli.endings import FAULT, WELL, Stop, complain
from agor_reactive.cli.keys import keys_of_terminal
from agor_reactive.cli.player import Player, moments
from agor_reactive.cli.watching import view_of
from agor_reactive.errors import UsageError
from agor_reactive.logs import Log
from agor_reactive.logs.files import Damage
from agor_reactive.models.base import instant

__all__ = ["moment_of", "replay", "speed_of"]

MAX: Final = "max"
_DAMAGE_SHOWN: Final = 20
_EPOCH: Final = 1e8
"""Numbers from here on are epoch seconds, smaller ones seconds from the beginning of a log."""


def speed_of(text: str) -> float:
    """A speed: a number greater than 0, or ``max``. Raises `UsageError`."""
    if text == MAX:
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed < math.inf:
        raise UsageError(f"--speed is a number greater than 0, or {MAX}; not {text!r}")
    return speed


def moment_of(text: str, began: float) -> float:
    """A time of a log in epoch seconds: seconds or ``1:30`` after its beginning, epoch seconds, or an ISO date.

    A date without a zone is local time. Raises `UsageError`.
    """
    parts = text.strip().split(":")
    with contextlib.suppress(ValueError):
        if len(parts) <= 3 and all(parts):
            seconds = 0.0
            for part in parts:
                seconds = seconds * 60 + float(part)
            if not math.isfinite(seconds) or seconds < 0:
                raise ValueError
            return seconds if seconds >= _EPOCH else began + seconds
    with contextlib.suppress(ValueError):
        if instant(text) is not None:
            return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    raise UsageError(f"{text!r} is no time: use seconds or 1:30 from the beginning, epoch seconds, or an ISO date")


async def replay(
    stop: Stop,
    paths: Sequence[Path],
    *,
    session: str | None,
    speed: float,
    since: str | None,
    until: str | None,
    json: bool,
) -> int:
    """Show a session of a log. Returns 1 if nothing of it could be read; what is damaged is named on stderr."""
    try:
        log = logs.open(paths)
    except UsageError as error:
        complain(str(error))
        return FAULT
    known: set[Damage] = set()
    try:
        return await _shown(log, stop, known, session=session, speed=speed, since=since, until=until, json=json)
    finally:
        _name_damage(log, known)


async def _shown(
    log: Log,
    stop: Stop,
    known: set[Damage],
    *,
    session: str | None,
    speed: float,
    since: str | None,
    until: str | None,
    json: bool,
) -> int:
    mirror = await asyncio.to_thread(log.mirror, session)
    _name_damage(log, known)
    begin = None if since is None else moment_of(since, mirror.began)
    end = mirror.ended if until is None else moment_of(until, mirror.began)
    if end < max(begin or 0.0, mirror.began):
        raise UsageError("--until comes before --from, or before the beginning of the log")
    stop.graceful = True
    view = view_of(json=json, hint="Ctrl-C exits")
    async with contextlib.AsyncExitStack() as stack:
        keys = await stack.enter_async_context(keys_of_terminal()) if isinstance(view, LiveView) else None
        stack.enter_context(view)
        if keys is not None and isinstance(view, LiveView):
            last = min(end, mirror.ended)
            start = min(max(begin or 0.0, mirror.began), last)
            player = Player(log, mirror.session_id, view, begin=start, end=last, origin=mirror.began, speed=speed)
            await player.run(keys, stop)
            shown = player.shown
        else:
            shown = await _play(log, mirror.session_id, view, stop, begin=begin, end=end, speed=speed)
    return WELL if shown else FAULT


async def _play(
    log: Log, session_id: str, view: View, stop: Stop, *, begin: float | None, end: float, speed: float
) -> int:
    """Show the states between two times, each when it is due. Returns how many were shown."""
    loop = asyncio.get_running_loop()
    started, first = 0.0, 0.0
    shown = 0
    for t, state in moments(log, session_id, begin, end):
        if not shown:
            started, first = loop.time(), t
        due = started + (t - first) / speed
        if due > loop.time():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), due - loop.time())
        elif shown % 100 == 0:
            await asyncio.sleep(0)  # so that Ctrl-C is seen, and the terminal painted
        if stop.wanted:
            break
        try:
            view.show(state)
        except BrokenPipeError:
            stop.lose_reader()
            break
        shown += 1
    return shown


def _name_damage(log: Log, known: set[Damage]) -> None:
    """Report what could not be read and is not reported yet."""
    fresh = [damage for damage in log.damage if damage not in known]
    known.update(fresh)
    for damage in fresh[:_DAMAGE_SHOWN]:
        complain(str(damage))
    if len(fresh) > _DAMAGE_SHOWN:
        complain(f"and {len(fresh) - _DAMAGE_SHOWN} more damages")

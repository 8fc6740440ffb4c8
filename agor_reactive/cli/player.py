"""Plays a log in a terminal: pause, step, seek, speed, by keys."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterator
from typing import Final

from agor_reactive.adapters.terminal.live import LiveView
from agor_reactive.cli.endings import Stop
from agor_reactive.core.snapshot import SessionState
from agor_reactive.logs import Log

__all__ = ["Player", "clock_text", "moments"]

KEYS: Final = "space pause, ← → step, 0–9 seek, + - speed, q quit"

_REMEMBERED: Final = 500
"""States before the present one that a step back finds without reading the log again."""

_Moment = tuple[float, SessionState]


def clock_text(seconds: float) -> str:
    """``1:02.3`` or ``1:02:03``: how far into a log."""
    tenths = max(0, int(seconds * 10))
    minutes, rest = divmod(tenths // 10, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}.{tenths % 10}"


def moments(log: Log, session_id: str, since: float | None, until: float) -> Iterator[_Moment]:
    """The state at `since`, if there was one, and each later one up to `until`, with their times."""
    if since is not None and since >= log.mirror(session_id).began:
        yield since, log.at(since, session_id)
    yield from log.states(session_id, since=since, until=until)


class Player:
    """Shows a session's states from `begin` to `end` (epoch seconds) in `view`, led by keys.

    At the end it pauses; it ends with the key ``q`` or a stop.
    """

    def __init__(
        self, log: Log, session_id: str, view: LiveView, *, begin: float, end: float, origin: float, speed: float
    ) -> None:
        self._log = log
        self._session_id = session_id
        self._view = view
        self._begin, self._end, self._origin = begin, end, origin
        self._speed = speed
        self._playing = True
        self._states: Iterator[_Moment] = iter(())
        self._present: _Moment | None = None
        self._following: _Moment | None = None
        self._past: deque[_Moment] = deque(maxlen=_REMEMBERED)
        self._sought = False  # the present state came before the time that is shown
        self._at = begin
        self._since = 0.0
        self.shown = 0

    async def run(self, keys: asyncio.Queue[str], stop: Stop) -> None:
        """Play until the user quits."""
        await self._seek(self._begin)
        stopping = asyncio.ensure_future(stop.wait())
        pressed = asyncio.ensure_future(keys.get())
        try:
            while not stop.wanted:
                self._say()
                await asyncio.wait((stopping, pressed), timeout=self._wait(), return_when=asyncio.FIRST_COMPLETED)
                if pressed.done():
                    key = pressed.result()
                    pressed = asyncio.ensure_future(keys.get())
                    if key == "q":
                        return
                    await self._pressed(key)
                elif self._playing:
                    self._advance()
        finally:
            for waiting in (stopping, pressed):
                waiting.cancel()

    # ----------------------------------------------------------------------------------------------------------- keys

    async def _pressed(self, key: str) -> None:
        if key == "space":
            self._play(not self._playing)
        elif key == "right":
            self._play(False)
            self._step()
        elif key == "left":
            self._play(False)
            await self._step_back()
        elif key in ("+", "=", "-"):
            self._play(self._playing)
            self._speed = min(max(self._speed * (0.5 if key == "-" else 2.0), 0.125), 1_024.0)
        elif key.isdigit():
            await self._seek(self._begin + (self._end - self._begin) * int(key) / 10)

    def _play(self, playing: bool) -> None:
        """Go on or pause, at the present time of the log."""
        self._at = self._now()
        self._since = self._clock()
        self._playing = playing and self._following is not None

    # ------------------------------------------------------------------------------------------------------------ time

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()

    def _now(self) -> float:
        """The time of the log that is shown, epoch seconds."""
        if not self._playing:
            return self._at
        latest = self._following[0] if self._following is not None else self._end
        if self._speed == math.inf:
            return self._at
        return min(self._at + (self._clock() - self._since) * self._speed, max(latest, self._at))

    def _wait(self) -> float | None:
        """Seconds until the next state, at most one because the clock is shown; None while paused."""
        if not self._playing:
            return None
        if self._following is None or self._speed == math.inf:
            return 0.0
        return min(max(0.0, (self._following[0] - self._now()) / self._speed), 1.0)

    def _advance(self) -> None:
        """Show what is due by now."""
        due = math.inf if self._speed == math.inf else self._now()
        for _ in range(200):  # then look at the keys again
            if self._following is None or self._following[0] > due:
                break
            self._step(keep_clock=True)
        if self._following is None:
            self._playing = False

    # ----------------------------------------------------------------------------------------------------------- moves

    def _show(self, moment: _Moment) -> None:
        self._present = moment
        self.shown += 1
        self._view.show(moment[1])

    def _step(self, *, keep_clock: bool = False) -> None:
        """One state on."""
        if self._following is None:
            return
        if self._present is not None and not self._sought:
            self._past.append(self._present)
        self._show(self._following)
        self._sought = False
        if not keep_clock or self._speed == math.inf:
            self._at = self._following[0]
        self._following = next(self._states, None)
        if self._following is None:
            self._at = self._present[0] if self._present is not None else self._at

    async def _step_back(self) -> None:
        """One state back; those before the remembered ones are read again from the log, farther and farther back."""
        if self._present is None:
            return
        at = self._present[0]
        while self._past and self._past[-1][0] >= at:  # several states of one moment are one step back
            self._past.pop()
        if not self._past:
            self._past.extend(await asyncio.to_thread(self._before, at))
        if self._past:
            moment = self._past.pop()
            past = list(self._past)
            await self._seek(moment[0])
            self._past.extend(past)
            self._sought = False

    def _before(self, at: float) -> list[_Moment]:
        """States before the present one, which is that of `at`, oldest first; none if it is the first."""
        reach = 1.0
        while True:
            since = max(at - reach, self._begin)
            found = list(moments(self._log, self._session_id, since, at))
            if since > self._begin:
                del found[:1]  # the state at `since` came earlier
            if self._sought:
                del found[-1:]  # the present state, at the time it came
            else:
                found = [moment for moment in found if moment[0] < at]
            if found or since <= self._begin:
                return found
            reach *= 8

    async def _seek(self, t: float) -> None:
        """The state at `t`, epoch seconds, or the first one."""
        self._past.clear()
        self._sought = True
        self._states = moments(self._log, self._session_id, t, self._end)
        first, self._following = await asyncio.to_thread(_two, self._states)
        self._at, self._since = t, self._clock()
        if first is not None:
            self._show(first)
            self._at = max(t, first[0])
        self._playing = self._playing and self._following is not None

    def _say(self) -> None:
        where = f"{clock_text(self._now() - self._origin)} of {clock_text(self._end - self._origin)}"
        speed = "" if self._speed == 1 else " as fast as possible" if self._speed == math.inf else f" ×{self._speed:g}"
        sign = "playing" if self._playing else "end" if self._following is None else "paused"
        self._view.say(f"{sign}{speed}, {where}. {KEYS}")


def _two(states: Iterator[_Moment]) -> tuple[_Moment | None, _Moment | None]:
    return next(states, None), next(states, None)

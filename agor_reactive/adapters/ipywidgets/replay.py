"""`ReplayView`: one session of a log as one widget, with a slider through its time."""

from __future__ import annotations

from functools import cache
from typing import Any

import traitlets

from agor_reactive.adapters.ipywidgets.cells import replace_previous
from agor_reactive.adapters.ipywidgets.page_view import PageView
from agor_reactive.adapters.ipywidgets.replay_publisher import ReplayPublisher
from agor_reactive.adapters.page.pages import script
from agor_reactive.adapters.page.publisher import run_on_loop
from agor_reactive.adapters.page.throttle import Timers
from agor_reactive.adapters.presentation.transcript import transcript_parts
from agor_reactive.blocking.portal import LoopThread
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import UsageError
from agor_reactive.logs import Log

__all__ = ["ReplayView"]


@cache
def _thread() -> LoopThread:
    """The loop of all replays of this process, so that none blocks a kernel."""
    return LoopThread()


class ReplayView(PageView):
    """A recorded session in a notebook: the same view as `SessionView`, read only, with a slider through its time.

    `log` is an opened log; `session_id` names one of its sessions, if there are several. Marks on the track show tasks,
    tools, failures, and where the connection or records were lost; pauses are shortened. Play, step from event to
    event, or drag; keys: space, arrows (with Shift: events), Home, End. The log is read in the background; what cannot
    be read is said in the view. `text` is the transcript of the last state, which the notebook saves. `timers` replaces
    the clock, for tests.

    >>> view = ReplayView(logs.open("session.jsonl"))      # doctest: +SKIP
    """

    _esm = traitlets.Unicode(script("replay_widget")).tag(sync=True)
    _publisher: ReplayPublisher | None = None

    def __init__(
        self, log: Log, session_id: str | None = None, *, timers: Timers | None = None, **options: Any
    ) -> None:
        if not isinstance(log, Log):
            raise UsageError(f"ReplayView shows a log (see agor_reactive.logs.open), not {type(log).__name__}")
        super().__init__("Transcript", **options)
        loop = _thread().loop
        publisher = ReplayPublisher(log, session_id, self.send, loop, on_read=self._save, timers=timers)
        self._publisher = publisher
        run_on_loop(loop, publisher.start)
        replace_previous(self)

    @property
    def position(self) -> float:
        """The moment that is shown, epoch seconds; 0 until the log has been read, and once the view is closed."""
        return self._publisher.position if self._publisher is not None else 0.0

    @property
    def state(self) -> SessionState | None:
        """The session's state at that moment; None until the log has been read, and once the view is closed."""
        return self._publisher.state if self._publisher is not None else None

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._publisher is None

    def seek(self, t: float) -> None:
        """Show the session at `t`, epoch seconds: soon, in all pages. A moment outside the log is its nearest end."""
        publisher = self._publisher
        if publisher is not None:
            run_on_loop(_thread().loop, lambda: publisher.seek(t))

    def _save(self, state: SessionState) -> None:
        self._save_text(transcript_parts(state))

    def close(self) -> None:
        """Remove the view from all pages and free its resources. Idempotent."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close()
            self._remove()

    def __repr__(self) -> str:
        return "<ReplayView closed>" if self._publisher is None else f"<ReplayView of {self._publisher.source}>"

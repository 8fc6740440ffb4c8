"""`ReplayView`: one session of a log as one widget, with a slider through its time."""

from __future__ import annotations

from functools import cache
from typing import Any

import anywidget
import traitlets

from agor_reactive.adapters.ipywidgets.cells import replace_previous
from agor_reactive.adapters.ipywidgets.replay_publisher import ReplayPublisher
from agor_reactive.adapters.ipywidgets.saved_transcript import SavedTranscript
from agor_reactive.adapters.page.pages import script, style
from agor_reactive.adapters.page.publisher import run_on_loop
from agor_reactive.adapters.page.throttle import Timers
from agor_reactive.adapters.presentation.transcript import transcript
from agor_reactive.blocking.portal import LoopThread
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import UsageError
from agor_reactive.logs import Log

__all__ = ["ReplayView"]


@cache
def _thread() -> LoopThread:
    """The loop of all replays of this process, so that none blocks a kernel."""
    return LoopThread()


class ReplayView(anywidget.AnyWidget):
    """A recorded session in a notebook: the same view as `SessionView`, read only, with a slider through its time.

    `log` is an opened log; `session_id` names one of its sessions, if there are several. Marks on the track show tasks,
    tools, failures, and where the connection or records were lost; pauses are shortened. Play, step from event to
    event, or drag; keys: space, arrows (with Shift: events), Home, End. The log is read in the background; what cannot
    be read is said in the view. `text` is the transcript of the last state, which the notebook saves. `timers` replaces
    the clock, for tests.

    >>> view = ReplayView(logs.open("session.jsonl"))      # doctest: +SKIP
    """

    _esm = traitlets.Unicode(script("replay_widget")).tag(sync=True)
    _css = traitlets.Unicode(style()).tag(sync=True)
    text = traitlets.Unicode("", read_only=True).tag(sync=True)
    _transcript_name = traitlets.Unicode("", read_only=True).tag(sync=True)
    _publisher: ReplayPublisher | None = None

    def __init__(
        self, log: Log, session_id: str | None = None, *, timers: Timers | None = None, **options: Any
    ) -> None:
        if not isinstance(log, Log):
            raise UsageError(f"ReplayView shows a log (see agor_reactive.logs.open), not {type(log).__name__}")
        super().__init__(**options)
        self._transcript = SavedTranscript("Transcript")
        self.set_trait("_transcript_name", self._transcript.name)
        loop = _thread().loop
        publisher = ReplayPublisher(log, session_id, self.send, loop, on_read=self._save, timers=timers)
        self._publisher = publisher
        self.on_msg(self._on_msg)
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

    def _on_msg(self, _: Any, content: Any, buffers: Any) -> None:
        self.receive(content)

    def receive(self, content: Any) -> None:
        """Handle a message of a page (see `publisher`)."""
        if self._publisher is not None:
            self._publisher.receive(content)

    def _save(self, state: SessionState) -> None:
        text = transcript(state)
        self.set_trait("text", text)
        self._transcript.update(text)

    def close(self) -> None:
        """Remove the view from all pages and free its resources. Idempotent."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close()
            layout = self.layout
            self.on_msg(self._on_msg, remove=True)
            super().close()
            layout.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            data["text/plain"] = self.text.partition("\n")[0] if self._transcript.show(self.text) else self.text
        return bundle

    def __repr__(self) -> str:
        return "<ReplayView closed>" if self._publisher is None else f"<ReplayView of {self._publisher.source}>"

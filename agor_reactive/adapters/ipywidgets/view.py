"""`SessionView`: one session, live, as one widget."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from agor_reactive.adapters.ipywidgets.cells import after_each, took_place
from agor_reactive.adapters.ipywidgets.feed import Feed
from agor_reactive.adapters.ipywidgets.pace import Timers
from agor_reactive.adapters.ipywidgets.pages import script, style
from agor_reactive.adapters.ipywidgets.record import Record
from agor_reactive.adapters.presentation.status import is_settled
from agor_reactive.adapters.presentation.transcript import transcript
from agor_reactive.core.snapshot import SessionState
from agor_reactive.session.handles import SessionHandle

__all__ = ["SessionView"]


class SessionView(anywidget.AnyWidget):
    """A session in a notebook: its conversation as it happens, old turns on demand, tools, the queue, a prompt box.

    Works wherever anywidget does (JupyterLab, Notebook 7, VS Code, Colab, marimo). Displays at most ten updates a
    second and costs nothing while out of sight. `text` is the conversation as plain text as of when nothing was being
    written; a notebook that shows the view saves it too, to be read where no view lives. `close` it when done, or run
    its cell again: the new view takes the old one's place. The handle stays yours to release. `timers` replaces the
    loop's clock, for tests.

    >>> view = SessionView(handle)      # doctest: +SKIP
    """

    _esm = traitlets.Unicode(script("session_widget")).tag(sync=True)
    _css = traitlets.Unicode(style()).tag(sync=True)
    text = traitlets.Unicode("", read_only=True).tag(sync=True)
    _record_name = traitlets.Unicode("", read_only=True).tag(sync=True)
    _feed: Feed | None = None
    _handle: SessionHandle | None = None
    _kept: SessionState | None = None

    def __init__(self, handle: SessionHandle, *, timers: Timers | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._record = Record("The conversation as text")
        self.set_trait("_record_name", self._record.name)
        self._feed = Feed(handle, self.send, settled=self._settled, timers=timers)
        self._handle = handle
        self._settled(handle.state)
        self.on_msg(self._heard)
        self._undo = after_each(self._ran)
        took_place(self)

    @property
    def displayed(self) -> bool:
        """Whether a page shows it, in sight."""
        return self._feed is not None and self._feed.displayed

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._handle is None

    def _heard(self, _: Any, content: Any, buffers: Any) -> None:
        self.hear(content)

    def hear(self, content: Any) -> None:
        """A page said something (see `feed`)."""
        if self._feed is not None:
            self._feed.hear(content)

    def _settled(self, state: SessionState) -> None:
        if state is self._kept or state.standing.disposed:
            return
        self._kept = state
        text = transcript(state)
        if text != self.text:
            self.set_trait("text", text)
            self._record.keep(text)

    def _ran(self) -> None:
        # Whether or not a page shows it: what the notebook keeps is as new as its newest cell.
        if self._handle is not None and is_settled(self._handle.state):
            self._settled(self._handle.state)

    def close(self) -> None:
        """Take it off every page; leave nothing behind. Idempotent."""
        feed, self._feed, self._handle, self._kept = self._feed, None, None, None
        if feed is not None:
            feed.close()
            self._undo()
            layout = self.layout
            self.on_msg(self._heard, remove=True)
            super().close()
            layout.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._handle is not None:
            self._settled(self._handle.state)
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            data["text/plain"] = self.text.partition("\n")[0] if self._record.show(self.text) else self.text
        return bundle

    def __repr__(self) -> str:
        return f"<SessionView {'closed' if self._handle is None else self._handle.session_id}>"

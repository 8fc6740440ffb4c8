"""`SessionView`: one session, live, as one widget."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from agor_reactive.adapters.ipywidgets.cells import on_cell_end, replace_previous
from agor_reactive.adapters.ipywidgets.saved_transcript import SavedTranscript
from agor_reactive.adapters.ipywidgets.session_publisher import SessionPublisher
from agor_reactive.adapters.ipywidgets.throttle import Timers
from agor_reactive.adapters.page.pages import script, style
from agor_reactive.adapters.presentation.status import is_settled
from agor_reactive.adapters.presentation.transcript import transcript
from agor_reactive.core.snapshot import SessionState
from agor_reactive.session.handles import SessionHandle, checked_handle

__all__ = ["SessionView"]


class SessionView(anywidget.AnyWidget):
    """A live session in a notebook: its messages, older tasks on demand, tool calls, the queue, a prompt box.

    Works where anywidget works (JupyterLab, Notebook 7, VS Code, Colab, marimo). Updates at most ten times a second,
    and not while it is hidden. `text` is the transcript as of the last moment at which nothing was being written; the
    notebook saves it beside the view, for readers without a kernel. `close` the view when done, or run its cell again:
    the new view replaces the old one. The view does not release the handle. `timers` replaces the loop's clock, for
    tests.

    >>> view = SessionView(handle)      # doctest: +SKIP
    """

    _esm = traitlets.Unicode(script("session_widget")).tag(sync=True)
    _css = traitlets.Unicode(style()).tag(sync=True)
    text = traitlets.Unicode("", read_only=True).tag(sync=True)
    _transcript_name = traitlets.Unicode("", read_only=True).tag(sync=True)
    _publisher: SessionPublisher | None = None
    _handle: SessionHandle | None = None
    _saved: SessionState | None = None

    def __init__(self, handle: SessionHandle, *, timers: Timers | None = None, **options: Any) -> None:
        handle = checked_handle(handle, "SessionView")
        super().__init__(**options)
        self._transcript = SavedTranscript("Transcript")
        self.set_trait("_transcript_name", self._transcript.name)
        self._publisher = SessionPublisher(handle, self.send, on_settled=self._save, timers=timers)
        self._handle = handle
        self._save(handle.state)
        self.on_msg(self._on_msg)
        self._undo = on_cell_end(self._on_cell_end)
        replace_previous(self)

    @property
    def displayed(self) -> bool:
        """Whether a page shows it visibly."""
        return self._publisher is not None and self._publisher.displayed

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._handle is None

    def _on_msg(self, _: Any, content: Any, buffers: Any) -> None:
        self.receive(content)

    def receive(self, content: Any) -> None:
        """Handle a message of a page (see `publisher`)."""
        if self._publisher is not None:
            self._publisher.receive(content)

    def _save(self, state: SessionState) -> None:
        if state is self._saved or state.status.disposed:
            return
        self._saved = state
        text = transcript(state)
        if text != self.text:
            self.set_trait("text", text)
            self._transcript.update(text)

    def _on_cell_end(self) -> None:
        # Also while no page is visible, so that the saved text is as new as the newest cell.
        if self._handle is not None and is_settled(self._handle.state):
            self._save(self._handle.state)

    def close(self) -> None:
        """Remove the view from all pages and free its resources. Idempotent."""
        publisher, self._publisher, self._handle, self._saved = self._publisher, None, None, None
        if publisher is not None:
            publisher.close()
            self._undo()
            layout = self.layout
            self.on_msg(self._on_msg, remove=True)
            super().close()
            layout.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._handle is not None:
            self._save(self._handle.state)
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            data["text/plain"] = self.text.partition("\n")[0] if self._transcript.show(self.text) else self.text
        return bundle

    def __repr__(self) -> str:
        return f"<SessionView {'closed' if self._handle is None else self._handle.session_id}>"

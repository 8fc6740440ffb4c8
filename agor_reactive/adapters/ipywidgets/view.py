"""`SessionView`: one session, live, as one widget."""

from __future__ import annotations

from typing import Any

import traitlets

from agor_reactive.adapters.ipywidgets.cells import on_cell_end, replace_previous
from agor_reactive.adapters.ipywidgets.page_view import PageView
from agor_reactive.adapters.page.pages import script
from agor_reactive.adapters.page.session_publisher import SessionPublisher
from agor_reactive.adapters.page.throttle import Timers
from agor_reactive.adapters.presentation.status import is_settled
from agor_reactive.adapters.presentation.transcript import transcript_parts
from agor_reactive.core.snapshot import SessionState
from agor_reactive.session.handles import SessionHandle, checked_handle

__all__ = ["SessionView"]


class SessionView(PageView):
    """A live session in a notebook: its messages, older tasks on demand, tool calls, the queue, a prompt box.

    Works where anywidget works (JupyterLab, Notebook 7, VS Code, Colab, marimo). Updates at most ten times a second,
    and not while it is hidden. `text` is the transcript as of the last moment at which nothing was being written; the
    notebook saves it beside the view, for readers without a kernel. `close` the view when done, or run its cell again:
    the new view replaces the old one. The view does not release the handle. `timers` replaces the loop's clock, for
    tests.

    >>> view = SessionView(handle)      # doctest: +SKIP
    """

    _esm = traitlets.Unicode(script("session_widget")).tag(sync=True)
    _publisher: SessionPublisher | None = None
    _handle: SessionHandle | None = None
    _saved: SessionState | None = None

    def __init__(self, handle: SessionHandle, *, timers: Timers | None = None, **options: Any) -> None:
        handle = checked_handle(handle, "SessionView")
        super().__init__("Transcript", **options)
        self._publisher = SessionPublisher(handle, self.send, on_settled=self._save, timers=timers)
        self._handle = handle
        self._save(handle.state)
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

    def _save(self, state: SessionState) -> None:
        if state is self._saved or state.status.disposed:
            return
        self._saved = state
        self._save_text(transcript_parts(state))

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
            self._remove()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._handle is not None:
            self._save(self._handle.state)
        return super()._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"<SessionView {'closed' if self._handle is None else self._handle.session_id}>"

"""The text that a notebook saves for a view, in an output beside the widget.

A notebook opened without its kernel shows nothing of a widget, because JupyterLab does not save widget state by
default. The page of a live view hides this output; elsewhere it is what the notebook shows. Knows IPython only.
"""

from __future__ import annotations

import html
import secrets
import threading

from agor_reactive.adapters.ipywidgets.cells import in_kernel
from agor_reactive.adapters.ipywidgets.saved_html import saved_html
from agor_reactive.adapters.presentation.transcript import Part, transcript_text

__all__ = ["Saved", "SavedTranscript"]

_STYLE = ' style="white-space: pre-wrap; font-family: monospace"'

Saved = str | tuple[Part, ...]
"""What is saved: text as it is, or a transcript, whose replies are Markdown in HTML."""


class SavedTranscript:
    """The text of one view as an output of its cell. Does nothing outside a kernel. Thread-safe.

    `name` is the class of the output's element, so that the page can find it.
    """

    def __init__(self, label: str) -> None:
        self.name = f"ag-transcript-{secrets.token_hex(8)}"
        self._label = label
        self._newest: Saved = ""
        self._shown = False
        # A replay is read on another thread while its cell shows it. Frontends drop an update of an output they lack.
        self._lock = threading.Lock()

    def show(self) -> bool:
        """Publish the newest text as output of the running cell. False outside a notebook."""
        if not in_kernel():
            return False
        with self._lock:
            self._shown = True
            self._publish(update=False)
        return True

    def update(self, saved: Saved) -> bool:
        """Replace the text, and with it that of the output if it was shown. False if it is the same."""
        with self._lock:
            if self._newest == saved:
                return False
            self._newest = saved
            if self._shown and in_kernel():
                self._publish(update=True)
            return True

    def _publish(self, *, update: bool) -> None:
        from IPython.display import publish_display_data as publish

        saved = self._newest
        text = saved if isinstance(saved, str) else transcript_text(saved)
        data = {"text/plain": text, "text/html": self._markup(saved)}
        publish(data, transient={"display_id": self.name}, update=update)

    def _markup(self, saved: Saved) -> str:
        shown = f"<pre{_STYLE}>{html.escape(saved)}</pre>" if isinstance(saved, str) else saved_html(saved)
        body = f"<summary>{html.escape(self._label)}</summary>{shown}"
        return f'<div class="ag-transcript {self.name}"><details open>{body}</details></div>'

"""The text that a notebook saves for a view, in an output beside the widget.

A notebook opened without its kernel shows nothing of a widget, because JupyterLab does not save widget state by
default. The page of a live view hides this output; elsewhere it is what the notebook shows. Knows IPython only.
"""

from __future__ import annotations

import html
import secrets

from agor_reactive.adapters.ipywidgets.cells import in_kernel

__all__ = ["SavedTranscript"]

_STYLE = ' style="white-space: pre-wrap; font-family: monospace"'


class SavedTranscript:
    """The text of one view as an output of its cell. Does nothing outside a kernel.

    `name` is the class of the output's element, so that the page can find it.
    """

    def __init__(self, label: str) -> None:
        self.name = f"ag-transcript-{secrets.token_hex(8)}"
        self._label = label
        self._text: str | None = None

    def show(self, text: str) -> bool:
        """Publish the text as output of the running cell. False outside a notebook."""
        if not in_kernel():
            return False
        self._publish(text, update=False)
        return True

    def update(self, text: str) -> None:
        """Replace the text of an output that was shown."""
        if self._text is not None and self._text != text and in_kernel():
            self._publish(text, update=True)

    def _publish(self, text: str, *, update: bool) -> None:
        from IPython.display import publish_display_data as publish

        self._text = text
        data = {"text/plain": text, "text/html": self._markup(text)}
        publish(data, transient={"display_id": self.name}, update=update)

    def _markup(self, text: str) -> str:
        body = f"<summary>{html.escape(self._label)}</summary><pre{_STYLE}>{html.escape(text)}</pre>"
        return f'<div class="ag-transcript {self.name}"><details open>{body}</details></div>'

"""What a notebook keeps of a view: its text, in an output of its own beside the widget.

A notebook that is opened without its kernel shows nothing of a widget (JupyterLab saves no widget's state unless told
to). The page of a living view hides the output; wherever no view lives, it is what can be read. Knows IPython only.
"""

from __future__ import annotations

import html
import secrets

from agor_reactive.adapters.ipywidgets.cells import in_kernel

__all__ = ["Record"]


_LOOK = ' style="white-space: pre-wrap; font-family: monospace"'


class Record:
    """The text of one view, as outputs of a notebook hold it. Outside a kernel it does nothing.

    `name` is the class that the output's element has, for the page to find it.
    """

    def __init__(self, label: str) -> None:
        self.name = f"ag-record-{secrets.token_hex(8)}"
        self._label = label
        self._told: str | None = None

    def show(self, text: str) -> bool:
        """Put it into the output of the running cell. False where there is no notebook."""
        if not in_kernel():
            return False
        self._publish(text, update=False)
        return True

    def keep(self, text: str) -> None:
        """What the notebook is to keep from now on, if it has been shown."""
        if self._told is not None and self._told != text and in_kernel():
            self._publish(text, update=True)

    def _publish(self, text: str, *, update: bool) -> None:
        from IPython.display import publish_display_data as publish

        self._told = text
        data = {"text/plain": text, "text/html": self._markup(text)}
        publish(data, transient={"display_id": self.name}, update=update)

    def _markup(self, text: str) -> str:
        words = f"<summary>{html.escape(self._label)}</summary><pre{_LOOK}>{html.escape(text)}</pre>"
        return f'<div class="ag-record {self.name}"><details open>{words}</details></div>'

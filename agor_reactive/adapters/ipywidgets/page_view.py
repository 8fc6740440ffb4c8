"""The base of the views: a widget that is one page, and the text that a notebook saves for it."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from agor_reactive.adapters.ipywidgets.saved_transcript import Saved, SavedTranscript
from agor_reactive.adapters.page.pages import style
from agor_reactive.adapters.page.publisher import Publisher
from agor_reactive.adapters.presentation.transcript import transcript_text

__all__ = ["PageView"]


class PageView(anywidget.AnyWidget):
    """A page with `text`, its transcript, which is saved under `label`. A subclass has the script and a publisher."""

    _css = traitlets.Unicode(style()).tag(sync=True)
    text = traitlets.Unicode("", read_only=True).tag(sync=True)
    _transcript_name = traitlets.Unicode("", read_only=True).tag(sync=True)
    _publisher: Publisher[Any] | None = None

    def __init__(self, label: str, **options: Any) -> None:
        super().__init__(**options)
        self._transcript = SavedTranscript(label)
        self.set_trait("_transcript_name", self._transcript.name)
        self.on_msg(self._on_msg)

    def receive(self, content: Any) -> None:
        """Handle a message of a page (see `publisher`)."""
        if self._publisher is not None:
            self._publisher.receive(content)

    def _on_msg(self, _: Any, content: Any, buffers: Any) -> None:
        self.receive(content)

    def _save_text(self, saved: Saved) -> None:
        if self._transcript.update(saved):
            self.set_trait("text", saved if isinstance(saved, str) else transcript_text(saved))

    def _remove(self) -> None:
        """Remove the view from all pages."""
        layout = self.layout
        self.on_msg(self._on_msg, remove=True)
        super().close()
        layout.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            data["text/plain"] = self.text.partition("\n")[0] if self._transcript.show() else self.text
        return bundle

"""The transcript beside a view: whatever comes while its cell shows it, the newest text is what the notebook saves."""

from __future__ import annotations

import threading
from typing import Any

import IPython.display
import pytest

from agor_reactive.adapters.ipywidgets import saved_transcript
from agor_reactive.adapters.ipywidgets.saved_transcript import SavedTranscript


class Notebook:
    """What a notebook shows of the outputs that a kernel publishes: an update of an output that it lacks is dropped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outputs: dict[str, str] = {}
        self.other: threading.Thread | None = None
        monkeypatch.setattr(saved_transcript, "in_kernel", lambda: True)
        monkeypatch.setattr(IPython.display, "publish_display_data", self.publish)

    def publish(self, data: dict[str, str], *, transient: dict[str, str], update: bool) -> None:
        if self.other is not None and not update:
            self.other.start()
            self.other.join(0.2)  # as long as this output is under way, an update has to wait
        if not update or transient["display_id"] in self.outputs:
            self.outputs[transient["display_id"]] = data["text/plain"]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    return Notebook(monkeypatch)


def test_it_is_updated_once_it_is_shown(notebook: Notebook) -> None:
    saved = SavedTranscript("Transcript")
    saved.update("one")
    assert notebook.outputs == {}
    assert saved.show()
    assert notebook.outputs == {saved.name: "one"}
    assert saved.update("two")
    assert notebook.outputs == {saved.name: "two"}
    assert not saved.update("two")


def test_text_of_another_thread_just_before_it_is_shown(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = SavedTranscript("Transcript")

    def meanwhile() -> Any:
        other = threading.Thread(target=saved.update, args=("newer",))
        other.start()
        other.join(5)
        return True

    monkeypatch.setattr(saved_transcript, "in_kernel", meanwhile)
    assert saved.show()
    assert notebook.outputs == {saved.name: "newer"}


def test_text_of_another_thread_while_it_is_shown(notebook: Notebook) -> None:
    saved = SavedTranscript("Transcript")
    notebook.other = threading.Thread(target=saved.update, args=("newer",))
    assert saved.show()
    notebook.other.join(5)
    assert notebook.outputs == {saved.name: "newer"}

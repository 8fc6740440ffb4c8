"""Whatever changes into whatever: a page that takes the patches shows the newest document, order and all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.adapters.page.document import Document, Part
from agor_reactive.adapters.page.patch import EMPTY, patch
from benchmarks.comms import Page

KEYS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)
TEXT = st.text(alphabet="ab\n𝄞é", max_size=8)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    tasks = {key: {"prompt": draw(TEXT), "status": draw(TEXT)} for key in draw(KEYS)}
    opened = draw(st.lists(st.sampled_from([*tasks]), unique=True)) if tasks else []
    parts = {
        task: {key: Part({"kind": "text", "live": draw(st.booleans())}, draw(TEXT)) for key in draw(KEYS)}
        for task in [*opened, ""]
    }
    return Document({"title": draw(TEXT)}, tasks, parts, tuple((key, draw(TEXT)) for key in draw(KEYS)))


@given(st.lists(documents(), min_size=1, max_size=6))
def test_a_page_that_takes_every_patch_shows_the_last_document(line: list[Document]) -> None:
    page, before = Page(), EMPTY
    page.receive({"op": "snapshot", "seq": 0, "now": 0, **patch(EMPTY, EMPTY)})
    for number, document in enumerate(line, 1):
        page.receive({"op": "patch", "seq": number, "now": 0, **patch(before, document)})
        # A task that went takes its parts along.
        page.parts = {task: parts for task, parts in page.parts.items() if task in page.tasks or not task}
        assert page.head == document.head
        assert list(page.tasks.items()) == list(document.tasks.items())
        assert page.queue == document.queue
        shown = {task: list(parts.items()) for task, parts in page.parts.items() if parts}
        wanted = {task: [(k, (p.fields, p.text)) for k, p in parts.items()] for task, parts in document.parts.items()}
        assert shown == {task: parts for task, parts in wanted.items() if parts}
        before = document

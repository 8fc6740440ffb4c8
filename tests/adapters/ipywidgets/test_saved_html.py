"""The transcript that a notebook saves: replies as Markdown, calls in their place, and nothing that runs or loads."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from agor_reactive.adapters.ipywidgets.saved_html import saved_html
from agor_reactive.adapters.presentation.transcript import Part, transcript, transcript_parts, transcript_text
from tests.core.build import hydrated, message_row, task_row
from tests.notebook.hostile_texts import HOSTILE

BLOCKS = {"p", "pre", "div", "ul", "ol", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "hr", "br"}
TAGS = {*BLOCKS, *(f"h{level}" for level in range(1, 7)), "strong", "em", "s", "code", "small", "a"}
ATTRIBUTES = {"style", "class", "href", "title", "target", "rel", "start"}
STYLES = re.compile(r"(white-space: pre-wrap; [\w\s;:.-]*|text-align:(left|right|center))")


class Inspected(HTMLParser):
    """What a browser would make of it. Fails on any element, attribute or address that is not expected."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        assert tag in TAGS, tag
        assert given.keys() <= ATTRIBUTES, given
        assert STYLES.fullmatch(given.get("style") or "white-space: pre-wrap; "), given
        if tag == "a":
            address = given["href"] or ""
            self.links.append(address)
            assert address.lower().startswith(("https://", "http://")), address
            assert (given["target"], given["rel"]) == ("_blank", "noopener noreferrer")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("kind", ["title", "prompt", "user", "markdown", "lines"])
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_hostile_text_runs_or_loads(kind: str, text: str) -> None:
    found = Inspected(saved_html([Part(kind, text, text)]))  # type: ignore[arg-type]
    assert kind == "markdown" or text.replace("\r\n", "\n").replace("\r", "\n") in found.text.replace("\r", "\n")


def test_replies_are_markdown_and_calls_stand_where_they_were_made() -> None:
    use = {"type": "tool_use", "id": "u1", "name": "Read", "input": {"file_path": "a.py"}}
    result = {"type": "tool_result", "tool_use_id": "u1", "content": "1"}
    rows = [
        message_row("m1", "t1", 1, content=[{"type": "text", "text": "# Before\n\n*one* [a](https://a.example)"}, use]),
        message_row("m2", "t1", 2, role="user", type="user", content=[result]),
        message_row("m3", "t1", 3, content="After\n\n| a |\n|---|\n| 1 |\n\n![x](https://a.example/x.png)"),
    ]
    task = task_row("t1", "completed", full_prompt="Do <it>")
    state = hydrated(tasks=[task], messages={"t1": rows}).state
    found = Inspected(saved_html(transcript_parts(state)))
    assert [tag for tag in found.tags if tag in ("h1", "em", "pre", "table")] == ["h1", "em", "pre", "table"]
    assert found.links == ["https://a.example", "https://a.example/x.png"]
    before, read, after = (found.text.index(text) for text in ("Before", "Read a.py", "After"))
    assert before < read < after
    assert "Do <it>" in found.text
    assert "completed" in found.text
    assert transcript(state) == transcript_text(transcript_parts(state))


def test_of_a_long_session_the_newest_parts_are_kept() -> None:
    tasks = [task_row(f"t{n}", "completed", second=n, full_prompt=f"prompt {n}") for n in range(30)]
    messages = {f"t{n}": [message_row(f"m{n}", f"t{n}", 1, content="word " * 20)] for n in range(30)}
    parts = transcript_parts(hydrated("eager", tasks=tasks, messages=messages).state, limit=500)
    assert parts[0].kind == "title"
    assert parts[1].text.startswith("… ")
    assert parts[-1].text.endswith("word")
    assert 500 <= sum(len(part.text) + 2 for part in parts[1:]) < 520

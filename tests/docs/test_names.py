"""What users may import, and what they may ask, is written down for them: no name and no operator is a secret."""

from __future__ import annotations

import re
from pathlib import Path

import agor_reactive
from agor_reactive.calls.limits import MOST_ROWS, MOST_SESSIONS
from agor_reactive.core.fold import limits
from agor_reactive.core.snapshot import HYDRATIONS
from agor_reactive.logs.files import MAX_LINE
from agor_reactive.session import query_match
from agor_reactive.transport.connection import MAX_FRAME
from agor_reactive.transport.http import MAX_RESPONSE

DOCS = Path(__file__).parents[2] / "docs"
NAMES = (DOCS / "names.md").read_text(encoding="utf-8")
SESSION = (DOCS / "reactive-session.md").read_text(encoding="utf-8")
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def section(page: str, heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def test_every_public_name_is_on_the_page_of_names() -> None:
    assert set(agor_reactive.__all__) - quoted(NAMES) == set()


def test_what_the_page_of_names_lists_is_public() -> None:
    rows = [line for line in NAMES.splitlines() if line.startswith("| `")]
    listed = set().union(*(quoted(row.split("|")[1]) for row in rows))
    assert listed - set(agor_reactive.__all__) == set()
    assert len(listed) > 40


def test_every_operator_of_a_live_collection_is_in_its_docstring_and_on_its_page() -> None:
    operators = set(re.findall(r"\$\w+", query_match.KNOWN))
    assert len(operators) == 9
    asked = operators | {"$sort"}
    for text in (agor_reactive.retain_sessions.__doc__ or "", section(SESSION, "Many sessions")):
        assert {operator for operator in asked if not re.search(re.escape(operator) + r"\b", text)} == set()


def test_every_hydration_is_on_its_page() -> None:
    documented = set(re.findall(r'`"(\w+)"`', section(SESSION, "Loading messages")))
    assert documented == set(HYDRATIONS)


def test_every_page_is_in_the_index_and_in_the_readme() -> None:
    pages = {page.name for page in DOCS.glob("*.md")} - {"index.md"}
    index = set(re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "index.md").read_text(encoding="utf-8")))
    assert index == pages
    assert set(re.findall(r"\]\(docs/([\w-]+\.md)\)", README)) == pages


def test_the_bounds_on_their_page_are_those_of_the_code() -> None:
    page = (DOCS / "limits.md").read_text(encoding="utf-8")
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\| ([\d,]+) \|", page)]
    of_a_session = [limits.MOST_TASKS, limits.MOST_MESSAGES, limits.MOST_STREAMS, limits.MOST_TEXT]
    of_a_session += [limits.MOST_TOOLS, limits.MOST_REMOVED]
    assert numbers == [*of_a_session, MAX_FRAME, MAX_RESPONSE, MOST_ROWS, MOST_SESSIONS, MAX_LINE]

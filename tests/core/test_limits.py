"""A daemon or a model without end takes no memory without end, and the snapshot says that something is missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest

from agor_reactive.core import events as e
from agor_reactive.core.fold import fold_raw, limits
from tests.core.build import Mirror, chunk, end, hydrated, message_row, raw, saved, start, task_row, thinking

BOUND = 20
MANY = 200


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_TASKS", "MOST_MESSAGES", "MOST_STREAMS", "MOST_TOOLS", "MOST_TEXT", "MOST_REMOVED"):
        monkeypatch.setattr(limits, name, BOUND)


def held(mirror: Mirror) -> dict[str, int]:
    """How many of each the state holds."""
    state = mirror.state
    books = state.books
    return {
        "tasks": len(state.tasks),
        "messages": len(state.messages_by_task.entries),
        "streams": len(state.streaming_messages),
        "text": max([run.size for stream in state.streaming_messages.values() for run in stream.runs], default=0) - 1,
        "thinking": max([stream._head.thought.size for stream in state.streaming_messages.values()], default=0) - 1,
        "tools": sum(len(tools) for _, tools in state.live_tools.items()),
        "tasks with tools": len(state.live_tools),
        "removed tasks": len(books.gone_tasks),
        "removed messages": len(books.gone_messages),
        "noted tools": len(books.journal_tools),
        "noted tasks": len(books.journal_tasks),
        "noted messages": len(books.journal_messages),
        "settled": len(books.settled) - 256,
    }


ENDLESS: dict[str, Callable[[int], Any]] = {
    "chunks": lambda n: chunk(f"m{n}", "x", 0),
    "numbered text of one message": lambda n: chunk("m", "x", n),
    "text of one message": lambda n: chunk("m", "x"),
    "empty chunks of one message": lambda n: chunk("m", "", n),
    "text of one message with holes": lambda n: chunk("m", "x", 2 * n),
    "text of one message, last chunk first": lambda n: chunk("m", "x", MANY - n),
    "thinking of one message": lambda n: thinking("m", "x"),
    "starts": lambda n: start(f"m{n}"),
    "thinking": lambda n: thinking(f"m{n}", "x"),
    "tasks": lambda n: saved("tasks", task_row(f"new{n}", second=n)),
    "messages": lambda n: saved("messages", message_row(f"m{n}", "t1", n)),
    "messages of no loaded task": lambda n: saved("messages", message_row(f"m{n}", f"other{n}", n)),
    "tools": lambda n: raw("tasks tool:start", task_id="t1", tool_use_id=f"u{n}", tool_name="Bash"),
    "tools of tasks that are not known": lambda n: raw("tasks tool:start", task_id=f"other{n}", tool_use_id=f"u{n}"),
    "removed tasks": lambda n: saved("tasks", task_row(f"gone{n}"), "removed"),
    "removed messages": lambda n: saved("messages", message_row(f"m{n}", "t1", n), "removed"),
}


@pytest.mark.parametrize("reading", [False, True], ids=["at rest", "while a fetch is in flight"])
@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_bounded_and_said(name: str, reading: bool) -> None:
    mirror = hydrated()
    if reading:
        mirror.feed(e.ResyncRequested())
    for number in range(MANY):
        mirror.feed(ENDLESS[name](number))
    assert {kind: count for kind, count in held(mirror).items() if count > BOUND} == {}
    if name != "messages of no loaded task" or reading:
        assert mirror.state.error is not None
        assert "is not kept" in mirror.state.error
        assert sum(mirror.state.anomalies.values()) > 0


@pytest.mark.parametrize("hole", [False, True], ids=["whole so far", "with a hole"])
@pytest.mark.parametrize("ended", [False, True], ids=["under way", "ended"])
def test_text_beyond_the_bound_is_missing_however_its_chunks_are_batched(ended: bool, hole: bool) -> None:
    numbers = [n for n in range(MANY) if not hole or n != 3]
    chunks = [chunk("m", "xy", n, task_id="t1") for n in numbers]  # as daemons send them: with their task
    events = [start("m", task_id="t1"), *chunks, *([end("m", MANY)] if ended else [])]
    states = [
        fold_raw(hydrated().state, events),
        reduce(lambda state, event: fold_raw(state, [event]), events, hydrated().state),
    ]
    for state in states:
        stream = state.streaming_messages["m"]
        assert (stream.text, stream.complete) == ("xy" * 7, False)
        assert state.error == "The daemon sent more than 20 characters of one message of this session; " + (
            "what is beyond that is not kept."
        )
    assert states[0].dump() == states[1].dump()


def test_thinking_beyond_the_bound_is_said_to_be_missing() -> None:
    mirror = hydrated()
    mirror.feed(raw("messages thinking:start", message_id="m"))
    mirror.feed(*(thinking("m", "xy") for _ in range(MANY)))
    head = mirror.state.streaming_messages["m"]._head
    assert (head.thought.text, head.thought_gap) == ("xy" * 7, True)


def test_removed_messages_make_room_for_others() -> None:
    mirror = hydrated()
    mirror.feed(*(saved("messages", message_row(f"m{n:02}", "t1", n)) for n in range(BOUND)))
    mirror.feed(*(saved("messages", message_row(f"m{n:02}", "t1", n), "removed") for n in range(5)))
    mirror.feed(*(saved("messages", message_row(f"m{n:02}", "t1", n)) for n in range(BOUND, BOUND + 3)))
    assert mirror.message_ids("t1") == [f"m{n:02}" for n in range(5, BOUND + 3)]
    assert mirror.state.error is None

"""What a slider marks of a session's states, and how much of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from agor_reactive.adapters.page.timeline import Mark, TimelineBuilder, thinned
from agor_reactive.core import events as e
from agor_reactive.models.wire import LinkStatus
from tests.core.build import Mirror, chunk, hydrated, message_row, saved, start, task_row

LATER = 2_000_000_000.0
"""After the rows of the builders were made."""


def marks(mirror: Mirror, *events: Any, begin: float = 1.0) -> list[tuple[float, str, str]]:
    """The marks of these events, a second apart, after the state that the mirror has."""
    timeline = TimelineBuilder()
    timeline.add(begin, mirror.state)
    for number, event in enumerate(events, 1):
        timeline.add(begin + number, mirror.feed(event))
    return [(mark.t - begin, mark.kind, mark.text) for mark in timeline.marks]


def asked(status: str) -> dict[str, Any]:
    content = {"request_id": "r1", "status": status, "tool_name": "Bash", "tool_use_id": "u1", "task_id": "t1"}
    return message_row("m2", "t1", 2, type="permission_request", role="system", content=content)


USE = message_row("m1", "t1", 1, content=[{"type": "tool_use", "id": "u1", "name": "Bash", "input": {}}])
RESULT = {"type": "tool_result", "tool_use_id": "u1", "is_error": True, "content": "no"}


@pytest.mark.parametrize(
    ("status", "kind"), [("completed", "ended"), ("stopped", "ended"), ("failed", "failed"), ("timed_out", "failed")]
)
def test_a_task_begins_and_ends(status: str, kind: str) -> None:
    begun, ended = task_row("t2", second=5, full_prompt="Do it\x07 \x1b[31mnow"), task_row("t2", status, second=5)
    found = marks(hydrated(), saved("tasks", begun), saved("tasks", ended, "patched"))
    assert [(t, found_kind) for t, found_kind, _ in found] == [(1, "began"), (2, kind)]
    assert found[0][2].startswith("Task began: Do it")
    assert not set(found[0][2]) & {"\x07", "\x1b"}


def test_a_queued_task_begins_when_it_runs() -> None:
    row = task_row("t2", "queued", second=5)
    running = saved("tasks", {**row, "status": "running"}, "patched")
    assert [(t, kind) for t, kind, _ in marks(hydrated(), saved("tasks", row), running)] == [(2, "began")]


def test_text_makes_no_mark() -> None:
    assert marks(hydrated(), start("m1", task_id="t1"), *(chunk("m1", "a", number) for number in range(5))) == []


def test_a_call_its_failure_and_a_person_who_is_asked() -> None:
    waits = saved("tasks", task_row("t1", "awaiting_permission"), "patched")
    goes_on = saved("tasks", task_row("t1", "running"), "patched")
    result = saved("messages", message_row("m3", "t1", 3, type="user", role="user", content=[RESULT]))
    found = marks(hydrated(), saved("messages", USE), waits, goes_on, result)
    assert [(t, kind) for t, kind, _ in found] == [(1, "tool"), (2, "asked"), (4, "failed")]
    assert [text for *_, text in found] == ["Bash was called", "Task awaiting permission", "Bash failed"]


def test_a_denied_call_says_so() -> None:
    denied = saved("messages", asked("denied"))
    result = saved("messages", message_row("m3", "t1", 3, type="user", role="user", content=[RESULT]))
    assert marks(hydrated(), saved("messages", USE), denied, result)[-1][1:] == ("failed", "Bash was denied")


def test_a_lost_connection_is_marked_and_the_first_one_is_not() -> None:
    first = [e.LinkChanged(LinkStatus(phase, epoch=1)) for phase in ("connecting", "live")]
    assert marks(Mirror(), *first) == []
    down = e.LinkChanged(LinkStatus("reconnecting", attempt=1, epoch=1))
    again = e.LinkChanged(LinkStatus("reconnecting", attempt=2, epoch=1))
    up = e.LinkChanged(LinkStatus("live", epoch=2))
    assert [(t, text) for t, _, text in marks(hydrated(), down, again, up) if t] == [
        *((1, "Connection lost"), (3, "Connected again"))
    ]


def test_tasks_from_before_the_log_are_no_events() -> None:
    old = [task_row(f"t{number}", "completed", second=number) for number in range(9)]
    mirror = Mirror().up()
    timeline = TimelineBuilder()
    timeline.add(LATER, mirror.state)
    timeline.add(LATER + 1, mirror.land(old).state)
    assert timeline.marks == []


def test_active_times_are_apart_and_bounded() -> None:
    state = hydrated().state
    timeline = TimelineBuilder()
    for t in (0.0, 1.0, 3.5, 100.0, 101.0):
        timeline.add(t, state)
    assert timeline.spans() == [(0.0, 3.5), (100.0, 101.0)]
    for number in range(5_000):
        timeline.add(200.0 + number * 10, state)
    spans = timeline.spans()
    assert len(spans) == 400
    assert (spans[0][0], spans[-1][1]) == timeline.times
    assert all(a[1] < b[0] for a, b in pairwise(spans))


def test_of_many_marks_those_that_say_most_stay() -> None:
    many = [Mark(float(at), "tool", "") for at in range(5_000)] + [Mark(at * 100.0, "failed", "") for at in range(50)]
    kept = thinned(many, 200)
    assert len(kept) == 200
    assert sum(mark.kind == "failed" for mark in kept) == 50
    tools = [mark.t for mark in kept if mark.kind == "tool"]
    assert max(b - a for a, b in pairwise(tools)) < 100
    assert kept == sorted(kept, key=lambda mark: mark.t)


def test_a_drop_says_how_many() -> None:
    timeline = TimelineBuilder()
    timeline.dropped(3.0, 1)
    timeline.dropped(4.0, 1_234)
    assert [mark.text for mark in timeline.marks] == [
        "1 record missing from the log",
        "1,234 records missing from the log",
    ]

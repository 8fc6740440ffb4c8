"""`tool_calls` pairs each call with its result, with times, and emits it once: live, after a drop, on request."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.core.events import LoadRequested
from agor_reactive.errors import UsageError
from agor_reactive.models.base import instant
from agor_reactive.operators import ToolCall, tool_calls
from tests.core.build import message_row, raw, saved, stamp, task_row
from tests.operators.watched import Watched, emitted, result, use


def started(*, since: float | None = None, hydration: str = "eager") -> Watched[ToolCall]:
    watched = Watched(tool_calls(since), hydration)
    watched.mirror.up().land([task_row("t1")])
    assert watched.show() == []
    return watched


def test_a_call_is_emitted_with_its_input_result_and_times() -> None:
    watched = started()
    asked = saved("messages", use("m1", "t1", 3, ("u1", "Bash", {"command": "ls"}), ("u2", "Read", {})))
    assert watched.feed(asked) == []
    (call,) = watched.feed(saved("messages", result("m2", "t1", 7, "u1", [{"type": "text", "text": "a.py"}])))
    assert (call.task_id, call.id, call.name, call.status) == ("t1", "u1", "Bash", "completed")
    assert (call.input, call.result) == ({"command": "ls"}, ({"type": "text", "text": "a.py"},))
    assert (call.started_at, call.ended_at, call.duration, call.error) == (
        instant(stamp(3)),
        instant(stamp(7)),
        4.0,
        None,
    )
    (call,) = watched.feed(saved("messages", result("m3", "t1", 9, "u2", "no such file", failed=True)))
    assert (call.name, call.status, call.error, call.duration) == ("Read", "failed", "no such file", 6.0)
    assert watched.feed(saved("messages", result("m3", "t1", 9, "u2", "no such file at all"), "patched")) == []


def test_a_call_whose_task_ends_before_its_result_is_interrupted() -> None:
    watched = started()
    watched.feed(
        saved("messages", use("m1", "t1", 3, ("u1", "Bash", {}))),
        raw("tasks tool:start", task_id="t1", tool_use_id="u2", tool_name="Read"),
    )
    ended = task_row("t1", "stopped", completed_at=stamp(10))
    first, second = watched.feed(saved("tasks", ended, "patched"))
    assert (first.name, first.status, first.duration, first.result) == ("Bash", "interrupted", 7.0, None)
    assert (second.name, second.status, second.started_at) == ("Read", "interrupted", None)
    assert first.error == "the task ended (stopped) before there was a result"


@pytest.mark.parametrize("named", [True, False])
def test_a_call_that_was_denied_says_so(named: bool) -> None:
    watched = started()
    asked: dict[str, Any] = {
        "request_id": "r",
        "status": "pending",
        "tool_name": "Bash",
        "tool_input": {"command": "rm"},
    }
    if named:
        asked["tool_use_id"] = "u1"
    row = message_row("m2", "t1", 4, type="permission_request", role="system", content=asked)
    uses = (("u1", "Bash", {"command": "rm"}), ("u2", "Bash", {"command": "rm"}))
    watched.feed(saved("messages", use("m1", "t1", 3, *uses)), saved("messages", row))
    watched.feed(saved("messages", {**row, "content": {**asked, "status": "denied"}}, "patched"))
    (denied,) = watched.feed(saved("messages", result("m3", "t1", 5, "u1", "not allowed", failed=True)))
    (failed,) = watched.feed(saved("messages", result("m4", "t1", 6, "u2", "broken", failed=True)))
    assert [(call.id, call.status, call.error) for call in (denied, failed)] == [
        ("u1", "denied", "not allowed"),
        ("u2", "failed", "broken"),
    ]


def test_calls_that_finish_while_the_link_is_down_come_after_the_sync_and_history_does_not() -> None:
    watched = Watched(tool_calls())
    old = [use("m0", "t0", 1, ("u0", "Bash", {})), result("n0", "t0", 2, "u0", "x")]
    begun = [
        use("m1", "t1", 3, ("u1", "Bash", {})),
        result("n1", "t1", 4, "u1", "x"),
        use("m2", "t1", 5, ("u2", "Read", {})),
    ]
    rows = [task_row("t0", "completed"), task_row("t1", second=10)]
    watched.mirror.up().land(rows, messages={"t0": old, "t1": begun})
    assert watched.show() == []
    watched.mirror.down()
    assert watched.show() == []
    fresh = [use("m4", "t2", 8, ("u3", "Bash", {})), result("m5", "t2", 9, "u3", "z")]
    rows = [rows[0], task_row("t1", "completed", second=10), task_row("t2", "completed", second=20)]
    messages = {"t0": old, "t1": [*begun, result("m3", "t1", 6, "u2", "y")], "t2": fresh}
    watched.mirror.up(epoch=2)
    assert watched.show() == []
    watched.mirror.land(rows, messages=messages)
    assert [(call.task_id, call.id) for call in watched.show()] == [("t1", "u2"), ("t2", "u3")]
    watched.mirror.down().up(epoch=3).land(rows, messages=messages)
    assert watched.show() == []


def test_history_is_emitted_from_a_time_on_request() -> None:
    messages = [use("m1", "t1", 1, ("u1", "A", {}), ("u2", "B", {}), ("u3", "C", {}))]
    messages += [result(f"r{n}", "t1", 10 * n, f"u{n}", "x") for n in (1, 2)]
    rows = [task_row("t1", "completed", completed_at=stamp(30))]
    for since, wanted in ((0, ["u1", "u2", "u3"]), (15, ["u2", "u3"]), (25, ["u3"]), (31, [])):
        watched = Watched(tool_calls(since=instant(stamp(since))))
        watched.mirror.up().land(rows, messages={"t1": messages})
        assert [call.id for call in watched.show()] == wanted


def test_the_same_id_in_two_tasks_is_two_calls() -> None:
    watched = started()
    watched.feed(saved("tasks", task_row("t2", second=5)))
    for task_id in ("t1", "t2"):
        row = use(f"m{task_id}", task_id, 1, ("u1", "Bash", {}))
        row["content"].append({"type": "tool_result", "tool_use_id": "u1", "content": task_id})
        (call,) = watched.feed(saved("messages", row))
        assert (call.task_id, call.result) == (task_id, task_id)


def test_of_a_task_that_is_not_loaded_only_the_name_is_known() -> None:
    watched = started(hydration="none")
    watched.feed(raw("tasks tool:start", task_id="t1", tool_use_id="u1", tool_name="Bash"))
    (call,) = watched.feed(saved("messages", result("m1", "t1", 3, "u1", "x")))
    assert (call.name, call.status, call.result, call.duration) == ("Bash", "unknown", None, None)


def test_a_call_that_finishes_while_the_messages_of_its_task_are_read_waits_for_them() -> None:
    watched = started(hydration="none")
    asked, answered = use("m1", "t1", 1, ("u1", "Bash", {"command": "ls"})), result("m2", "t1", 3, "u1", "a.py")
    watched.feed(saved("messages", asked), LoadRequested("t1"))
    assert watched.feed(saved("messages", answered)) == []
    watched.mirror.answer("messages", "t1", messages=[asked, answered])
    (call,) = watched.show()
    assert (call.status, call.input, call.result, call.duration) == ("completed", {"command": "ls"}, "a.py", 2.0)


def test_events_of_several_sessions_are_paired() -> None:
    calls = emitted(
        tool_calls(),
        raw("tasks tool:start", task_id="t1", tool_use_id="u1", tool_name="Bash"),
        saved("messages", use("m1", "t1", 1, ("u1", "Bash", {"command": "ls"}), ("u2", "Read", {}))),
        saved("messages", {**use("m2", "t9", 1, ("u1", "Grep", {})), "session_id": "other"}),
        saved("messages", result("m3", "t1", 2, "u1", "x")),
        saved("messages", result("m3", "t1", 2, "u1", "x"), "patched"),
        saved("messages", {**result("m4", "t9", 4, "u1", "y", failed=True), "session_id": "other"}),
        saved("tasks", task_row("t1", "completed", completed_at=stamp(9)), "patched"),
        saved("tasks", task_row("t1", "completed", completed_at=stamp(9)), "patched"),
        saved("messages", result("m3", "t1", 2, "u1", "x"), "patched"),
    )
    assert [(call.session_id[:5], call.id, call.name, call.status) for call in calls] == [
        ("01a20", "u1", "Bash", "completed"),
        ("other", "u1", "Grep", "failed"),
        ("01a20", "u2", "Read", "interrupted"),
    ]


def test_another_item_ends_the_stream_with_an_error_that_names_the_operator() -> None:
    watched = started()
    watched.source.on_next("text")
    (error,) = watched.errors
    assert isinstance(error, UsageError)
    assert str(error) == "tool_calls takes snapshots or events, not a str"

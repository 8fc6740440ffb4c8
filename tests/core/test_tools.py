"""L9: a tool starts once and executes until its result is in a message or its task has ended; a mirror that watched
and a fresh reading say the same."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.core import events as e
from agor_reactive.core.tools import Tool
from agor_reactive.models import RawEvent
from tests.core.build import Mirror, chunk, hydrated, message_row, raw, saved, session_row, task_row


def tool(kind: str, use: str, task_id: str = "t1") -> RawEvent:
    named = {"tool_name": "Bash"} if kind == "start" else {}
    return raw(f"tasks tool:{kind}", task_id=task_id, tool_use_id=use, **named)


def used(use: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": use, "name": "Bash", "input": {"command": "ls"}}


def result(use: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": use, "content": "README.md", **more}


def tools(mirror: Mirror, task_id: str = "t1") -> list[tuple[str, str]]:
    return [(each.tool_use_id, each.status) for each in mirror.state.get_task_tools(task_id)]


def test_a66_start_once_a_result_completes_and_a_resync_keeps_what_is_saved() -> None:
    mirror = hydrated()
    call, done = message_row("a", "t1", 0, content=[used("1")]), message_row("b", "t1", 1, content=[result("1")])
    mirror.feed(tool("start", "1"), saved("messages", call), tool("complete", "1"), tool("complete", "1"))
    assert tools(mirror) == [("1", "executing")], "the call was written; the tool runs"
    mirror.feed(saved("messages", done), tool("start", "2"), tool("start", "2"))
    assert tools(mirror) == [("1", "complete"), ("2", "executing")]
    mirror.feed(saved("messages", done), saved("messages", call), saved("messages", call))
    assert mirror.message_ids("t1") == ["a", "b"]
    rows = [call, done, message_row("c", "t1", 2, content=[used("2"), used("3")])]
    mirror.feed(tool("start", "3"), tool("complete", "2"), e.ResyncRequested())
    mirror.land([task_row("t1")], messages={"t1": rows})
    assert tools(mirror) == [("1", "complete"), ("2", "executing"), ("3", "executing")]


@pytest.mark.parametrize("apart", [False, True], ids=["in one message", "in two messages"])
def test_what_events_said_of_a_tool_is_dropped_with_its_saved_result(apart: bool) -> None:
    mirror = hydrated()
    contents = [[used("1")], [result("1")]] if apart else [[used("1"), result("1")]]
    mirror.feed(tool("start", "1"))
    mirror.feed(*(saved("messages", message_row(f"m{at}", "t1", at, content=c)) for at, c in enumerate(contents)))
    assert tools(mirror) == [("1", "complete")]
    mirror.feed(e.UnloadRequested("t1"))
    assert tools(mirror) == []


def test_a_start_that_is_repeated_while_all_is_read_again_is_no_news() -> None:
    mirror = hydrated()
    before = mirror.feed(e.ResyncRequested(), tool("start", "1"))
    assert mirror.feed(tool("start", "1")) is before


@pytest.mark.parametrize("start", [False, True])
def test_a_completion_of_a_tool_is_no_proof_of_anything(start: bool) -> None:
    mirror = hydrated()
    if start:
        mirror.feed(tool("start", "1"))
    before = mirror.state
    assert mirror.feed(tool("complete", "1"), tool("complete", "1", "t9")) is before


@pytest.mark.parametrize("kept", [False, True])
def test_a_tool_that_only_live_events_told_of_is_gone_after_a_resync_without_it(kept: bool) -> None:
    mirror = hydrated() if kept else hydrated("none")
    mirror.feed(tool("start", "1"), tool("complete", "1"), saved("tasks", task_row("t1", "stopped"), "patched"))
    assert tools(mirror) == [("1", "complete")]
    mirror.feed(e.ResyncRequested()).dump()
    mirror.land([task_row("t1", "stopped")])
    assert tools(mirror) == []
    assert not mirror.state.live_tools


def test_a_tool_told_of_since_the_resync_began_stays_and_so_does_one_whose_messages_could_not_be_read() -> None:
    mirror = hydrated()
    mirror.feed(tool("start", "1"), tool("start", "2"), e.ResyncRequested(), tool("start", "2"))
    mirror.land([task_row("t1")])
    assert tools(mirror) == [("2", "executing")]
    mirror.feed(e.ResyncRequested())
    mirror.answer("session", session=session_row(["t1"]))
    mirror.answer("tasks", tasks=[task_row("t1")])
    mirror.answer("queue")
    mirror.fail("messages", task_id="t1")
    assert tools(mirror) == [("2", "executing")]
    mirror.feed(e.ResyncRequested())
    mirror.land([task_row("t1")])
    assert tools(mirror) == []


@pytest.mark.parametrize("status", ["pending", "approved", "denied", "timed_out"])
def test_a_tool_says_whether_permission_for_it_was_denied(status: str) -> None:
    asked = {"request_id": "r1", "status": status, "tool_name": "Bash", "tool_use_id": "1", "task_id": "t1"}
    refused = result("1", is_error=True, content="Permission denied")
    mirror = hydrated()
    mirror.feed(
        saved("messages", message_row("m1", "t1", 1, content=[used("1"), used("2")])),
        saved("messages", message_row("m2", "t1", 2, type="permission_request", role="system", content=asked)),
    )
    assert [each.denied for each in mirror.state.get_task_tools("t1")] == [status == "denied", False]
    mirror.feed(saved("messages", message_row("m3", "t1", 3, role="user", content=[refused])))
    first, _ = mirror.state.get_task_tools("t1")
    assert (first.status, first.failed, first.denied) == ("complete", True, status == "denied")


def test_a_denial_that_names_no_use_is_of_the_same_tool_and_input_that_did_not_succeed() -> None:
    """Claude's requests name none."""

    def use(number: str, command: str) -> dict[str, Any]:
        return {"type": "tool_use", "id": number, "name": "Bash", "input": {"command": command}}

    def asked(number: int, command: str) -> Any:
        content = {
            "request_id": f"r{number}",
            "status": "denied",
            "tool_name": "Bash",
            "tool_input": {"command": command},
        }
        row = message_row(f"q{number}", "t1", number, type="permission_request", role="system", content=content)
        return saved("messages", row)

    mirror = hydrated()
    calls = [use("1", "ls"), use("2", "rm"), use("3", "ls"), use("4", "ls")]
    answers = [result("1", content="a"), result("3", is_error=True, content="no"), result("2", content="done")]
    mirror.feed(
        saved("messages", message_row("m1", "t1", 1, content=calls)),
        saved("messages", message_row("m2", "t1", 2, role="user", content=answers)),
        asked(3, "ls"),
        asked(4, "other"),
    )
    assert [each.denied for each in mirror.state.get_task_tools("t1")] == [False, False, True, False]
    mirror.feed(asked(5, "ls"), asked(6, "ls"))
    assert [each.denied for each in mirror.state.get_task_tools("t1")] == [False, False, True, True]


@pytest.mark.parametrize("status", ["completed", "failed", "stopped", "timed_out"])
def test_no_tool_executes_after_its_task_has_ended(status: str) -> None:
    mirror = hydrated()
    mirror.feed(tool("start", "1"), saved("messages", message_row("m1", "t1", content=[used("2")])))
    assert tools(mirror) == [("2", "executing"), ("1", "executing")]
    mirror.feed(saved("tasks", task_row("t1", status), "patched"))
    assert [status for _, status in tools(mirror)] == ["complete", "complete"]


def test_no_tool_executes_after_its_result_is_saved() -> None:
    mirror = hydrated()
    mirror.feed(tool("start", "1"), saved("messages", message_row("m1", "t1", 1, content=[used("1")])))
    assert tools(mirror) == [("1", "executing")]
    failed = result("1", is_error=True)
    mirror.feed(saved("messages", message_row("m2", "t1", 2, role="user", content=[failed])))
    (found,) = mirror.state.get_task_tools("t1")
    assert found == Tool("1", "Bash", "t1", "complete", {"command": "ls"}, "README.md", True, "m1")


def test_one_who_comes_late_sees_the_same_tools_as_one_who_watched() -> None:
    rows = [
        message_row("m1", "t1", 1, content=[used("1"), {"type": "text", "text": "and"}, used("2")]),
        message_row("m2", "t1", 2, role="user", content=[result("2")]),
        message_row("m3", "t1", 3, content="plain", tool_uses=[{"id": "3", "name": "Read", "input": {}}]),
    ]
    watched = hydrated()
    watched.feed(tool("start", "1"), tool("start", "2"), tool("complete", "2"), tool("start", "3"))
    watched.feed(*[saved("messages", row) for row in rows])
    late = hydrated(messages={"t1": rows})
    assert watched.state.get_task_tools("t1") == late.state.get_task_tools("t1")
    assert tools(late) == [("1", "executing"), ("2", "complete"), ("3", "executing")]


def test_a_task_that_is_not_loaded_has_the_tools_its_passing_messages_tell_of() -> None:
    mirror = hydrated("none")
    mirror.feed(saved("messages", message_row("m1", "t1", content=[used("1")])))
    assert tools(mirror) == [("1", "executing")]
    mirror.feed(saved("messages", message_row("m2", "t1", content=[result("1")])))
    assert tools(mirror) == [("1", "complete")]
    assert mirror.message_ids("t1") == []


def test_a_tool_goes_with_the_message_that_told_of_it() -> None:
    row = message_row("m1", "t1", content=[used("1")])
    mirror = hydrated()
    mirror.feed(tool("start", "1"), saved("messages", row))
    mirror.feed(saved("messages", row, "removed"))
    assert tools(mirror) == []
    mirror.feed(tool("start", "2"), saved("messages", message_row("m2", "t1", content=[used("2")])))
    mirror.feed(saved("messages", message_row("m2", "t1", content="edited"), "patched"))
    assert tools(mirror) == []


def test_an_unchanged_tasks_tools_are_the_same_object_from_snapshot_to_snapshot() -> None:
    tasks = [task_row("t1"), task_row("t2", second=1)]
    mirror = hydrated("eager", tasks=tasks, messages={"t1": [message_row("m1", "t1", content=[used("1")])]})
    mirror.feed(tool("start", "9", "t2"))
    before = mirror.state
    mirror.feed(saved("messages", message_row("m2", "t2")), saved("sessions", session_row(["t2", "t1"]), "patched"))
    after = mirror.state
    for task_id in ("t1", "t2"):
        if task_id == "t1":
            assert after.tools_by_task[task_id] is before.tools_by_task[task_id]
        assert after.tools_by_task[task_id] == before.tools_by_task[task_id]
    assert set(after.tools_by_task) == {"t1", "t2"}
    with pytest.raises(KeyError):
        after.tools_by_task["t9"]


def test_misshapen_blocks_tell_of_no_tool() -> None:
    content = ["text", None, 5, {"type": "tool_use"}, {"type": "tool_use", "id": 7}, {"type": "tool_result"}]
    mirror = hydrated(messages={"t1": [message_row("m1", "t1", content=content, tool_uses=[None, {"id": ""}])]})
    assert tools(mirror) == []


def test_a_tool_of_a_task_that_came_and_went_while_nobody_listened_is_gone_once_all_tasks_are_read() -> None:
    mirror = Mirror().up()
    mirror.feed(raw("tasks tool:start", task_id="t9", tool_use_id="u9", tool_name="Bash"))
    assert mirror.state.tools_by_task["t9"][0].status == "executing"
    mirror.down()
    mirror.up(2).land([task_row("t1")])
    assert "t9" not in mirror.state.tools_by_task


def test_a_message_of_a_task_that_is_not_there_tells_of_no_tool_once_all_tasks_are_known() -> None:
    orphan = message_row("m9", "t9", content=[{"type": "tool_use", "id": "u9", "name": "Bash"}])
    mirror = hydrated(tasks=[task_row("t1")])
    before = mirror.state.tools_by_task
    mirror.feed(saved("messages", orphan, "patched"))
    assert dict(mirror.state.tools_by_task) == dict(before) == {}
    mirror.feed(e.ResyncRequested())
    mirror.feed(saved("messages", orphan, "patched"))
    assert "t9" in mirror.state.tools_by_task, "while tasks are read it may be a new one's"


def test_tools_are_the_same_object_until_tasks_messages_or_tools_change() -> None:
    mirror = hydrated()
    before = mirror.feed(saved("messages", message_row("m1", "t1", content=[used("u1")]))).tools_by_task
    mirror.feed(chunk("m2", "text", 0, task_id="t1"), saved("sessions", session_row(["t1"], status="running")))
    assert mirror.state.tools_by_task is before
    mirror.feed(saved("messages", message_row("m3", "t1", 2)))
    assert mirror.state.tools_by_task is not before

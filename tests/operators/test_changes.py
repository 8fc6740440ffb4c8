"""`status_changes`, `queue_changes`, `permission_requests`, `for_session` and `for_tool`."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex
from reactivex import operators as ops

from agor_reactive.errors import UsageError
from agor_reactive.models import RawEvent
from agor_reactive.operators import (
    QueueChange,
    StatusChange,
    completed_turns,
    for_session,
    for_tool,
    permission_requests,
    queue_changes,
    status_changes,
    tool_calls,
)
from tests.core.build import SID, message_row, saved, session_row, stamp, task_row
from tests.operators.watched import Watched, emitted, result, use


def changed(changes: list[StatusChange]) -> list[tuple[str | None, str | None, str]]:
    return [(change.task_id, change.old, change.new) for change in changes]


def test_statuses_of_session_and_tasks_change_over_a_drop_too() -> None:
    watched = Watched(status_changes())
    watched.mirror.up().land([task_row("t0", "completed"), task_row("t1", second=10)])
    assert watched.show() == []
    assert changed(watched.feed(saved("sessions", session_row(["t1"], status="running"), "patched"))) == [
        (None, "idle", "running")
    ]
    assert changed(watched.feed(saved("tasks", task_row("t2", "queued", second=20)))) == [("t2", None, "queued")]
    assert watched.feed(saved("tasks", task_row("t2", "queued", second=20, model="x"), "patched")) == []
    watched.mirror.down()
    assert watched.show() == []
    rows = [task_row("t0", "completed"), task_row("t1", "failed", second=10), task_row("t2", "running", second=20)]
    watched.mirror.up(epoch=2).land(rows)
    changes = watched.show()
    assert changed(changes) == [("t1", "running", "failed"), ("t2", "queued", "running"), (None, "running", "idle")]
    assert [change.ended for change in changes] == [True, False, False]


def test_statuses_of_events_are_those_of_all_sessions() -> None:
    changes = emitted(
        status_changes(),
        saved("sessions", session_row(), "patched"),
        saved("sessions", session_row(title="x"), "patched"),
        saved("sessions", session_row(status="running"), "patched"),
        saved("sessions", {"session_id": "new", "status": "idle"}),
        saved("tasks", task_row("t1"), "patched"),
        saved("tasks", task_row("t1", "completed"), "patched"),
        saved("tasks", {**task_row("t1", "completed"), "status": ["odd"]}, "patched"),
        RawEvent("created", None),
    )
    assert changed(changes) == [
        (None, "idle", "running"),
        (None, None, "idle"),
        ("t1", None, "running"),
        ("t1", "running", "completed"),
    ]


def ids(change: QueueChange) -> tuple[list[str], list[str], list[str]]:
    parts = (change.tasks, change.added, change.removed)
    now, added, removed = ([task.task_id for task in part] for part in parts)
    return now, added, removed


def test_the_queue_changes_when_a_prompt_joins_or_leaves_it() -> None:
    watched = Watched(queue_changes())
    one, two = (task_row(f"q{n}", "queued", second=n, queue_position=n) for n in (1, 2))
    watched.mirror.up().land([task_row("t1"), one])
    assert watched.show() == []
    watched.mirror.feed(saved("tasks", two))
    watched.mirror.answer("queue", tasks=[one, two])
    (change,) = watched.show()
    assert ids(change) == (["q1", "q2"], ["q2"], [])
    watched.mirror.down()
    assert watched.show() == []
    watched.mirror.up(epoch=2).land([task_row("t1"), task_row("q1", second=1), two])
    (change,) = watched.show()
    assert ids(change) == (["q2"], [], ["q1"])
    changes = emitted(
        queue_changes(),
        saved("tasks", one, "queued"),
        saved("tasks", two, "queued"),
        saved("tasks", task_row("q1", "running"), "patched"),
        saved("tasks", two, "removed"),
    )
    assert [ids(change)[0] for change in changes] == [["q1"], ["q1", "q2"], ["q2"], []]


def asking(status: str = "pending", session_id: str = SID) -> dict[str, Any]:
    content = {"request_id": f"r-{session_id}", "status": status, "tool_name": "Bash", "tool_input": {"command": "ls"}}
    row = message_row(f"p-{session_id}", "t1", 5, type="permission_request", role="system", content=content)
    return {**row, "session_id": session_id}


async def test_each_permission_request_is_emitted_once_and_cannot_be_answered_from_there() -> None:
    watched = Watched(permission_requests())
    watched.mirror.up().land([task_row("t1", "awaiting_permission")], messages={"t1": [asking()]})
    (request,) = watched.show()
    assert (request.request_id, request.tool_name, request.tool_input) == (f"r-{SID}", "Bash", {"command": "ls"})
    watched.mirror.down().up(epoch=2).land([task_row("t1", "awaiting_permission")], messages={"t1": [asking()]})
    assert watched.show() == []
    assert watched.feed(saved("messages", asking("approved"), "patched")) == []
    with pytest.raises(UsageError, match="cannot be answered"):
        await request.approve()
    events = (saved("messages", asking(session_id=name)) for name in ("a", "b", "a"))
    assert [one.session_id for one in emitted(permission_requests(), *events)] == ["a", "b"]


def test_items_of_one_session_are_passed_on() -> None:
    events = [saved("tasks", {**task_row("t1"), "session_id": name}) for name in ("aaaa-1", "bbbb-2")]
    events.append(RawEvent("sessions permission:request", {"sessionId": "aaaa-1", "requestId": "r"}))
    events.append(RawEvent("created", None))
    for wanted in ("aaaa-1", "AAAA"):
        assert emitted(for_session(wanted), *events) == [events[0], events[2]]
    with pytest.raises(UsageError):
        for_session(" ")


def test_items_of_some_tools_are_passed_on() -> None:
    rows = [
        use("m1", "t1", 1, ("u1", "Bash", {}), ("u2", "mcp__x__y", {})),
        *(result(f"r{n}", "t1", n, f"u{n}", "") for n in (1, 2)),
    ]
    events = [saved("messages", row) for row in rows]
    for names, wanted in (
        (("Bash",), ["u1"]),
        (("mcp__*",), ["u2"]),
        (("Bash", "mcp*"), ["u1", "u2"]),
        (("bash",), []),
    ):
        found: list[Any] = []
        reactivex.from_iterable(events).pipe(tool_calls(), for_tool(*names)).subscribe(found.append)
        assert [call.id for call in found] == wanted
    request = saved("messages", asking())
    assert emitted(for_tool("Bash"), request, events[0]) == [request]
    with pytest.raises(UsageError):
        for_tool()


def test_turns_of_events_have_the_messages_that_were_received() -> None:
    turns = emitted(
        completed_turns(),
        saved("messages", message_row("m2", "t1", 2)),
        saved("messages", message_row("m1", "t1", 1)),
        saved("messages", message_row("m1", "t1", 1, content="new"), "patched"),
        saved("messages", message_row("m3", "t1", 3), "removed"),
        saved("tasks", task_row("t1", "completed", completed_at=stamp(3)), "patched"),
        saved("tasks", task_row("t1", "completed", completed_at=stamp(3), model="x"), "patched"),
        saved("messages", message_row("m4", "t1", 4)),
    )
    assert [(turn.id, turn.text) for turn in turns] == [("t1", "new\n\ncontent of m2")]


def test_pairs_of_a_log_are_taken_as_snapshots() -> None:
    watched = Watched(ops.compose(ops.map(lambda state: (1.0, state)), completed_turns()))
    watched.mirror.up().land([task_row("t1")])
    watched.show()
    (turn,) = watched.feed(saved("tasks", task_row("t1", "completed"), "patched"))
    assert turn.id == "t1"

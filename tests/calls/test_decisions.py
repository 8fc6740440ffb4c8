"""A permission decision counts once the request's row says so, on daemons that only hand it on, and on all others."""

from __future__ import annotations

from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.calls.effects import Call
from agor_reactive.calls.settling import DELIVERIES
from agor_reactive.errors import (
    BadRequest,
    ConnectionLost,
    DecisionPending,
    NotFound,
    OutcomeUnknown,
    UsageError,
)
from agor_reactive.transport.scripted import ScriptedLink
from tests.calls.strict_daemon import SID, TID, StrictDaemon


@pytest.mark.parametrize("task_in", ["message", "content"])
@pytest.mark.parametrize("allow", [True, False])
def test_a_decision_names_the_task_of_its_request(allow: bool, task_in: str) -> None:
    daemon = StrictDaemon(task_in=task_in)
    taken = daemon.sessions.permission_decision(SID, "r1", allow)
    assert daemon.sent("permission-decision") == [{"requestId": "r1", "taskId": TID, "allow": allow, "remember": False}]
    assert (taken.success, taken.status) == (True, "approved" if allow else "denied")
    assert daemon.slept == []


def test_a_decision_reaches_further_with_remember_only() -> None:
    daemon = StrictDaemon()
    taken = daemon.sessions.permission_decision(SID, "r1", True, remember=True, scope="project", decided_by="u1")
    assert taken.success
    (body,) = daemon.decided
    assert (body["remember"], body["scope"], body["decidedBy"]) == (True, "project", "u1")
    for options in ({"remember": True}, {"remember": True, "scope": "once"}, {"scope": "user"}):
        with pytest.raises(UsageError, match="scope"):
            daemon.sessions.permission_decision(SID, "r1", True, **options)
    assert daemon.sessions.permission_decision(SID, "r1", True, scope="once").already_resolved


def test_a_decision_is_settled_by_the_row_and_not_by_the_delivery() -> None:
    daemon = StrictDaemon(settles_after=0.5)
    taken = daemon.sessions.permission_decision(SID, "r1", True)
    assert (taken.success, taken.status) == (True, "approved")
    assert len(daemon.decided) == 1
    assert daemon.now >= 0.5


def test_a_lost_decision_is_sent_again_ever_more_seldom() -> None:
    daemon = StrictDaemon(lost=2)
    assert daemon.sessions.permission_decision(SID, "r1", False).status == "denied"
    assert len(daemon.decided) == 3
    assert daemon.now >= DELIVERIES[0] + DELIVERIES[1]


def test_a_decision_that_is_always_lost_ends_in_a_clear_error() -> None:
    daemon = StrictDaemon(lost=100)
    with pytest.raises(DecisionPending, match=r"r1.*still pending"):
        daemon.sessions.permission_decision(SID, "r1", True)
    assert len(daemon.decided) == len(DELIVERIES)
    assert daemon.now == pytest.approx(sum(DELIVERIES))


def test_without_waiting_a_decision_is_sent_once() -> None:
    daemon = StrictDaemon(lost=100)
    taken = daemon.sessions.permission_decision(SID, "r1", True, task_id=TID, wait=False)
    assert (taken.success, taken.status) == (True, None)
    assert [path for _, path, _ in daemon.calls] == [f"sessions/{SID}/permission-decision"]


@pytest.mark.parametrize("status", ["approved", "denied", "timed_out"])
def test_a_request_that_was_settled_before_stays_as_it_was(status: str) -> None:
    taken = StrictDaemon(asked=status).sessions.permission_decision(SID, "r1", True)
    assert (taken.success, taken.already_resolved, taken.status) == (False, True, status)


@pytest.mark.parametrize("gone", [False, True])
def test_a_second_delivery_of_what_the_first_settled_is_ours_too(gone: bool) -> None:
    daemon = StrictDaemon()

    def unreadable(call: Call) -> None:
        if call.method == "get" and len(daemon.sent("permission-decision")) < 2:
            raise ConnectionLost("the connection was lost")
        if gone and call.method == "create" and len(daemon.sent("permission-decision")) > 1:
            raise NotFound("Permission request not found", name="NotFound", code=404)

    daemon.before_each = unreadable
    taken = daemon.sessions.permission_decision(SID, "r1", True)
    assert (taken.success, taken.already_resolved, taken.status) == (True, None, "approved")
    assert len(daemon.sent("permission-decision")) == 2


def test_a_request_that_is_gone_before_the_second_delivery_is_not_found() -> None:
    daemon = StrictDaemon(lost=1)

    def gone(call: Call) -> None:
        if call.method == "create" and len(daemon.sent("permission-decision")) > 1:
            raise NotFound("Permission request not found", name="NotFound", code=404)

    daemon.before_each = gone
    with pytest.raises(NotFound):
        daemon.sessions.permission_decision(SID, "r1", True)


def test_somebody_elses_decision_between_delivery_and_row_is_told() -> None:
    daemon = StrictDaemon(lost=1)

    def meanwhile(call: Call) -> None:
        if daemon.now > 0.3:
            daemon.asked = "denied"

    daemon.before_each = meanwhile
    taken = daemon.sessions.permission_decision(SID, "r1", True)
    assert (taken.success, taken.already_resolved, taken.status) == (False, True, "denied")


def test_an_unknown_request_is_not_found() -> None:
    daemon = StrictDaemon()
    with pytest.raises(NotFound, match="r9"):
        daemon.sessions.permission_decision(SID, "r9", True)
    with pytest.raises(NotFound):
        daemon.sessions.permission_decision(SID, "r9", True, task_id=TID)
    assert daemon.slept == []


def test_a_bad_request_of_another_kind_stays_one() -> None:
    daemon = StrictDaemon()

    def refuse(call: Call) -> None:
        if call.method == "create":
            raise BadRequest("validation failed", name="BadRequest", code=400)

    daemon.before_each = refuse
    with pytest.raises(BadRequest, match="validation"):
        daemon.sessions.permission_decision(SID, "r1", True)


def test_an_answer_lost_on_the_way_is_made_up_for_by_the_row() -> None:
    daemon = StrictDaemon()
    original = daemon.call
    failed: list[str] = []

    def flaky(call: Call, timeout: float | None) -> Any:
        answer = original(call, timeout)
        kind = OutcomeUnknown if call.method == "create" else ConnectionLost
        if call.method in ("create", "get") and failed.count(call.method) < 1:
            failed.append(call.method)
            raise kind("the connection was lost")
        return answer

    daemon.call = flaky  # type: ignore[method-assign]
    assert daemon.sessions.permission_decision(SID, "r1", True).status == "approved"
    assert failed == ["create", "get"]


async def test_a_request_in_the_row_of_a_task_is_decided_on_an_older_daemon() -> None:
    link, bodies = ScriptedLink(), []
    row = {"task_id": TID, "session_id": SID, "status": "awaiting_permission"}
    asked = {"permission_request": {"request_id": "r1", "tool_name": "Bash"}}

    def decided(args: tuple[Any, ...]) -> Any:
        bodies.append(args[0])
        asked.clear()
        return {"success": True}

    link.on_call("find", "messages", lambda args: {"total": 0, "data": []})
    link.on_call("find", "tasks", lambda args: {"total": 1, "data": [{**row, **asked}]})
    link.on_call("get", "tasks", lambda args: {**row, **asked})
    link.on_call("create", "sessions/:id/permission-decision", decided)
    async with agor.create_client(link=link) as client:
        taken = await client.sessions.permission_decision(SID, "r1", True, decided_by="u1")
    assert (taken.success, taken.status) == (True, "approved")
    assert bodies == [{"requestId": "r1", "taskId": TID, "allow": True, "remember": False, "decidedBy": "u1"}]

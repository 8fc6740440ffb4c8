"""A stop is done when its task has ended, not when the daemon answers."""

from __future__ import annotations

from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.calls.effects import Call
from agor_reactive.calls.settling import STOP_WAIT
from agor_reactive.errors import ConnectionLost, NotFound, UsageError
from agor_reactive.models import StopAnswer
from agor_reactive.transport.scripted import ScriptedLink
from tests.calls.strict_daemon import SID, TID, StrictDaemon


def test_a_stop_that_is_done_at_once_says_what_it_stopped() -> None:
    daemon = StrictDaemon()
    answer = daemon.sessions.stop(SID, "enough")
    assert (answer.success, answer.pending, answer.stopped_task_id, answer.queued_tasks_preserved) == (
        True,
        False,
        TID,
        2,
    )
    assert daemon.sent("stop") == [{"reason": "enough"}]
    assert daemon.slept == []


def test_a_pending_stop_waits_for_the_end_of_the_task_and_says_so_meanwhile() -> None:
    daemon = StrictDaemon(stops_after=3.0)
    received: list[StopAnswer] = []
    answer = daemon.sessions.stop(SID, on_pending=received.append)
    assert [(one.success, one.pending, one.pending_code, one.stopped_task_id) for one in received] == [
        (False, True, "EXECUTOR_STOPPING", TID)
    ]
    assert (answer.success, answer.pending, answer.outcome, answer.status) == (True, False, "stopped", None)
    assert 3.0 <= daemon.now < 5.1


@pytest.mark.parametrize(("wait", "seconds"), [(True, STOP_WAIT), (4.5, 4.5), (False, 0.0), (0, 0.0)])
def test_a_stop_that_does_not_end_in_time_says_that_it_is_still_stopping(wait: float, seconds: float) -> None:
    daemon = StrictDaemon(stops_after=None)
    answer = daemon.sessions.stop(SID, wait=wait)
    assert (answer.success, answer.pending, answer.status) == (False, True, "stopping")
    assert repr(answer) == (
        "StopAnswer(success=False, outcome='pending', status='stopping', reason='the executor is ending')"
    )
    assert daemon.now == pytest.approx(seconds)
    assert len(daemon.sent("stop")) == 1


def test_a_pending_stop_can_be_waited_for_without_an_end() -> None:
    daemon = StrictDaemon(stops_after=1_000.0)
    assert daemon.sessions.stop(SID, wait=None).success
    assert daemon.now >= 1_000.0


@pytest.mark.parametrize("wait", [-1, float("nan"), "long"])
def test_a_wait_that_is_no_time_is_refused_before_anything_is_sent(wait: Any) -> None:
    daemon = StrictDaemon()
    with pytest.raises(UsageError, match="wait"):
        daemon.sessions.stop(SID, wait=wait)
    assert daemon.calls == []


def test_a_daemon_that_is_away_while_a_stop_is_pending_is_waited_for() -> None:
    daemon = StrictDaemon(stops_after=2.0)

    def away(call: Call) -> None:
        if call.method == "get" and daemon.now < 4.0:
            raise ConnectionLost("the connection was lost")

    daemon.before_each = away
    assert daemon.sessions.stop(SID).outcome == "stopped"
    assert daemon.now >= 4.0


def test_a_task_that_is_removed_while_it_stops_has_ended() -> None:
    daemon = StrictDaemon(stops_after=None)

    def gone(call: Call) -> None:
        if call.method == "get":
            raise NotFound(f"Task not found: {TID}", code="NOT_FOUND")

    daemon.before_each = gone
    answer = daemon.sessions.stop(SID)
    assert (answer.success, answer.outcome) == (True, "removed")


def test_an_idle_session_is_stopped_already() -> None:
    answer = StrictDaemon(task="completed").sessions.stop(SID)
    assert (answer.success, answer.reason) == (True, "Session is already idle")


@pytest.mark.parametrize("given", [TID, TID[:30]])
def test_an_expected_task_is_named_by_its_full_id(given: str) -> None:
    daemon = StrictDaemon()
    assert daemon.sessions.stop(SID, expected_task_id=given).success
    assert daemon.sent("stop") == [{"expected_task_id": TID}]


@pytest.mark.parametrize("status", ["completed", "queued", "created"])
def test_an_expected_task_that_is_not_at_work_stops_nothing(status: str) -> None:
    daemon = StrictDaemon(task=status)
    answer = daemon.sessions.stop(SID, expected_task_id=TID)
    assert (answer.success, answer.condition_changed, answer.pending) == (False, True, False)
    assert status in (answer.reason or "")
    assert daemon.sent("stop") == []


def test_an_expected_task_of_another_session_is_a_mistake() -> None:
    other = "01970a3f-91c2-7b1e-8d55-ffffffffffff"
    with pytest.raises(UsageError, match="another session"):
        StrictDaemon().sessions.stop(other, expected_task_id=TID)


def test_the_daemons_own_change_of_condition_is_told() -> None:
    daemon = StrictDaemon()
    body = {"success": False, "outcome": "condition_changed", "reason": "another task runs"}
    original = daemon.call
    daemon.call = lambda call, timeout: body if call.method == "create" else original(call, timeout)  # type: ignore[method-assign]
    answer = daemon.sessions.stop(SID, expected_task_id=TID)
    assert (answer.condition_changed, answer.reason) == (True, "another task runs")
    assert daemon.slept == []


async def test_a_pending_stop_without_a_task_waits_for_the_session() -> None:
    link = ScriptedLink()
    statuses = iter(["stopping", "idle"])
    link.on_call("create", "sessions/:id/stop", lambda args: {"success": False, "outcome": "pending"})
    link.on_call("get", "sessions", lambda args: {"session_id": SID, "status": next(statuses)})
    async with agor.create_client(link=link) as client:
        answer = await client.sessions.stop(SID)
    assert (answer.success, answer.outcome) == (True, "idle")

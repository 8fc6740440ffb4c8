"""Why a task ended: the daemon's words, else the permission that was denied."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.models import Message, Task, freeze
from agor_reactive.models.outcome import Failed, Stopped, TimedOut, outcome_of, why_it_ended


def asked(status: str, message_id: str = "m1", **more: Any) -> Message:
    content = {"request_id": message_id, "status": status, "tool_name": "Bash", **more}
    return Message(message_id=message_id, type="permission_request", content=freeze(content))


def ended(status: str, *messages: Message, **more: Any) -> Any:
    return outcome_of(Task(task_id="t", status=status, **more), messages, was_queued=False)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (asked("denied"), "Permission denied: Bash"),
        (asked("denied", reason="not on a Friday"), "Permission denied: Bash (not on a Friday)"),
        (asked("denied", tool_name=""), "Permission denied: a tool"),
        (asked("denied", reason=5), "Permission denied: Bash"),
    ],
)
def test_a_denied_permission_is_the_reason(message: Message, reason: str) -> None:
    assert ended("failed", message).reason == reason
    assert ended("stopped", message).reason == reason


def test_the_daemons_own_words_come_first() -> None:
    assert ended("failed", asked("denied"), error_message="disk full").reason == "disk full"


@pytest.mark.parametrize("status", ["pending", "approved", "timed_out", ""])
def test_without_a_denial_nobody_gave_a_reason(status: str) -> None:
    assert ended("failed", asked(status)).reason == "the daemon gave no reason"
    assert ended("stopped", asked(status)).reason == ""


def test_the_last_denial_counts() -> None:
    messages = [asked("denied", "m1"), asked("denied", "m2", tool_name="Write"), asked("approved", "m3")]
    assert why_it_ended(Task(task_id="t", status="failed"), messages) == "Permission denied: Write"


def test_a_task_that_is_stopping_has_not_ended() -> None:
    assert not Task(task_id="t", status="stopping").ended
    assert type(ended("stopping")) is TimedOut
    assert type(ended("stopped")) is Stopped
    assert type(ended("failed")) is Failed


def test_a_partial_reply_is_the_text() -> None:
    said = Message(message_id="m1", role="assistant", content="Whole.")
    task = Task(task_id="t", status="stopped")
    assert outcome_of(task, [said], was_queued=False).text == "Whole."
    assert outcome_of(task, [said], was_queued=False, partial="Hal").text == "Hal"

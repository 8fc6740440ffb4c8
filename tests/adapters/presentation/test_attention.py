"""Which sessions need attention, from their rows one after another."""

from __future__ import annotations

import pytest

from agor_reactive.adapters.presentation.attention import Attention, reason_label
from agor_reactive.models.session import Session


def rows(**statuses: str) -> dict[str, Session]:
    return {name: Session(session_id=name, status=status) for name, status in statuses.items()}


@pytest.mark.parametrize(
    ("statuses", "reason"),
    [
        (["idle"], None),
        (["running"], None),
        (["running", "idle"], "finished"),
        (["running", "running"], None),
        (["running", "completed"], "finished"),
        (["running", "idle", "running"], None),
        (["failed"], "failed"),
        (["running", "timed_out"], "failed"),
        (["running", "failed", "running"], "failed"),
        (["failed", "idle"], "failed"),
        (["awaiting_permission"], "permission"),
        (["awaiting_permission", "running"], None),
        (["awaiting_input"], "input"),
        (["awaiting_permission", "idle"], "finished"),
    ],
)
def test_the_statuses_of_a_session_one_after_another(statuses: list[str], reason: str | None) -> None:
    attention = Attention()
    for status in statuses:
        attention.take(rows(a=status, b="idle"))
    assert attention.reason("a") == reason
    assert attention.reason("b") is None
    assert len(attention) == (reason is not None)


def test_only_what_is_new_is_returned() -> None:
    attention = Attention()
    assert attention.take(rows(a="running", b="failed")) == ("b",)
    assert attention.take(rows(a="idle", b="failed")) == ("a",)
    assert attention.take(rows(a="idle", b="failed")) == ()


@pytest.mark.parametrize("failure_first", [True, False])
def test_a_failed_task_says_more_than_its_idle_session(failure_first: bool) -> None:
    attention = Attention()
    attention.take(rows(a="running"))
    if failure_first:
        assert attention.fail("a")
        attention.take(rows(a="idle"))
    else:
        attention.take(rows(a="idle"))
        assert attention.fail("a")
    assert attention.reason("a") == "failed"
    assert not attention.fail("a")
    assert not attention.fail("unknown")


def test_what_was_seen_needs_none_but_an_answer_is_still_needed() -> None:
    attention = Attention()
    attention.take(rows(a="running", b="running", c="awaiting_permission"))
    attention.take(rows(a="idle", b="failed", c="awaiting_permission"))
    for name in "abc":
        attention.see(name)
    attention.see(None)
    assert [attention.reason(name) for name in "abc"] == [None, None, "permission"]


def test_what_happens_in_the_open_session_is_seen() -> None:
    attention = Attention()
    attention.see("a")
    attention.take(rows(a="running"))
    attention.take(rows(a="idle"))
    assert not attention.fail("a")
    attention.take(rows(a="awaiting_permission"))
    assert attention.reason("a") == "permission"


def test_a_removed_session_needs_none() -> None:
    attention = Attention()
    attention.take(rows(a="failed"))
    attention.take(rows())
    assert attention.reason("a") is None


def test_reasons_have_words() -> None:
    assert reason_label("permission") == "asks for permission"

"""Which sessions need attention, from their rows one after another."""

from __future__ import annotations

import pytest

from agor_reactive.adapters.presentation.attention import Attention, Needs, reason_label, reason_of
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


def test_a_failure_is_announced_once_though_the_next_prompt_asks() -> None:
    attention = Attention()
    said = [
        attention.take(rows(a=status)) for status in ("running", "failed", "awaiting_permission", "running", "idle")
    ]
    assert said == [(), ("a",), ("a",), (), ()]
    assert attention.reason("a") == "failed"


def test_what_was_seen_before_needs_attention_only_for_what_came_later() -> None:
    first = Attention()
    first.take(rows(a="running", b="running"))
    first.take(rows(a="failed", b="failed"))
    first.see("a")
    again = Attention(first.seen)
    again.take(rows(a="failed", b="failed"))
    assert [again.reason(name) for name in "ab"] == [None, "failed"]


def test_a_failure_that_was_seen_hides_nothing_that_comes_later() -> None:
    needs = Needs()
    for status in ("running", "failed", "running", "idle"):
        needs.take(rows(a=status))
    (failed, at), (finished, later) = needs.of("a")
    assert (failed, finished) == ("failed", "finished")
    assert at is not None
    assert later is not None
    assert [reason_of(needs.of("a"), seen) for seen in (0, at, later)] == ["failed", "finished", None]


def test_the_time_of_a_need_is_that_of_the_row_and_later_each_time() -> None:
    needs, ats = Needs(), list[int]()
    for status, second in (("running", 5), ("idle", 7), ("running", 7), ("idle", 7), ("running", 9), ("idle", 8)):
        row = Session(session_id="a", status=status, last_updated=f"2026-08-22T10:00:0{second}.500Z")
        needs.take({"a": row})
        ats += [at for _, at in needs.of("a") if at is not None]
    assert ats == [ats[0], ats[0] + 1, ats[0] + 1000]
    assert ats[0] % 60_000 == 7_500


@pytest.mark.parametrize("status", ["idle", "running"])
def test_a_failed_last_task_is_a_failure_whatever_the_session_does(status: str) -> None:
    attention = Attention()
    attention.take(rows(a="running"))
    assert attention.take(rows(a=status), {"a": "failed"}) == ("a",)
    assert attention.take(rows(a=status), {"a": "failed"}) == ()
    assert attention.reason("a") == "failed"
    attention.see("a")
    attention.see(None)
    assert attention.take(rows(a=status)) == ()
    assert attention.take(rows(a=status), {"a": "timed_out"}) == ("a",)

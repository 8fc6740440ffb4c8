"""The heading of a session, its notes, and the tone and label of every status."""

from __future__ import annotations

import pytest

from agor_reactive.adapters.presentation.heading import Note, heading_of, notes_of
from agor_reactive.adapters.presentation.status import mark_of, status_label, tone_of
from agor_reactive.core import SessionState
from agor_reactive.core import events as e
from agor_reactive.core.fold.failures import AGAIN
from agor_reactive.models import LinkStatus
from tests.core.build import Mirror, hydrated, raw, session_row, task_row


def linked(status: LinkStatus) -> SessionState:
    return hydrated(tasks=[task_row("t1")]).feed(e.LinkChanged(status))


@pytest.mark.parametrize(
    ("status", "tone", "mark"),
    [
        ("idle", "ok", "done"),
        ("completed", "ok", "done"),
        ("created", "waiting", "waiting"),
        ("queued", "waiting", "waiting"),
        ("dispatching", "busy", "busy"),
        ("running", "busy", "busy"),
        ("stopping", "busy", "busy"),
        ("awaiting_permission", "warn", "busy"),
        ("stopped", "warn", "stopped"),
        ("failed", "bad", "failed"),
        ("timed_out", "bad", "failed"),
        ("hologram", "", "busy"),
    ],
)
def test_every_view_gives_a_status_the_same_tone_and_mark(status: str, tone: str, mark: str) -> None:
    assert (tone_of(status), mark_of(status)) == (tone, mark)


def test_a_status_is_labelled_with_words() -> None:
    assert status_label("awaiting_permission") == "awaiting permission"
    assert status_label("") == "unknown"


def test_the_heading_holds_title_status_link_agent_model_ref_and_context() -> None:
    fields = {
        "title": "Stock\x1b[31m",
        "model_config": {"mode": "alias", "model": "swift-1"},
        "git_state": {"ref": "main"},
        "current_context_usage": 50_000,
        "context_window_limit": 200_000,
    }
    heading = heading_of(hydrated(session=session_row(status="running", **fields)).state)
    assert (heading.title, heading.status, heading.tone, heading.link) == ("Stock", "running", "busy", "live")
    assert heading.details == "codex · swift-1 · main"
    assert heading.context is not None
    assert (heading.context.percent, heading.context.text) == (25, "25%")
    assert heading_of(Mirror().state).title.startswith("Session ")


@pytest.mark.parametrize(
    ("status", "note"),
    [
        (LinkStatus("reconnecting", epoch=1), Note("warn", "Reconnecting, attempt 1. May be outdated.")),
        (
            LinkStatus("reconnecting", attempt=3, next_try_in=2.0, reason="refused", epoch=1),
            Note("warn", "Reconnecting, attempt 3, next try in 2.0 s: refused. May be outdated."),
        ),
        (
            LinkStatus("reconnecting", attempt=2, reason="no daemon; is it running?", epoch=1),
            Note("warn", "Reconnecting, attempt 2: no daemon; is it running? May be outdated."),
        ),
        (LinkStatus("connecting"), Note("busy", "Connecting to the daemon.")),
        (LinkStatus("connecting", reason="is it running?"), Note("busy", "Connecting to the daemon: is it running?")),
        (
            LinkStatus("unauthenticated", reason="expired.", epoch=1),
            Note("bad", "Not logged in: expired.", "Call client.authenticate()."),
        ),
        (LinkStatus("closed", epoch=1), Note("bad", "The client is closed. No more updates.")),
    ],
)
def test_the_state_of_the_link_is_one_sentence_with_its_reason(status: LinkStatus, note: Note) -> None:
    assert notes_of(linked(status)) == (note,)


def test_an_error_says_once_that_it_is_not_retried() -> None:
    state = hydrated(tasks=[task_row("t1")]).feed(raw("sessions removed"))
    (note,) = notes_of(state)
    assert note.text.endswith(". Not retried automatically.")
    assert note.remedy == ""
    assert AGAIN not in note.text


def test_a_final_error_says_how_to_retry_it_for_views_that_can() -> None:
    mirror = Mirror().up()
    mirror.fail("session", "forbidden")
    (note,) = notes_of(mirror.state)
    assert "tried again" not in note.text
    assert note.text.endswith(". Not retried automatically.")
    assert note.remedy == "Call resync()."


def test_a_session_is_announced_as_loading_only_until_its_tasks_are_known() -> None:
    assert [note.text for note in notes_of(Mirror().up().state)] == ["Loading the session…"]
    mirror = hydrated(tasks=[task_row("t1")])
    mirror.feed(e.ResyncRequested())
    assert mirror.state.loading
    assert notes_of(mirror.state) == ()


@pytest.mark.parametrize("failure", ["not_found", "forbidden"])
def test_a_session_that_cannot_be_read_is_unavailable_and_takes_no_prompt(failure: str) -> None:
    mirror = Mirror().up()
    assert heading_of(mirror.state).open
    mirror.fail("session", failure)
    heading = heading_of(mirror.state)
    assert (heading.link, heading.link_tone, heading.open) == ("unavailable", "bad", False)


def test_a_released_handle_is_released_whoever_else_holds_the_session() -> None:
    state = hydrated(tasks=[task_row("t1")]).state
    assert heading_of(state).link == "live"
    for heading, notes in (
        (heading_of(state, released=True), notes_of(state, released=True)),
        (heading_of(gone := hydrated().feed(e.Disposed())), notes_of(gone)),
    ):
        assert (heading.link, heading.link_tone, heading.open) == ("released", "", False)
        assert [note.text for note in notes] == ["The handle was released. This is the last known state."]


def test_a_closed_client_takes_no_prompt() -> None:
    assert not heading_of(linked(LinkStatus("closed", epoch=1))).open
    assert heading_of(linked(LinkStatus("reconnecting", epoch=1))).open


@pytest.mark.parametrize(("status", "label", "tone"), [("failed", "failed", "bad"), ("timed_out", "timed out", "bad")])
def test_an_idle_session_whose_newest_task_failed_is_no_green_idle(status: str, label: str, tone: str) -> None:
    tasks = [task_row("t1", "completed"), task_row("t2", status, second=2)]
    heading = heading_of(hydrated(tasks=tasks, session=session_row(["t1", "t2"])).state)
    assert (heading.status, heading.tone, heading.mark) == (label, tone, "failed")
    tasks.append(task_row("t3", "completed", second=3))
    heading = heading_of(hydrated(tasks=tasks, session=session_row(["t1", "t2", "t3"])).state)
    assert (heading.status, heading.tone) == ("idle", "ok")


def test_an_error_is_gone_after_the_recovery() -> None:
    mirror = Mirror().up()
    mirror.fail("session", "server")
    assert any(note.tone == "bad" for note in notes_of(mirror.state))
    mirror.down()
    mirror.up(epoch=2)
    mirror.land([task_row("t1")])
    assert notes_of(mirror.state) == ()

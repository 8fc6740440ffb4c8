"""Guards of the fold that mutation runs found untested: each test fails when its guard is turned round."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agor_reactive.core import events as e
from agor_reactive.models import LinkStatus, RawEvent
from tests.core.build import (
    LIVE,
    Mirror,
    chunk,
    end,
    error,
    hydrated,
    message_row,
    raw,
    saved,
    session_row,
    start,
    task_row,
    thinking,
)


def test_a_queue_event_after_the_rounds_queue_answer_reads_the_queue_once_the_round_has_committed() -> None:
    mirror = Mirror("none").up()
    mirror.answer("queue")
    mirror.feed(saved("tasks", task_row("q", "queued", queue_position=1), "queued"))
    assert mirror.asked() == ["session", "tasks"]
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[task_row("q", "queued", queue_position=1)])
    assert mirror.asked() == ["queue"]
    mirror.answer("queue", tasks=[task_row("q", "queued", queue_position=1)])
    assert (mirror.queue(), mirror.asked()) == (["q"], [])


def test_a_queue_event_before_the_rounds_queue_answer_reads_it_once_more_and_only_once() -> None:
    mirror = Mirror("none").up()
    mirror.feed(raw("messages queued", message_id="m1"), raw("messages queued", message_id="m2"))
    mirror.answer("queue")
    mirror.answer("session", session=session_row())
    mirror.answer("tasks")
    assert mirror.asked() == ["queue"]
    mirror.answer("queue")
    assert mirror.asked() == []


def test_a_task_unloaded_while_its_history_is_read_stays_unloaded_and_shows_none() -> None:
    mirror = Mirror("lean").up()
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[task_row("t1", "completed"), task_row("t2", second=1)])
    mirror.answer("queue")
    mirror.feed(e.UnloadRequested("t1"))
    mirror.answer("history", "t1", messages=[message_row("m1", "t1")])
    mirror.answer("messages", "t2")
    assert "t1" not in mirror.state.messages_by_task
    assert not mirror.state.is_task_loaded("t1")


@pytest.mark.parametrize("number", [1, None])
def test_a_stream_without_a_task_takes_the_first_that_a_chunk_names(number: int | None) -> None:
    mirror = Mirror().up()
    mirror.feed(start("m1"), chunk("m1", "a", 0))
    assert mirror.state.streaming_messages["m1"].task_id is None
    mirror.feed(chunk("m1", "b", number, task_id="t1"))
    stream = mirror.state.streaming_messages["m1"]
    assert (stream.task_id, stream.text) == ("t1", "ab")
    assert mirror.feed(chunk("m1", "c", 2, task_id="t2")).streaming_messages["m1"].task_id == "t1"


@pytest.mark.parametrize(
    "event",
    [
        start("m1", task_id="t1"),
        end("m1", 1, task_id="t1"),
        error("m1", task_id="t1"),
        thinking("m1", "x", task_id="t1"),
    ],
    ids=lambda event: event.topic,
)
def test_a_stream_without_a_task_takes_the_first_that_any_event_names(event: RawEvent) -> None:
    mirror = Mirror().up()
    mirror.feed(chunk("m1", "a", 0), event)
    assert mirror.state.streaming_messages["m1"].task_id == "t1"


def test_thinking_that_starts_on_a_stream_that_is_there_is_under_way() -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "text", 0), raw("messages thinking:start", message_id="m1", timestamp="2026-11-28"))
    stream = mirror.state.streaming_messages["m1"]
    assert (stream.is_thinking, stream.streaming, stream.text) == (True, True, "text")
    assert stream.timestamp == "2026-11-28"


def test_a_tool_first_seen_without_a_name_gets_it_from_a_later_start() -> None:
    mirror = hydrated("none")
    mirror.feed(raw("tasks tool:start", task_id="t1", tool_use_id="u1"))
    mirror.feed(raw("tasks tool:start", task_id="t1", tool_use_id="u1", tool_name="Bash"))
    mirror.feed(raw("tasks tool:start", task_id="t1", tool_use_id="u1", tool_name="Read"))
    assert [(tool.tool_use_id, tool.tool_name) for tool in mirror.state.get_task_tools("t1")] == [("u1", "Bash")]


def test_a_removed_message_takes_the_live_tool_of_its_call_along() -> None:
    mirror = hydrated()
    call = message_row("m1", "t1", content=[{"type": "tool_use", "id": "u1", "name": "Bash"}])
    mirror.feed(raw("tasks tool:start", task_id="t1", tool_use_id="u1", tool_name="Bash"), saved("messages", call))
    assert [tool.tool_use_id for tool in mirror.state.get_task_tools("t1")] == ["u1"]
    mirror.feed(saved("messages", call, "removed"))
    assert mirror.state.get_task_tools("t1") == ()
    assert not mirror.state.live_tools


@pytest.mark.parametrize("reason", [None, "the token was renewed"])
def test_live_again_on_one_connection_fetches_nothing(reason: str | None) -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "a", 0))
    mirror.feed(e.LinkChanged(LinkStatus("live", epoch=LIVE.epoch, reason=reason)))
    assert mirror.asked() == []
    assert not mirror.state.loading
    assert mirror.state.streaming_messages["m1"].complete


def test_an_end_that_counts_no_chunks_while_text_is_here_is_not_complete() -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), chunk("m1", "a", 0), end("m1", 0))
    assert not mirror.state.streaming_messages["m1"].complete
    mirror.feed(start("m2"), end("m2", 0))
    assert mirror.state.streaming_messages["m2"].complete


def test_what_is_no_row_and_no_id_is_not_in_a_table() -> None:
    tasks = hydrated().state.tasks
    for other in ([], {}, None, 0, ("t1",), SimpleNamespace(row_id=["t1"]), SimpleNamespace(row_id=None)):
        assert other not in tasks
    assert "t1" in tasks
    assert tasks[0] in tasks

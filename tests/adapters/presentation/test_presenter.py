"""Blocks of a task: order, identity from snapshot to snapshot, durations of calls, permission requests."""

from __future__ import annotations

from typing import Any

from agor_reactive.adapters.presentation.blocks import Block, NoteBlock, TextBlock, ToolBlock
from agor_reactive.adapters.presentation.presenter import Presenter
from agor_reactive.adapters.presentation.requests import RequestBlock
from agor_reactive.adapters.presentation.transcript import transcript
from agor_reactive.core import SessionState
from tests.core.build import (
    Mirror,
    chunk,
    error,
    hydrated,
    message_row,
    raw,
    saved,
    session_row,
    stamp,
    start,
    task_row,
)


def running(**fields: Any) -> Mirror:
    return hydrated("eager", [task_row("t1", full_prompt="Count", **fields)], session=session_row(["t1"]))


def blocks(state: SessionState, presenter: Presenter | None = None) -> tuple[Block, ...]:
    return (presenter or Presenter()).task_blocks(state, state.tasks[0])


def use(*ids: str) -> list[Any]:
    return [{"type": "tool_use", "id": one, "name": "Bash", "input": {"command": "ls"}} for one in ids]


def result(*ids: str, **fields: Any) -> list[Any]:
    return [{"type": "tool_result", "tool_use_id": one, "content": "ok", **fields} for one in ids]


def test_a_call_lasts_from_the_message_that_makes_it_to_the_one_with_its_result() -> None:
    mirror = running()
    mirror.feed(saved("messages", message_row("m1", "t1", 1, content=use("u1", "u2"), timestamp=stamp(10))))
    first, second = blocks(mirror.state)
    assert isinstance(first, ToolBlock)
    assert (first.state, first.seconds) == ("executing", None)
    assert first.began is not None
    mirror.feed(saved("messages", message_row("m2", "t1", 2, role="user", content=result("u1"), timestamp=stamp(75))))
    first, second = blocks(mirror.state)
    assert isinstance(first, ToolBlock)
    assert isinstance(second, ToolBlock)
    assert (first.state, first.seconds, first.began) == ("complete", 65.0, None)
    assert (second.state, second.seconds) == ("executing", None)


def test_a_call_without_timestamps_has_no_duration() -> None:
    mirror = running()
    mirror.feed(saved("messages", message_row("m1", "t1", 1, content=[*use("u1"), *result("u1")], timestamp="")))
    (call,) = blocks(mirror.state)
    assert isinstance(call, ToolBlock)
    assert (call.state, call.seconds, call.began) == ("complete", None, None)


def test_unchanged_tasks_and_messages_keep_their_blocks() -> None:
    mirror, presenter = running(), Presenter()
    mirror.feed(saved("messages", message_row("m1", "t1", 1, content="said")))
    before = blocks(mirror.state, presenter)
    assert blocks(mirror.state, presenter) is before
    mirror.feed(start("m2", task_id="t1"), chunk("m2", "more", 0, task_id="t1"))
    after = blocks(mirror.state, presenter)
    assert after[0] is before[0]
    assert after[1] == TextBlock("m2/text", "more", writing=True)
    presenter.keep(())
    assert blocks(mirror.state, presenter)[0] is not before[0]


def test_a_saved_reply_keeps_the_key_of_its_stream() -> None:
    mirror = running()
    mirror.feed(start("m1", task_id="t1"), chunk("m1", "Two.", 0, task_id="t1"))
    (growing,) = blocks(mirror.state)
    mirror.feed(saved("messages", message_row("m1", "t1", 1, content="Two.")))
    (kept,) = blocks(mirror.state)
    assert (growing, kept) == (TextBlock("m1/text", "Two.", writing=True), TextBlock("m1/text", "Two."))


def test_a_call_that_only_live_events_know_stands_below_the_text_being_written() -> None:
    """Its message is the one being written: it keeps its place when that is saved."""
    mirror = running()
    mirror.feed(start("m1", task_id="t1"), chunk("m1", "I look.", 0, task_id="t1"))
    mirror.feed(raw("tasks tool:start", task_id="t1", tool_use_id="u1", tool_name="Bash"))
    live = [block.key for block in blocks(mirror.state)]
    content = [{"type": "text", "text": "I look."}, *use("u1")]
    mirror.feed(saved("messages", message_row("m1", "t1", 1, content=content)))
    assert live == [block.key for block in blocks(mirror.state)] == ["m1/text", "tool/u1"]


def test_why_a_task_failed_is_shown_once() -> None:
    mirror = running()
    mirror.feed(start("m1", task_id="t1"), chunk("m1", "so far", 0, task_id="t1"), error("m1", "overloaded"))
    mirror.feed(saved("tasks", task_row("t1", "failed", error_message="overloaded"), "patched"))
    notes = [block for block in blocks(mirror.state) if isinstance(block, NoteBlock)]
    assert notes == [NoteBlock("m1/error", "overloaded", "bad")]
    mirror.feed(saved("tasks", task_row("t1", "failed", error_message="out of credit"), "patched"))
    assert blocks(mirror.state)[-1] == NoteBlock("error", "out of credit", "bad")


def test_what_is_missing_of_a_reply_that_is_never_saved_is_not_announced() -> None:
    mirror = running()
    mirror.feed(chunk("m1", "and so on", 7, task_id="t1"))
    assert any("missing until it is saved" in getattr(block, "text", "") for block in blocks(mirror.state))
    mirror.feed(saved("tasks", task_row("t1", "completed"), "patched"))
    texts = [getattr(block, "text", "") for block in blocks(mirror.state)]
    assert "The task ended before this reply was saved." in texts
    assert not any("missing" in text for text in texts)


def request(status: str, **content: Any) -> Any:
    asked = {"request_id": "r1", "tool_name": "Bash", "status": status, **content}
    return saved("messages", message_row("m1", "t1", 1, type="permission_request", role="system", content=asked))


def test_a_request_is_pending_answered_or_unanswered_on_one_line_everywhere() -> None:
    mirror = running()
    (block,) = blocks(mirror.feed(request("pending")))
    assert isinstance(block, RequestBlock)
    assert (block.asker, block.tool, block.state, block.outcome) == ("codex", "Bash", "pending", "")
    assert block.line == "permission to use Bash: pending"
    (block,) = blocks(mirror.feed(request("approved", scope="once", approved_by="01234567-aaaa")))
    assert isinstance(block, RequestBlock)
    assert block.line == "permission to use Bash: approved by 01234567, this once"
    mirror.feed(request("pending"), saved("tasks", task_row("t1", "stopped"), "patched"))
    (block,) = blocks(mirror.state)
    assert isinstance(block, RequestBlock)
    assert (block.state, block.line) == (
        "unanswered",
        "permission to use Bash: not answered: the task is stopped",
    )


def test_the_transcript_prints_the_blocks_in_their_order() -> None:
    mirror = running(duration_ms=2500)
    mirror.feed(
        saved("messages", message_row("m1", "t1", 1, content=[{"type": "text", "text": "I look."}, *use("u1")])),
        saved("messages", message_row("m2", "t1", 2, role="user", content=result("u1"))),
        saved("messages", message_row("m3", "t1", 3, content="Two </script>.")),
        saved("messages", message_row("m4", "t1", 4, role="user", type="user", content="And\nthen?")),
        saved("messages", message_row("m5", "t1", 5, type="daemon_restart", role="system", content="Restarted.")),
        saved("tasks", task_row("t1", "failed", full_prompt="Count", duration_ms=2500, error_message="why"), "patched"),
    )
    assert transcript(mirror.state).split("\n") == [
        f"Session {mirror.state.session_id[:8]} (failed)",
        "",
        "> Count   [failed, 2.5 s]",
        "I look.",
        "  + Bash ls (1.0 s)",
        "Two ‹/script>.",
        "> And",
        "> then?",
        "  ! Restarted.",
        "  ! why",
    ]


def test_the_time_of_a_formerly_queued_task_never_runs_backwards() -> None:
    """Daemons of June 2026 send `started_at` once, with the first ``running``; later rows have `created_at` only."""
    mirror, presenter, began = hydrated("eager", [task_row("t1", "queued", queue_position=1)]), Presenter(), []
    rows: list[dict[str, Any]] = [{}, {"started_at": stamp(3600)}, {}, {"started_at": stamp(3601)}, {}]
    for row in rows:
        mirror.feed(saved("tasks", task_row("t1", "running", **row), "patched"))
        began.append(presenter.task_heading(mirror.state.tasks[0]).began)
    start_of = began[1]
    assert began == [None, start_of, start_of, start_of, start_of]
    mirror.feed(saved("tasks", task_row("t1", "completed", completed_at=stamp(3605)), "patched"))
    assert presenter.task_heading(mirror.state.tasks[0]).took == "5.0 s"
    assert Presenter().task_heading(mirror.state.tasks[0]).took == ""

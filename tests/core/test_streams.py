"""L8: text and thinking being written, from the first chunk to the saved message, and all that can go wrong between."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.core import events as e
from agor_reactive.models import RawEvent
from agor_reactive.models.task import ENDED_STATUSES
from tests.core.build import (
    SID,
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

MODES = pytest.mark.parametrize("hydration", ["none", "lazy", "eager"])


def think_start(message_id: str, **more: object) -> RawEvent:
    return raw("messages thinking:start", message_id=message_id, **more)


def think_end(message_id: str, **more: object) -> RawEvent:
    return raw("messages thinking:end", message_id=message_id, **more)


def finish(task_id: str, status: str = "completed") -> RawEvent:
    return saved("tasks", task_row(task_id, status), "patched")


def test_a31_a_chunk_without_its_start_opens_the_stream_under_the_active_task() -> None:
    stream = hydrated().feed(chunk("m1", "Hel", 0), chunk("m1", "lo", 1)).streaming_messages["m1"]
    assert (stream.text, stream.streaming, stream.task_id, stream.complete) == ("Hello", True, "t1", True)


def test_thinking_that_a_task_relays_is_of_the_message_that_it_names_if_any() -> None:
    mirror = hydrated()
    before = mirror.state
    assert mirror.feed(raw("tasks thinking:chunk", task_id="t1", chunk="of no message")) is before
    mirror.feed(raw("tasks thinking:chunk", task_id="t1", message_id="m1", chunk="Hm"))
    assert mirror.state.streaming_messages["m1"].thinking == "Hm"


@pytest.mark.parametrize("begin", [start, think_start])
def test_a_stream_begins_at_the_time_that_its_first_start_tells(begin: Callable[..., RawEvent]) -> None:
    mirror = hydrated()
    mirror.feed(begin("m1", timestamp="2026-11-28"), start("m1", timestamp="later"), think_start("m1", timestamp="x"))
    assert mirror.state.streaming_messages["m1"].timestamp == "2026-11-28"


def test_a35_thinking_without_its_start_opens_the_stream_and_may_lack_its_beginning() -> None:
    stream = hydrated().feed(thinking("m1", "hm")).streaming_messages["m1"]
    assert (stream.thinking, stream.is_thinking, stream.streaming, stream.task_id) == ("hm", True, False, "t1")
    assert not stream.complete
    mirror = hydrated()
    mirror.feed(think_start("m2"), thinking("m2", "hm"))
    assert mirror.state.streaming_messages["m2"].complete


def test_a36_a_chunk_before_any_task_is_known_is_given_the_active_task_once_it_is() -> None:
    mirror = Mirror().up()
    mirror.feed(chunk("m1", "a", 0))
    assert mirror.state.streaming_messages["m1"].task_id is None
    mirror.land([task_row("t0", "completed"), task_row("t1")])
    assert mirror.state.streaming_messages["m1"].task_id == "t1"


def test_a_stream_joined_midway_is_not_complete() -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "c", 2), chunk("m2", "x"), start("m3"), chunk("m3", "x"))
    streams = mirror.state.streaming_messages
    assert not streams["m1"].complete
    assert not streams["m2"].complete
    assert streams["m3"].complete


def test_the_end_says_how_many_there_were() -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), chunk("m1", "a", 0), chunk("m1", "b", 1), end("m1", 3))
    stream = mirror.state.streaming_messages["m1"]
    assert not stream.streaming
    assert not stream.complete
    late = mirror.feed(chunk("m1", "c", 2)).streaming_messages["m1"]
    assert late.complete
    assert not late.streaming, "text that was overtaken by its end does not reopen it"
    assert late.text == "abc"


def test_an_end_that_says_more_than_came_of_an_unnumbered_stream_shows_that_it_lacks() -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), chunk("m1", "a"), end("m1", 2))
    assert not mirror.state.streaming_messages["m1"].complete


def test_a75_a_second_start_keeps_the_text_and_thinking_and_text_end_apart() -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), chunk("m1", "Hel", 0), think_start("m1"), thinking("m1", "hm"), start("m1"))
    assert mirror.state.streaming_messages["m1"].text == "Hel"
    stream = mirror.feed(think_end("m1")).streaming_messages["m1"]
    assert (stream.streaming, stream.is_thinking, stream.thinking) == (True, False, "hm")
    assert not mirror.feed(end("m1", 1)).streaming_messages["m1"].streaming


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0), (None, None)])
def test_text_that_comes_after_thinking_without_its_start_is_under_way_until_its_end(
    numbers: tuple[int | None, int | None],
) -> None:
    mirror = hydrated()
    mirror.feed(think_start("m1"), thinking("m1", "hm"))
    assert not mirror.state.streaming_messages["m1"].streaming
    for number in numbers:
        assert mirror.feed(chunk("m1", "x", number)).streaming_messages["m1"].streaming
    assert not mirror.feed(end("m1", 3)).streaming_messages["m1"].streaming
    late = mirror.feed(chunk("m1", "late", None if numbers[0] is None else 2)).streaming_messages["m1"]
    assert not late.streaming
    assert late.text == "xxlate"


def test_a_start_that_its_end_overtook_does_not_reopen_the_text() -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "all", 0), end("m1", 1))
    late = mirror.feed(start("m1")).streaming_messages["m1"]
    assert (late.streaming, late.role, late.text, late.complete) == (False, "assistant", "all", True)


def test_a_second_drop_changes_nothing_of_what_the_first_interrupted() -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), chunk("m1", "a", 0))
    streams = mirror.down().state.streaming_messages
    assert not streams["m1"].complete
    assert mirror.up(2).down(2).state.streaming_messages is streams


def test_a71_either_may_end_first_and_the_saved_message_removes_both() -> None:
    for first, second in ((end("m1"), think_end("m1")), (think_end("m1"), end("m1"))):
        mirror = hydrated()
        mirror.feed(think_start("m1"), thinking("m1", "hm"), start("m1"), chunk("m1", "a", 0), first)
        stream = mirror.state.streaming_messages["m1"]
        assert stream.streaming or stream.is_thinking
        stream = mirror.feed(second).streaming_messages["m1"]
        assert not stream.streaming
        assert not stream.is_thinking
        assert not mirror.feed(saved("messages", message_row("m1", "t1"))).streaming_messages


def test_b37_b38_text_is_neither_doubled_nor_lost_around_a_resume() -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), chunk("m1", "A", 0), chunk("m1", "B", 1))
    mirror.down()
    assert not mirror.state.streaming_messages["m1"].complete
    mirror.up(2).land([task_row("t1")])
    stream = mirror.feed(start("m1"), chunk("m1", "D", 3)).streaming_messages["m1"]
    assert (stream.text, stream.complete) == ("ABD", False)
    row = message_row("m1", "t1", content="ABCD")
    mirror.feed(saved("messages", row), saved("messages", row))
    assert not mirror.state.streaming_messages
    assert [m.text for m in mirror.state.messages_by_task["t1"]] == ["ABCD"]


def test_a_stream_that_missed_nothing_while_the_link_was_down_is_complete_again() -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), chunk("m1", "A", 0)), mirror.down().up(2).land([task_row("t1")])
    assert not mirror.state.streaming_messages["m1"].complete
    assert mirror.feed(chunk("m1", "B", 1)).streaming_messages["m1"].complete


def test_unnumbered_text_and_thinking_that_a_drop_interrupted_stay_incomplete() -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), chunk("m1", "A"), think_start("m2"), thinking("m2", "x"))
    mirror.down().up(2).land([task_row("t1")])
    mirror.feed(chunk("m1", "B"), thinking("m2", "y"))
    assert not mirror.state.streaming_messages["m1"].complete
    assert not mirror.state.streaming_messages["m2"].complete


@MODES
def test_a67_forty_turns_leave_no_stream(hydration: str) -> None:
    mirror = hydrated(hydration, tasks=[])
    for n in range(40):
        task_id, message_id = f"t{n}", f"m{n}"
        mirror.feed(saved("tasks", task_row(task_id, "running", second=n)))
        mirror.feed(think_start(message_id), thinking(message_id, "hm"), think_end(message_id))
        mirror.feed(start(message_id), chunk(message_id, "a", 0), end(message_id, 1))
        mirror.feed(saved("messages", message_row(message_id, task_id, n)), finish(task_id))
        assert not mirror.state.streaming_messages
    mirror.down().up(2).land([task_row(f"t{n}", "completed", second=n) for n in range(40)])
    assert not mirror.state.streaming_messages


@MODES
@pytest.mark.parametrize("status", ["completed", "failed", "stopped", "timed_out"])
def test_a70_when_a_task_ends_text_stays_thinking_goes_and_late_events_revive_nothing(
    hydration: str, status: str
) -> None:
    mirror = hydrated(hydration)
    mirror.feed(think_start("m1"), thinking("m1", "hm"))
    mirror.feed(start("m2"), chunk("m2", "partial", 0), think_start("m2"))
    mirror.feed(start("m3"), error("m3", "overloaded"))
    mirror.feed(finish("t1", status))
    streams = mirror.state.streaming_messages
    assert set(streams) == {"m2", "m3"}
    assert (streams["m2"].text, streams["m2"].streaming, streams["m2"].is_thinking) == ("partial", False, False)
    assert streams["m2"].settled
    before = mirror.state
    late = [start("m2"), chunk("m2", "more", 1), end("m2", 2), thinking("m1", "x"), chunk("m1", "x", 0, task_id="t1")]
    assert mirror.feed(*late) is before
    assert set(mirror.feed(saved("messages", message_row("m2", "t1"))).streaming_messages) == {"m3"}


def test_a72_stopping_is_not_the_end() -> None:
    mirror = hydrated()
    mirror.feed(think_start("m1"), thinking("m1", "hm"), finish("t1", "stopping"))
    assert mirror.state.streaming_messages["m1"].is_thinking
    mirror.feed(think_end("m1"), think_end("m1"))
    assert not mirror.state.streaming_messages["m1"].is_thinking


def test_a73_the_missed_end_of_a_task_settles_its_streams_at_the_resync() -> None:
    mirror = hydrated()
    mirror.feed(think_start("m1"), thinking("m1", "hm"), start("m2"), chunk("m2", "text", 0))
    mirror.down().up(2).land([task_row("t1", "completed")], messages={"t1": [message_row("m2", "t1")]})
    assert not mirror.state.streaming_messages


def test_a74_forty_failing_turns_leave_forty_errors_and_no_thinking() -> None:
    mirror = hydrated(tasks=[])
    for n in range(40):
        mirror.feed(
            saved("tasks", task_row(f"t{n}", "running", second=n)), think_start(f"a{n}"), thinking(f"a{n}", "x")
        )
        mirror.feed(start(f"b{n}"), chunk(f"b{n}", "part", 0), error(f"b{n}"), finish(f"t{n}", "failed"))
    streams = mirror.state.streaming_messages
    assert len(streams) == 40
    assert all(stream.error and stream.text and not stream.streaming for stream in streams.values())
    assert not mirror.feed(e.Disposed()).streaming_messages


@pytest.mark.parametrize("again", [start("m1"), thinking("m1", "x")], ids=["text", "thinking"])
def test_a_reply_that_goes_on_after_its_error_ends_with_the_same_error_once_more(again: RawEvent) -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), error("m1"), again)
    assert mirror.state.streaming_messages["m1"].streaming or mirror.state.streaming_messages["m1"].is_thinking
    stream = mirror.feed(error("m1")).streaming_messages["m1"]
    assert (stream.streaming, stream.is_thinking, stream.error) == (False, False, "overloaded")


def test_a77_events_that_name_another_task_do_not_touch_the_stream() -> None:
    mirror = hydrated(tasks=[task_row("t1"), task_row("t2")])
    before = mirror.feed(start("m1", task_id="t1"), chunk("m1", "a", 0, task_id="t1"))
    foreign = {"task_id": "t2"}
    late = [end("m1", 1, **foreign), chunk("m1", "b", 1, **foreign), error("m1", **foreign), start("m1", **foreign)]
    assert mirror.feed(*late, thinking("m1", "x", **foreign)) is before


@MODES
def test_a78_late_and_repeated_chunks_after_saving_are_nothing(hydration: str) -> None:
    mirror = hydrated(hydration)
    mirror.feed(start("m1"), chunk("m1", "a", 0), end("m1", 1), saved("messages", message_row("m1", "t1")))
    before = mirror.state
    assert (
        mirror.feed(chunk("m1", "a", 0), chunk("m1", "b", 1), end("m1", 2), start("m1"), thinking("m1", "x")) is before
    )
    mirror.feed(finish("t1"))
    before = mirror.state
    assert mirror.feed(chunk("m1", "a", 0), chunk("m9", "b", 1, task_id="t1"), error("m1")) is before


def test_a79_another_sessions_events_are_nothing() -> None:
    mirror = hydrated()
    before = mirror.feed(chunk("m1", "a", 0))
    foreign = {"session_id": "another", "task_id": "t1"}
    late = [chunk("m1", "b", 1), end("m1", 1), error("m1")]
    for item in late:
        item.payload.update(foreign)
    rows = [
        saved("messages", {**message_row("m1", "t1"), **foreign}),
        saved("tasks", {**task_row("t1", "failed"), **foreign}),
    ]
    assert mirror.feed(*late, *rows, saved("sessions", {**session_row(), "session_id": "another"}, "removed")) is before


def test_a80_a_task_that_works_again_takes_new_streams_and_old_snapshots_keep_their_rows() -> None:
    mirror = hydrated()
    running = mirror.state
    failed = mirror.feed(think_start("m1"), finish("t1", "failed"))
    again = mirror.feed(saved("tasks", task_row("t1"), "patched"), chunk("m1", "a", 0, task_id="t1"))
    assert [s.tasks[0].status for s in (running, failed, again)] == ["running", "failed", "running"]
    assert set(again.streaming_messages) == {"m1"}


def test_a_late_error_for_a_message_that_a_resync_brought_adds_no_stream() -> None:
    mirror = hydrated("eager")
    mirror.feed(think_start("m5", task_id="t1"), thinking("m5", "hm", task_id="t1"), finish("t1", "failed"))
    assert not mirror.state.streaming_messages
    mirror.down()
    mirror.up(epoch=2)
    mirror.land(tasks=[task_row("t1", "failed")], messages={"t1": [message_row("m5", "t1", 5)]})
    before = mirror.state
    assert mirror.message_ids("t1") == ["m5"]
    after = mirror.feed(error("m5", task_id="t1"))
    assert not after.streaming_messages
    assert after is before


def test_a82_a_late_error_is_shown_for_the_exact_message_only() -> None:
    mirror = hydrated(tasks=[task_row("t1"), task_row("t2")])
    mirror.feed(think_start("m1", task_id="t1"), start("m2", task_id="t2"), finish("t1", "failed"))
    assert set(mirror.state.streaming_messages) == {"m2"}
    other = mirror.state.streaming_messages["m2"]
    before = mirror.state
    wrong = [error("m1", task_id="t2"), error("m1", task_id="t9"), error("m8", task_id="t1"), error("m1")]
    foreign = error("m1", task_id="t1")
    foreign.payload["session_id"] = "another"
    assert mirror.feed(*wrong, foreign) is before
    shown = mirror.feed(error("m1", "overloaded", task_id="t1")).streaming_messages["m1"]
    assert (shown.error, shown.text, shown.streaming, shown.settled) == ("overloaded", "", False, True)
    again = mirror.state
    assert mirror.feed(error("m1", "overloaded", task_id="t1"), thinking("m1", "x", task_id="t1")) is again
    assert mirror.state.streaming_messages["m2"] is other
    assert "m1" not in mirror.feed(saved("messages", message_row("m1", "t1"))).streaming_messages


def test_a84_at_most_256_finished_messages_are_remembered_the_oldest_forgotten() -> None:
    mirror = hydrated()
    mirror.feed(*[think_start(f"m{n}", task_id="t1") for n in range(300)], finish("t1", "failed"))
    assert len(mirror.state.books.settled) == 256
    mirror.feed(error("m0", task_id="t1"), error("m299"))
    assert not mirror.state.streaming_messages
    assert set(mirror.feed(error("m299", task_id="t1")).streaming_messages) == {"m299"}
    assert not mirror.feed(e.Disposed()).books.settled


def test_a81_a_chunk_reads_no_task_row_whatever_their_number() -> None:
    for count in (300, 3000):
        mirror = hydrated(tasks=[task_row(f"t{n}", "completed", second=n) for n in range(count)] + [task_row("t")])
        table = mirror.state.tasks
        mirror.feed(*[chunk("m1", "x", n) for n in range(2001)])
        assert mirror.state.tasks is table
        assert len(mirror.state.streaming_messages["m1"].text) == 2001


def test_b34_long_text_is_exact_and_old_snapshots_keep_theirs() -> None:
    mirror = hydrated()
    held = []
    for n in range(16_000):
        mirror.feed(chunk("m1", f"{n},", n))
        if n % 1000 == 0:
            held.append((n, mirror.state.streaming_messages["m1"]))
    whole = "".join(f"{n}," for n in range(16_000))
    assert mirror.state.streaming_messages["m1"].text == whole
    for n, stream in held:
        assert stream.text == "".join(f"{i}," for i in range(n + 1))


# ------------------------------------------------------------------------------------------- streams and what is saved


def test_a42_a_resync_takes_the_streams_of_messages_it_reads_and_no_others() -> None:
    tasks = [task_row("t0", "awaiting_input"), task_row("t1", second=1)]
    for hydration, left in (("lazy", {"unsaved", "unloaded"}), ("eager", {"unsaved"})):
        mirror = hydrated(hydration, tasks=tasks)
        mirror.feed(chunk("saved", "a", 0, task_id="t1"), chunk("unsaved", "b", 0, task_id="t1"))
        mirror.feed(chunk("unloaded", "c", 0, task_id="t0"), e.ResyncRequested())
        mirror.land(tasks, messages={"t1": [message_row("saved", "t1")], "t0": [message_row("unloaded", "t0")]})
        assert set(mirror.state.streaming_messages) == left
        assert mirror.state.streaming_messages["unsaved"].text == "b"


def test_a44_a_stream_that_began_during_the_bootstrap_goes_if_its_message_is_read() -> None:
    mirror = Mirror().up()
    mirror.feed(chunk("m1", "a", 0))
    mirror.land([task_row("t1")], messages={"t1": [message_row("m1", "t1")]})
    assert not mirror.state.streaming_messages


def test_a45_a_stream_that_moved_since_the_fetch_began_is_kept_until_the_next_one() -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "a", 0), e.ResyncRequested())
    mirror.answer("session", session=session_row(["t1"]))
    mirror.answer("tasks", tasks=[task_row("t1")])
    mirror.answer("queue")
    mirror.feed(chunk("m1", "b", 1))
    mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
    assert mirror.state.streaming_messages["m1"].text == "ab"
    mirror.feed(e.ResyncRequested())
    mirror.land([task_row("t1")], messages={"t1": [message_row("m1", "t1")]})
    assert not mirror.state.streaming_messages


def test_a46_without_hydration_a_cached_row_is_no_proof_and_nothing_is_read() -> None:
    mirror = hydrated("none")
    mirror.feed(e.LoadRequested("t1"))
    mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
    mirror.feed(e.UnloadRequested("t1"), e.LoadRequested("t1"))
    mirror.answer("messages", "t1", messages=[message_row("m0", "t1")])
    mirror.feed(chunk("m1", "again", 0, task_id="t1"), e.ResyncRequested())
    assert "messages t1" not in mirror.asked()
    mirror.land([task_row("t1")])
    assert mirror.asked() == []
    mirror.feed(e.LoadRequested("t1"))
    mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
    assert not mirror.state.streaming_messages


def test_a47_a_row_of_another_session_or_task_does_not_take_the_stream() -> None:
    mirror = hydrated()
    before = mirror.feed(chunk("m1", "a", 0, task_id="t1"))
    assert mirror.feed(saved("messages", {**message_row("m1", "t1"), "session_id": "another"})) is before
    mirror.feed(saved("messages", message_row("m1", "t2")))
    assert "m1" in mirror.state.streaming_messages
    mirror.feed(e.LoadRequested("t1"))
    mirror.answer("messages", "t1", messages=[{**message_row("m1", "t1"), "session_id": "another"}])
    assert "m1" in mirror.state.streaming_messages


def test_a43_a48_an_unloaded_tasks_stream_stays_until_an_explicit_load() -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "a", 0, task_id="t1"), e.ResyncRequested())
    mirror.answer("session", session=session_row(["t1"]))
    mirror.answer("tasks", tasks=[task_row("t1")])
    mirror.answer("queue")
    mirror.feed(e.UnloadRequested("t1"))
    mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
    assert not mirror.state.is_task_loaded("t1")
    assert mirror.message_ids("t1") == []
    assert "m1" in mirror.state.streaming_messages
    mirror.feed(e.LoadRequested("t1"))
    mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
    assert not mirror.state.streaming_messages
    assert mirror.message_ids("t1") == ["m1"]


def test_a_message_without_a_task_only_clears_its_stream() -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "a", 0), RawEvent("messages created", message_row("m1", None)))
    assert not mirror.state.streaming_messages
    assert mirror.message_ids("t1") == []
    assert mirror.state.session_id == SID


@given(st.lists(st.sampled_from(["chunk", "thought", "ask", "row"]), min_size=1, max_size=12))
def test_l8_a_fetched_row_takes_its_stream_only_if_it_has_not_moved_since_the_fetch_began(steps: list[str]) -> None:
    """Whatever the interleaving: text that came after a fetch was asked for is never taken away by its answer."""
    mirror = hydrated(tasks=[task_row("t1", "running"), task_row("t0", "completed")])
    moved_since_ask = False
    shown = ""
    for n, step in enumerate(steps):
        if step == "chunk" or step == "thought":
            text = f"<{n}>"
            mirror.feed(chunk("m1", text, task_id="t1") if step == "chunk" else thinking("m1", text, task_id="t1"))
            if "m1" in mirror.state.streaming_messages:
                shown += text if step == "chunk" else ""
                moved_since_ask = True
        elif step == "ask":
            if "messages t1" not in mirror.asked():
                moved_since_ask = False
            mirror.feed(e.LoadRequested("t1"))
        elif "messages t1" in mirror.asked():
            was_there = "m1" in mirror.state.streaming_messages
            mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
            assert ("m1" in mirror.state.streaming_messages) == (was_there and moved_since_ask)
        if "m1" in mirror.state.streaming_messages:
            assert mirror.state.streaming_messages["m1"].text == shown


def test_the_end_of_its_task_is_no_movement_that_keeps_a_stream_from_its_fetched_row() -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "saved while nobody listened", 0, task_id="t1"))
    mirror.down()
    mirror.up(2)
    for kind, row in (("session", {"session": session_row(["t1"])}), ("tasks", {"tasks": [task_row("t1")]})):
        mirror.answer(kind, **row)
    mirror.answer("queue", tasks=[])
    mirror.fetch("messages", "t1")
    mirror.feed(finish("t1"))
    assert mirror.state.streaming_messages["m1"].settled
    mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
    assert not mirror.state.streaming_messages


def test_a_stream_of_a_task_that_is_not_there_is_gone_once_all_tasks_have_been_read_after_it() -> None:
    mirror = hydrated()
    mirror.feed(chunk("mx", "of a task made and removed while nobody listened", 0, task_id="t9"))
    assert "mx" in mirror.state.streaming_messages
    mirror.feed(e.ResyncRequested())
    mirror.feed(chunk("my", "its task may yet be told of", 0, task_id="t8"))
    mirror.land([task_row("t1")], messages={"t1": []})
    assert list(mirror.state.streaming_messages) == ["my"]


@given(
    st.lists(st.sampled_from(["start", "chunk", "thinking", "error", "end"]), max_size=8),
    st.sampled_from(sorted(ENDED_STATUSES)),
)
def test_l8_when_its_task_ends_nothing_of_a_stream_is_left_under_way(steps: list[str], status: str) -> None:
    made = {"start": start, "end": end, "error": error}
    mirror = hydrated()
    for n, step in enumerate(steps):
        item = (
            chunk("m1", "x", n) if step == "chunk" else thinking("m1", "x") if step == "thinking" else made[step]("m1")
        )
        mirror.feed(item)
    known = mirror.state.streaming_messages.get("m1")
    mirror.feed(finish("t1", status))
    left = mirror.state.streaming_messages.get("m1")
    assert (left is not None) == (known is not None and bool(known.text or known.error))
    if left is not None and known is not None:
        assert (left.settled, left.streaming, left.is_thinking) == (True, False, False)
        assert (left.text, left.error) == (known.text, known.error)

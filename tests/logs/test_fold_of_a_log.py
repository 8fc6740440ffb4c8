"""The offline fold of a log is the live state, whatever came, however it is compressed, and from any keyframe on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive import logs
from agor_reactive.core import events as e
from agor_reactive.core.state_data import StateDataError, state_from_data, state_to_data
from agor_reactive.errors import NotFound, UsageError
from agor_reactive.logs.writing import Options
from agor_reactive.models.wire import UNREADABLE, CutText, LinkStatus, RawEvent
from tests.core.build import SID, chunk, end, hydrated, raw, saved, start, task_row, thinking
from tests.core.strategies import hydrations, sequences
from tests.logs.writer import BEGIN, Recorded


def dumped(state: Any) -> bytes:
    """All but the revision: how many events one snapshot takes in differs from tick to tick."""
    data = state.dump()
    del data["revision"]
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


@given(hydrations, sequences, sequences, st.sampled_from(["", ".gz", ".zst"]), st.booleans())
def test_the_fold_of_a_log_equals_the_live_state(
    hydration: str, first: list[Any], then: list[Any], suffix: str, keyframe: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, f"log.jsonl{suffix}")
        recorded = Recorded(path, hydration).feed(*first)
        if keyframe:
            recorded.keyframe()
        recorded.feed(*then).close()
        with logs.open(path) as log:
            assert dumped(log.fold()) == dumped(recorded.state)
            assert log.damage == ()


@given(hydrations, sequences, sequences)
def test_a_state_written_as_data_goes_on_as_the_state_itself(hydration: str, first: list[Any], then: list[Any]) -> None:
    mirror = hydrated(hydration, []) if hydration == "none" else hydrated(hydration)
    mirror.feed(*first)
    again = state_from_data(orjson.loads(orjson.dumps(state_to_data(mirror.state), option=orjson.OPT_NON_STR_KEYS)))
    assert dumped(again) == dumped(mirror.state)
    assert again.books == mirror.state.books
    twin = hydrated(hydration, []) if hydration == "none" else hydrated(hydration)
    twin.state = again
    assert dumped(twin.feed(*then)) == dumped(mirror.feed(*then))
    assert twin.state.fetches == mirror.state.fetches


@pytest.mark.parametrize("data", [{}, {"revision": "x"}, {"status": {}}, None, [], {"books": 3}])
def test_data_that_is_no_state_is_a_named_error(data: Any) -> None:
    with pytest.raises(StateDataError):
        state_from_data(data)


def test_half_a_character_at_the_end_of_a_chunk_is_completed_by_the_next(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(start("m1"))
    for number, half in enumerate(("A\ud83d", "\ude00B")):
        cut = CutText(half.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), half)
        one = RawEvent("messages streaming:chunk", {"session_id": SID, "message_id": "m1", "chunk": cut}, BEGIN)
        one.payload["sequence"] = number
        recorded.writer.event(one)
    recorded.close()
    stream = logs.open(tmp_path / "log.jsonl").fold().get_streaming_message("m1")
    assert stream is not None
    assert stream.text == "A😀B"


def test_an_unreadable_event_counts_for_the_sessions_it_names(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.writer.event(RawEvent(UNREADABLE, {"session_ids": ["another"]}, BEGIN))
    recorded.writer.event(RawEvent(UNREADABLE, {"session_ids": [SID]}, BEGIN))
    recorded.writer.event(RawEvent(UNREADABLE, {"session_ids": []}, BEGIN))
    recorded.close()
    state = logs.open(tmp_path / "log.jsonl").fold()
    assert sum(state.anomalies.values()) == 2


def test_states_are_those_that_the_live_mirror_had(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    seen = []
    for event in (e.LinkChanged(LinkStatus("live", epoch=1)), start("m1"), chunk("m1", "a", 0), chunk("m1", "a", 0)):
        recorded.feed(event)
        if not seen or seen[-1][1] is not recorded.state:
            seen.append((recorded.now, recorded.state))
    recorded.close()
    states = list(logs.open(tmp_path / "log.jsonl").states())[1:]  # the first is the empty one
    assert [(t, dumped(state)) for t, state in states] == [(t, dumped(state)) for t, state in seen]


def test_the_state_at_a_time_is_that_after_the_last_event_not_after_it(tmp_path: Path) -> None:
    Recorded(tmp_path / "log.jsonl").feed(start("m1"), chunk("m1", "a", 0), chunk("m1", "b", 1)).close()
    log = logs.open(tmp_path / "log.jsonl")
    texts = [log.at(BEGIN + second).streaming_messages["m1"].text for second in (0, 1, 1.5, 2, 99)]
    assert texts == ["", "a", "a", "ab", "ab"]
    with pytest.raises(UsageError, match="begins after"):
        log.at(BEGIN - 1)


def test_events_and_those_between_two_times(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(start("m1"), chunk("m1", "a", 0), raw("noise"), chunk("m1", "b", 1)).close()
    log = logs.open(tmp_path / "log.jsonl")
    assert [event.at - BEGIN for event in log.events()] == [0, 1, 2, 3]
    assert [event.at - BEGIN for event in log.between(BEGIN + 1, BEGIN + 3)] == [1, 2]
    assert [event.topic for event in log.events(SID[:8])][1] == "messages streaming:chunk"


def test_a_diff_says_what_happened_between_two_times(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(
        saved("tasks", task_row("t1", "running")),
        start("m1", task_id="t1"),
        chunk("m1", "a", 0),
        chunk("m1", "bc", 1),
        thinking("m1", "hm"),
        end("m1", 2),
        saved("tasks", task_row("t1", "completed"), "patched"),
    ).close()
    log = logs.open(tmp_path / "log.jsonl")
    middle = log.diff(BEGIN + 2, BEGIN + 4)
    assert [(growth.added, growth.thinking_added) for growth in middle.text] == [("bc", "hm")]
    assert not middle.tasks_added
    whole = log.diff(BEGIN, BEGIN + 9)
    assert [(change.before, change.after) for change in whole.status] == [("running", "completed")]
    assert [task.task_id for task in whole.tasks_ended] == ["t1"]
    assert not log.diff(BEGIN + 9, BEGIN + 10)
    with pytest.raises(UsageError, match="before the first"):
        log.diff(BEGIN + 2, BEGIN)


def test_a_log_of_several_sessions_needs_a_name(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.writer.mirror(2, "other-session", "lazy")
    recorded.feed(start("m1"), RawEvent("messages streaming:start", {"session_id": "other-session", "message_id": "x"}))
    recorded.close()
    log = logs.open(tmp_path / "log.jsonl")
    assert log.sessions == (SID, "other-session")
    assert [(mirror.number, mirror.events) for mirror in log.mirrors] == [(1, 1), (2, 1)]
    with pytest.raises(UsageError, match="2 sessions"):
        log.fold()
    with pytest.raises(NotFound):
        log.fold("zzz")
    assert list(log.fold("other").streaming_messages) == ["x"]
    assert {session: list(state.streaming_messages) for session, state in log.fold_all().items()} == {
        SID: ["m1"],
        "other-session": ["x"],
    }


def test_after_a_release_the_last_state_stays(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl").feed(start("m1"))
    recorded.writer.plain(kind="release", mirror=1)
    recorded.writer.event(chunk("m1", "late", 0))
    recorded.close()
    assert logs.open(tmp_path / "log.jsonl").fold().streaming_messages["m1"].text == ""


def test_parts_of_a_rotated_log_and_two_logs_of_a_session_join(tmp_path: Path) -> None:
    first = Recorded(tmp_path / "a.jsonl", options=Options(rotate_bytes=400))
    first.feed(start("m1"), *[chunk("m1", str(number % 10), number) for number in range(30)]).close()
    paths = first.writer.paths
    assert len(paths) > 3
    assert paths[1].name == "a.2.jsonl"
    log = logs.open([*reversed(paths)])
    assert log.fold().streaming_messages["m1"].chunk_count == 30
    assert not log.damage
    second = Recorded(tmp_path / "b.jsonl", begin=BEGIN + 1_000)
    second.state = first.state
    second.keyframe().feed(chunk("m1", "!", 30)).close()
    both = logs.open([tmp_path / "b.jsonl", *paths])
    assert dumped(both.fold()) == dumped(second.state)
    assert len(both.mirrors) == 2
    assert both.mirrors[0].events == 31


def test_frames_have_a_row_per_task_message_and_tool(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    recorded = Recorded(tmp_path / "log.jsonl", "eager")
    recorded.state = hydrated("eager").state
    use = [{"type": "tool_use", "id": "u1", "name": "Bash", "input": {}}]
    result = [{"type": "tool_result", "tool_use_id": "u1", "content": "ok"}]
    recorded.keyframe().feed(
        saved("messages", {**_message("m1", 0), "content": use}),
        saved("messages", {**_message("m2", 3), "content": result}),
    ).close()
    log = logs.open(tmp_path / "log.jsonl")
    assert list(log.to_frame()["task_id"]) == ["t1"]
    assert list(log.to_frame("messages")["message_id"]) == ["m1", "m2"]
    tools = log.to_frame("tools")
    assert list(tools["tool_name"]) == ["Bash"]
    assert list(tools["took_s"]) == [3.0]
    with pytest.raises(UsageError, match="no frame"):
        log.to_frame("rows")
    with pytest.raises(UsageError, match="no library"):
        log.to_frame(library="dask")


def _message(message_id: str, second: int) -> dict[str, Any]:
    from tests.core.build import message_row

    return message_row(message_id, "t1", second)

"""The workloads: the same for the same seed, as large as named, true to the wire, and folded alike by both folds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest

from agor_reactive.core.parse import parse_payload
from benchmarks import mirror, workloads
from benchmarks.bases import decode
from benchmarks.cases.equality import dumps
from benchmarks.cases.fanout import chunks_over
from benchmarks.least import Least
from benchmarks.workloads import FOLDED, Scale, Workload

QUICK = Scale(quick=True)
NAMES = list(FOLDED)


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_is_the_same_each_time(name: str) -> None:
    assert FOLDED[name](QUICK) == FOLDED[name](QUICK)


def test_workloads_are_as_large_as_they_are_named() -> None:
    counted = {name: Counter(topic for topic, _ in FOLDED[name](Scale()).events) for name in ("chat", "stream")}
    chat, stream = counted["chat"], counted["stream"]
    assert chat["tasks created"] == 10
    assert chat["messages streaming:start"] == chat["tasks tool:start"] == 200
    assert chat["messages streaming:chunk"] == 10_000
    assert stream["tasks created"] == 1
    assert stream["messages streaming:start"] == 4
    assert stream["messages streaming:chunk"] == 20_000


@pytest.mark.parametrize("name", NAMES)
def test_every_event_concerns_the_session_and_no_noise_does(name: str) -> None:
    load = FOLDED[name](QUICK)
    assert all(payload["session_id"] == load.session_id for _, payload in load.events)
    assert all(parse_payload(topic, payload) is not None for topic, payload in load.events)
    assert load.noise
    assert all(parse_payload(topic, payload) is None for topic, payload in load.noise)


@pytest.mark.parametrize("name", NAMES)
def test_frames_decode_to_the_events_they_were_made_of(name: str) -> None:
    load = FOLDED[name](QUICK)
    assert [tuple(decode(frame)) for frame in workloads.frames(load.events)] == list(load.events)


@pytest.mark.parametrize(("name", "scale"), [*((name, QUICK) for name in NAMES), ("chat", Scale())])
def test_the_textbook_fold_and_ours_end_in_equal_dumps(name: str, scale: Scale) -> None:
    ours, theirs = dumps(FOLDED[name](scale))
    assert ours == theirs


def test_both_folds_agree_in_the_middle_of_a_message() -> None:
    load = FOLDED["chat"](QUICK)
    for cut in range(1, len(load.events), 37):
        ours, theirs = dumps(Workload("cut", load.session_id, load.events[:cut], ()))
        assert ours == theirs


def test_both_folds_agree_on_growth_history_and_one_long_message() -> None:
    history = workloads.history(20)
    more = workloads.mix(20, 5, ids_in_session=True)
    assert more.session_id == history.session_id
    for events in (history.events, (*history.events, *more.events), workloads.one_message(300).events):
        ours, theirs = dumps(Workload("growth", history.session_id, tuple(events), ()))
        assert ours == theirs


def test_a_fanout_spreads_its_chunks_evenly_in_turns() -> None:
    ids, events = chunks_over(10, 200)
    assert [payload["session_id"] for _, payload in events] == ids * 20


def test_the_least_mirror_has_the_text_of_each_session_that_a_feed_has() -> None:
    ids, events = chunks_over(3, 300)
    frames = workloads.payloads(events)
    least, feed = Least(ids), mirror.Feed(ids)
    try:
        least.run_frames(frames)
        feed.run_frames(frames)
        texts = [[stream.text for stream in handle.state.streaming_messages.values()] for handle in feed.handles]
    finally:
        feed.close()
    streams = [least.mirrors[session_id].snapshot.streams.values() for session_id in ids]
    assert [["".join(stream.chunks) for stream in of_session] for of_session in streams] == texts
    assert all(texts)
    assert least.notified == 6  # 256 chunks a turn: two turns of three sessions


def test_dumped_workloads_read_back_as_the_same_events(tmp_path: Path) -> None:
    written = workloads.dump(tmp_path, QUICK)
    assert {"chat.jsonl", "long.jsonl", "huge.jsonl", "stream.jsonl", "growth-10.jsonl"} <= {p.name for p in written}
    lines = [orjson.loads(line) for line in (tmp_path / "chat.jsonl").read_bytes().splitlines()]
    assert [(line["event"], line["payload"]) for line in lines] == list(FOLDED["chat"](QUICK).events)


def test_a_feed_folds_what_it_is_given_and_tells_its_subscriber() -> None:
    load = FOLDED["chat"](QUICK)
    feed = mirror.Feed([load.session_id])
    try:
        notified = feed.notified
        feed.run_frames(workloads.payloads(load.events))
        assert feed.notified > notified
        after = feed.handles[0].state.dump()
    finally:
        feed.close()
    bare = mirror.folded(mirror.read_state(load.session_id), mirror.parsed(load.events)).dump()
    same = ("tasks", "messages_by_task", "streaming_messages", "tools_by_task", "loaded_task_ids", "session")
    assert {name: after[name] for name in same} == {name: bare[name] for name in same}

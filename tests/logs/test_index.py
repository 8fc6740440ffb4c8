"""Keyframes: the state at any time is the one that a fold from the beginning gives, and a bad index is made anew."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path
from typing import Any

import pytest

from agor_reactive import logs
from agor_reactive.core import events as e
from agor_reactive.logs import files, index, index_file
from agor_reactive.logs.log import Log
from agor_reactive.models.wire import LinkStatus, RawEvent
from tests.core.build import answer_of, message_row, session_row, stamp, task_row
from tests.logs.test_fold_of_a_log import dumped
from tests.logs.writer import BEGIN, Recorded


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes for logs as small as those of tests."""
    monkeypatch.setattr(index, "SPACING", 20)
    monkeypatch.setattr(index_file, "_WORTH_IT", 0)
    monkeypatch.setattr(files, "FRAME", 2_000)
    monkeypatch.setattr(files, "_BLOCK", 1_000)
    monkeypatch.setattr(files, "_COMPRESSED_BLOCK", 500)


def work(seed: int) -> list[Any]:
    """A bootstrap, then tasks, messages, streams, removals, drops and loads in a random order."""
    chance = random.Random(seed)
    rows = [task_row("t0", "completed"), task_row("t1", "running", second=1)]
    kept = [message_row(f"old{number}", "t0", number) for number in range(5)]
    found: list[Any] = [
        e.LinkChanged(LinkStatus("live", epoch=1)),
        e.FetchAnswered(1, answer_of(), 1.0),
        e.FetchAnswered(2, answer_of(session=session_row(["t0", "t1"])), 1.0),
        e.FetchAnswered(3, answer_of(tasks=rows), 1.0),
        e.FetchAnswered(4, answer_of(), 1.0),
        e.FetchAnswered(5, answer_of(messages=kept), 1.0),
    ]
    numbers = itertools.count()
    for _ in range(150):
        number = next(numbers)
        task_id = f"t{chance.randrange(6)}"
        kinds: list[Any] = [
            RawEvent("tasks created", task_row(task_id, "running", second=number)),
            RawEvent("tasks patched", task_row(task_id, chance.choice(["running", "completed"]), second=number)),
            RawEvent("messages created", message_row(f"m{number}", task_id, number, content=f"text {number}")),
            RawEvent("messages patched", message_row(f"m{chance.randrange(number + 1)}", task_id, 1, content="new")),
            RawEvent("messages removed", message_row(f"m{chance.randrange(number + 1)}", task_id)),
            RawEvent(
                "messages streaming:chunk",
                {"session_id": task_row("")["session_id"], "message_id": "s", "chunk": "x", "sequence": number},
            ),
            e.LoadRequested(task_id),
            e.FetchAnswered(chance.randint(6, 12), answer_of(messages=[message_row("late", task_id, 3)]), 2.0),
        ]
        found.append(chance.choice(kinds))
        if number == 100:
            found.append(RawEvent("tasks removed", task_row("t1", timestamp=stamp(number))))
    return found


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("seed", range(4))
def test_a_state_by_keyframe_equals_the_fold_from_the_beginning(tmp_path: Path, seed: int, suffix: str) -> None:
    path = tmp_path / f"log.jsonl{suffix}"
    recorded = Recorded(path, "eager")
    events = work(seed)
    recorded.feed(*events[:90]).keyframe().feed(*events[90:]).close()
    expected = {t: dumped(state) for t, state in logs.open(path).states()}
    for fresh in (True, False):  # made, and read from beside the log
        log = logs.open(path)
        assert (tmp_path / f"log.jsonl{suffix}.index").exists() is not fresh
        for t in random.Random(seed).sample(sorted(expected), 40):
            assert dumped(log.at(t)) == expected[t]
        made = log._index
        assert made is not None
        assert len(made.keyframes) > 3


def test_a_state_by_keyframe_goes_on_as_the_fold_does(tmp_path: Path) -> None:
    """Rows that are read from the log compare with new ones as those of a fold."""
    path = tmp_path / "log.jsonl"
    recorded = Recorded(path, "eager").feed(*work(7)).close()
    state = logs.open(path).at(recorded.now)
    same = [RawEvent("messages created", entry.to_wire()) for entry in recorded.state.get_task_messages("t0")]
    from agor_reactive.core.fold import fold_raw

    assert same
    assert dumped(fold_raw(state, same)) == dumped(fold_raw(recorded.state, same))
    assert fold_raw(state, same).messages_by_task is state.messages_by_task


def _damage(path: Path, how: str) -> None:
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    elif how == "noise":
        path.write_bytes(os.urandom(200))
    elif how == "empty":
        path.write_bytes(b"")


@pytest.mark.parametrize("how", ["cut", "noise", "empty"])
def test_an_index_that_cannot_be_read_is_made_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "log.jsonl"
    recorded = Recorded(path, "eager").feed(*work(1)).close()
    logs.open(path).at(BEGIN + 50)
    sidecar = tmp_path / "log.jsonl.index"
    whole = sidecar.read_bytes()
    assert sidecar.stat().st_mode & 0o777 == 0o600
    _damage(sidecar, how)
    assert dumped(logs.open(path).at(recorded.now)) == dumped(recorded.state)
    assert sidecar.read_bytes() == whole


def test_a_log_that_changed_gets_a_new_index(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    recorded = Recorded(path, "eager").feed(*work(2)[:80])
    _wait_for(recorded)
    stale = logs.open(path)
    stale.at(BEGIN + 30)
    recorded.feed(*work(2)[80:]).close()
    assert dumped(logs.open(path).at(recorded.now)) == dumped(recorded.state)


def _wait_for(recorded: Recorded) -> None:
    """Until everything is in the file."""
    import time

    ends = time.monotonic() + 10
    while recorded.writer._put != recorded.writer._taken:
        assert time.monotonic() < ends
    recorded.writer._file.flush()


def test_where_the_folder_cannot_be_written_the_index_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.jsonl"
    recorded = Recorded(path, "eager").feed(*work(3)).close()

    def refuse(*args: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(index_file, "_write", refuse)
    log = logs.open(path)
    assert dumped(log.at(recorded.now)) == dumped(recorded.state)
    assert log._index is not None
    assert list(tmp_path.iterdir()) == [path]


def test_several_logs_are_read_without_an_index(tmp_path: Path) -> None:
    Recorded(tmp_path / "a.jsonl", "eager").feed(*work(4)).close()
    second = Recorded(tmp_path / "b.jsonl", "eager", begin=BEGIN + 1_000).feed(*work(5)).close()
    log: Log = logs.open([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    assert dumped(log.at(second.now)) == dumped(second.state)
    assert log._index is None

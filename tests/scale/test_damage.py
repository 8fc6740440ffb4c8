"""What cannot be read is reported, and the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from agor_reactive import logs, scale
from agor_reactive.errors import UsageError
from tests.scale.recordings import Written, turn

pytest.importorskip("dask", reason='needs pip install "agor-reactive[dask]"')


def damaged(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "cut":
        path.write_bytes(data[:-12])
    elif how == "flipped":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "another":
        path.write_text("this is no log\n")
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "another", "absent"])
def test_a_damaged_file_is_reported_and_the_rest_goes_on(five: list[Path], how: str) -> None:
    whole = scale.fold_logs(five, "task").compute()
    damaged(five[2], how)
    frame, damage = scale.fold_logs(five, "task").compute_with_damage()
    assert {Path(one.path) for one in damage} == {five[2]}
    lost = whole["session_id"] == "01a20fce-d685-732c-b447-000000000002"
    rest = frame[frame["session_id"] != "01a20fce-d685-732c-b447-000000000002"]
    assert rest.astype(str).to_dict("records") == whole[~lost].astype(str).to_dict("records")
    assert scale.fold_logs(five).damage() == damage
    if how == "cut":
        assert len(rest) < len(frame) < len(whole)
        opened = logs.open(five[2])
        opened.fold_all()
        assert damage == opened.damage


def test_a_file_that_vanishes_after_the_plan_is_reported(five: list[Path]) -> None:
    frame = scale.fold_logs(five, "session")
    five[1].unlink()
    made, damage = frame.compute_with_damage()
    assert len(made) == 4
    assert [Path(one.path).name for one in damage] == ["s1.jsonl.zst"]


def test_a_newer_log_that_cannot_begin_its_mirror_leaves_the_older_state(tmp_path: Path) -> None:
    older = Written(tmp_path / "a.jsonl", begin=1_000.0).mirror(1).events(turn(1, 0)).close()
    newer = Written(tmp_path / "b.jsonl", begin=2_000.0)
    newer.record(kind="mirror", mirror=1, session_id="01a20fce-d685-732c-b447-000000000001", hydration="?", state=None)
    paths = [*older.paths, *newer.close().paths]
    frame = scale.fold_logs(paths)
    assert [len(state.tasks) for state in frame.states().compute()] == [1]
    assert [Path(one.path).name for one in frame.damage()] == ["b.jsonl"]


def test_if_nothing_is_a_log_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "b.txt").write_text("b\n")
    with pytest.raises(UsageError, match="none of 2 files"):
        scale.fold_logs(str(tmp_path / "*.txt"))
    with pytest.raises(UsageError, match="no JSON"):
        scale.fold_logs(tmp_path / "a.txt")

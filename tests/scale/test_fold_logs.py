"""A fold of many logs gives what the fold of each gives, wherever the files, sessions and partitions are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agor_reactive import logs, scale
from agor_reactive.errors import UsageError
from tests.scale.recordings import Written, everywhere, session_id, turn

_EXTRA = 'needs pip install "agor-reactive[dask]"'
dask_dataframe = pytest.importorskip("dask.dataframe", reason=_EXTRA)
pandas = pytest.importorskip("pandas", reason=_EXTRA)

TABLES = ("session", "task", "tool")


def test_the_tables_hold_what_the_logs_own_frames_hold(five: list[Path]) -> None:
    for by, of in (("task", "tasks"), ("tool", "tools")):
        made = scale.fold_logs(five, by).compute()
        expected = pandas.concat([logs.open(path).to_frame(of) for path in five], ignore_index=True)
        assert len(made) == len(expected) > 0
        for name in expected.columns:
            assert made[name].isna().tolist() == expected[name].isna().tolist(), name
            assert made[name].dropna().tolist() == expected[name].dropna().tolist(), name
    sessions = scale.fold_logs(five).compute()
    assert sessions["turns"].tolist() == [2] * 5
    assert sessions["failed"].tolist() == [0, 0, 0, 0, 1]
    assert sessions["tools"].tolist() == [2] * 5
    assert sessions["cost_usd"].tolist() == [0.5] * 5
    assert sessions["waited_s"].tolist() == [10.0] * 5
    assert sessions["agent"].tolist() == ["codex"] * 5


def test_it_is_a_dask_dataframe_with_the_types_that_it_promises(five: list[Path], tmp_path: Path) -> None:
    for by in TABLES:
        frame = scale.fold_logs(five, by, partition_bytes=1)
        assert isinstance(frame, dask_dataframe.DataFrame)
        assert frame.npartitions == 5
        made = frame.compute()
        assert made.dtypes.to_dict() == frame.dtypes.to_dict()
        frame.to_parquet(tmp_path / by)
        assert len(pandas.read_parquet(tmp_path / by)) == len(made)
    by_model = scale.fold_logs(five, "task").groupby("model").cost_usd.sum().compute()
    assert by_model.to_dict() == {"model-0": 1.5, "model-1": 1.0}


def test_no_cut_changes_the_result(tmp_path: Path) -> None:
    paths = everywhere(tmp_path)
    assert len(paths) > 12
    assert len(scale.fold_logs(paths, partition_bytes=1).plan.partitions) == 12
    for by in TABLES:
        whole = scale.fold_logs(paths, by, partition_bytes=2**30)
        pieces = scale.fold_logs(paths, by, partition_bytes=1)
        assert len(pieces.plan.spread) == 1
        order = [name for name in ("session_id", "task_id", "tool_use_id") if name in whole.columns]
        one, other = (frame.compute().sort_values(order, ignore_index=True) for frame in (whole, pieces))
        pandas.testing.assert_frame_equal(one, other)
        assert not one.duplicated(order).any()


def test_the_states_are_those_of_one_fold_of_all_logs(tmp_path: Path) -> None:
    paths = everywhere(tmp_path)
    expected = logs.open(paths).fold_all()
    for size in (1, 2**30):
        found = scale.fold_logs(paths, partition_bytes=size).states().compute()
        assert {state.session_id: state.dump() for state in found} == {k: v.dump() for k, v in expected.items()}


def test_a_session_in_two_logs_is_one_row_with_the_tasks_of_both(tmp_path: Path) -> None:
    older = Written(tmp_path / "b.jsonl", begin=1_000.0).mirror(1).events(turn(1, 0)).events(turn(1, 1, "running"))
    newer = Written(tmp_path / "a.jsonl", begin=2_000.0).mirror(1, "none", agent="gemini")
    newer.events(turn(1, 1, "failed")).events(turn(1, 2))
    paths = [*older.close().paths, *newer.close().paths]
    session = scale.fold_logs(paths).compute().to_dict("records")
    assert [(row["agent"], row["mirrors"], row["turns"], row["failed"]) for row in session] == [("gemini", 2, 3, 1)]
    tasks = scale.fold_logs(paths, "task").compute().set_index("task_id")
    assert tasks["status"].to_dict() == {"task-1-0": "completed", "task-1-1": "failed", "task-1-2": "completed"}
    # Its messages are known to the older mirror only: the newer one loads none.
    assert tasks.loc["task-1-0", "tools"] == 1
    assert len(scale.fold_logs(paths, "tool").compute().query("task_id == 'task-1-0'")) == 1


def test_the_plan_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = everywhere(tmp_path)
    scale.fold_logs([*paths, tmp_path / "absent.jsonl"], partition_bytes=1).explain()
    said = capsys.readouterr().out
    assert f"{len(paths) + 1} files: 12 logs" in said
    assert "6 sessions, 1 unreadable files" in said
    assert "12 partitions" in said
    assert "6 sessions that several partitions hold" in said
    assert "absent.jsonl" in said


def test_patterns_name_logs_and_not_the_indexes_beside_them(five: list[Path]) -> None:
    folder = five[0].parent
    (folder / "s0.jsonl.zst.index").write_bytes(b"an index")
    assert len(scale.fold_logs(str(folder / "*")).plan.logs) == 5
    assert len(scale.fold_logs([str(folder / "*.zst"), five[0]]).plan.logs) == 5
    with pytest.raises(UsageError, match="no file fits"):
        scale.fold_logs(str(folder / "*.nothing"))
    with pytest.raises(UsageError, match="at least one"):
        scale.fold_logs([])


def test_an_unknown_table_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="session, task, tool"):
        scale.fold_logs(tmp_path / "absent", by="sesion")


def test_records_that_only_look_like_mirrors_are_not_taken_for_some(tmp_path: Path) -> None:
    written = Written(tmp_path / "a.jsonl").mirror(1)
    nested: dict[str, Any] = {"session_id": session_id(1), "kind": "mirror", "text": '{"kind":"mirror"}'}
    written.events([("sessions moved", {**nested, "inner": {"kind": "mirror", "session_id": session_id(7)}})])
    plan = scale.fold_logs(written.close().paths).plan
    assert plan.logs[0].sessions == {session_id(1)}


def test_without_dask_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, five: list[Path]) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(scale, "import_module", absent)
    with pytest.raises(UsageError, match=r"agor-reactive\[dask\]"):
        scale.fold_logs(five)

"""`record`, `--record` and `replay`: what was seen live is seen again."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agor_reactive import logs
from agor_reactive.cli.keys import split_keys
from agor_reactive.cli.player import clock_text
from agor_reactive.cli.replay import moment_of, speed_of
from agor_reactive.errors import UsageError
from tests.cli.conftest import Cli, Process, Served
from tests.core.build import chunk, start
from tests.logs.writer import BEGIN, Recorded


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Nine chunks, one a second."""
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(start("m1"), *[chunk("m1", str(number), number) for number in range(1, 10)]).close()
    return tmp_path / "log.jsonl"


@pytest.mark.parametrize("api_version", ["handshake", "branches", "worktrees"])
def test_the_replay_of_the_demo_ends_with_the_line_of_the_demo(cli: Cli, tmp_path: Path, api_version: str) -> None:
    file = str(tmp_path / "demo.jsonl.zst")
    shown = cli("demo", "--json", "--speed", "30", "--api-version", api_version, "--record", file)
    assert shown.code == 0, shown.err
    assert shown.err.startswith("agor-reactive: recorded ")
    replayed = cli("replay", file, "--speed", "max", "--json")
    assert replayed.code == 0, replayed.err
    assert replayed.err == ""
    assert replayed.out.splitlines()[-1] == shown.out.splitlines()[-1]
    summaries = [json.loads(line) for line in replayed.out.splitlines()[:-1]]
    for summary in map(json.loads, shown.out.splitlines()[:-1]):
        assert summary in summaries


def test_the_replay_of_the_demo_prints_the_transcript_of_the_demo(cli: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "demo.jsonl")
    shown = cli("demo", "--speed", "30", "--record", file).out.splitlines()
    replayed = cli("replay", file, "--speed", "max").out.splitlines()
    transcript = [line for line in replayed if line.strip() and not line.startswith("●")]
    assert transcript
    assert [line for line in shown if line in transcript] == transcript


def test_watch_and_prompt_record_what_they_show(cli: Cli, session_id: str, tmp_path: Path) -> None:
    prompted, watched = (str(tmp_path / f"{name}.jsonl.gz") for name in ("prompt", "watch"))
    ended = cli("prompt", session_id, "Count [say:two]", "-f", "--json", "--record", prompted)
    assert ended.code == 0, ended.err
    assert cli("replay", prompted, "--speed", "max", "--json").last_json == ended.last_json
    ended = cli("watch", session_id, "--json", "--until-idle", "--record", watched)
    assert cli("replay", watched, "--speed", "max", "--json").last_json == ended.last_json
    assert cli("watch", session_id, "--until-idle", "--record", watched).err.endswith("name another file.\n")
    refused = cli("prompt", session_id, "x", "--record", str(tmp_path / "new.jsonl"))
    assert (refused.code, refused.err) == (2, "agor-reactive: --record needs --follow or --answer\n")


def test_record_writes_until_it_is_interrupted(
    cli: Cli, session_id: str, tmp_path: Path, start: Callable[..., Any]
) -> None:
    other = cli("new", "Another").out.strip()
    file = tmp_path / "log.jsonl"
    recording = start(Process, "record", session_id[:23], other, "-o", str(file), "--redact-text", env=cli.env)
    recording.line_that(lambda line: line == f"Recording 2 sessions to {file}. Ctrl-C stops.")
    assert cli("prompt", session_id, "Secret words [say:two]", "-f").code == 0
    recording.interrupt()
    ended = recording.wait()
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1].startswith("recorded ")
    log = logs.open(file)
    assert log.sessions == (session_id, other)
    assert log.fold(session_id).tasks[-1].status == "completed"
    assert "Secret" not in file.read_text()
    several = cli("replay", str(file), "--speed", "max")
    assert (several.code, "name one" in several.err) == (2, True)
    assert cli("replay", str(file), "--session", other[:23], "--speed", "max", "--json").last_json["tasks"] == []


def test_record_all_has_sessions_that_are_created_meanwhile(
    cli: Cli, session_id: str, tmp_path: Path, start: Callable[..., Any]
) -> None:
    file = tmp_path / "log.jsonl"
    recording = start(Process, "record", "--all", "-o", str(file), "--rotate-bytes", "20000", env=cli.env)
    recording.line_that(lambda line: line.startswith("Recording "))
    fresh = cli("new", "Created meanwhile").out.strip()
    assert cli("prompt", fresh, "Count [say:two]", "-f").code == 0
    recording.interrupt()
    ended = recording.wait()
    assert ended.code == 0, ended.err
    log = logs.open(sorted(tmp_path.glob("log*.jsonl")))
    assert {session_id, fresh} <= set(log.sessions)
    assert log.fold(fresh).tasks[-1].status == "completed"
    assert len(log.paths) > 1


def test_an_export_replays_what_was_never_recorded(cli: Cli, session_id: str, tmp_path: Path) -> None:
    for text in ("first [say:one]", "second [tools:2] [say:two]"):
        assert cli("prompt", session_id, text, "-f").code == 0
    file = str(tmp_path / "past.jsonl.zst")
    ended = cli("export", session_id[:23], "-o", file)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("2 tasks and ")
    assert ended.err == ""
    watched = cli("watch", session_id, "--until-idle").out
    replayed = cli("replay", file, "--speed", "max")
    assert replayed.out.removeprefix("· live\n") == watched
    again = cli("export", session_id, "-o", file)
    assert (again.code, "exists already" in again.err) == (2, True)
    missing = cli("export", "01a20fce-0000-7000-8000-000000000000", "-o", str(tmp_path / "no.jsonl"))
    assert (missing.code, "not found" in missing.err) == (1, True)
    assert not (tmp_path / "no.jsonl").exists()


def test_an_export_is_a_page_if_wanted(cli: Cli, session_id: str, tmp_path: Path) -> None:
    assert cli("prompt", session_id, "first [say:one little word]", "-f").code == 0
    page, log = tmp_path / "out.html", tmp_path / "past.jsonl"
    ended = cli("export", session_id, "--html", str(page))
    assert (ended.code, ended.err) == (0, "")
    assert "one little word" in page.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]
    assert cli("export", session_id, "--html", str(page), "-o", str(log), "--redact-text").code == 0
    assert "little" not in page.read_text(encoding="utf-8")
    assert logs.open(log).fold().tasks[-1].status == "completed"
    ended = cli("export", session_id)
    assert (ended.code, ended.err.startswith("agor-reactive: name a file for the log")) == (2, True)


class ServedLog(Served):
    COMMAND = "replay"


def test_a_served_log_is_watched_like_a_daemon(cli: Cli, tmp_path: Path, start: Callable[..., Any]) -> None:
    file = str(tmp_path / "demo.jsonl")
    expected = cli("demo", "--json", "--speed", "30", "--record", file).last_json
    served = start(ServedLog, file, "--serve", "--speed", "max")
    watched = cli("watch", expected["session_id"], "--json", "--until-idle", **served.env)
    assert watched.code == 0, watched.err
    assert [task["task_id"] for task in watched.last_json["tasks"]] == [t["task_id"] for t in expected["tasks"]]
    refused = cli("prompt", expected["session_id"], "More", **served.env)
    assert (refused.code, "plays a log" in refused.err) == (1, True)
    served.interrupt()
    assert served.wait().code == 0
    for words in (["--json"], ["--from", "1"], ["--session", "x"]):
        assert cli("replay", file, "--serve", *words).code == 2


@pytest.mark.parametrize("words", [[], ["--all", "x"]])
def test_record_wants_either_sessions_or_all(cli: Cli, tmp_path: Path, words: list[str]) -> None:
    ended = cli("record", *words, "-o", str(tmp_path / "log.jsonl"))
    assert (ended.code, ended.err) == (2, "agor-reactive: name the sessions to record, or say --all\n")
    ended = cli("record", "01a20fce-0000-7000-8000-000000000000", "-o", str(tmp_path / "log.jsonl"))
    assert (ended.code, "not found" in ended.err) == (1, True)
    assert not list(tmp_path.iterdir())


def texts(out: str) -> list[int]:
    return [json.loads(line)["streamed_characters"] for line in out.splitlines()[:-1]]


def test_from_and_until_cut_the_replay(cli: Cli, log: Path) -> None:
    def replayed(*words: str) -> list[int]:
        ended = cli("replay", str(log), "--json", "--speed", "max", *words)
        assert ended.code == 0, ended.err
        return texts(ended.out)

    assert replayed() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert replayed("--from", "7") == [7, 8, 9]
    assert replayed("--from", "0:06.5") == [6, 7, 8, 9]
    assert replayed("--until", "2") == [0, 0, 1, 2]
    assert replayed("--from", str(BEGIN + 3), "--until", str(BEGIN + 4)) == [3, 4]
    assert replayed("--from", "2025-11-24T16:00:08Z") == [8, 9]
    for wrong in (["--from", "5", "--until", "4"], ["--from", "soon"], ["--speed", "0"], ["--speed", "fast"]):
        assert cli("replay", str(log), *wrong).code == 2


def test_speed_is_kept(cli: Cli, log: Path) -> None:
    began = time.monotonic()
    assert cli("replay", str(log), "--json", "--speed", "30").code == 0
    assert 9 / 30 <= time.monotonic() - began < 9


def test_damage_is_named_and_the_rest_is_shown(cli: Cli, log: Path, tmp_path: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    del lines[5]
    lines[8] = b"{nothing}\n"
    log.write_bytes(b"".join(lines))
    ended = cli("replay", str(log), "--speed", "max", "--json")
    assert ended.code == 0
    assert ended.out
    assert "line 6: 1 records before this one are missing" in ended.err
    assert "line 9: not a record; skipped" in ended.err
    assert len(ended.err.splitlines()) == len(set(ended.err.splitlines()))
    other = tmp_path / "other.txt"
    other.write_text("no log\n")
    for path in (other, tmp_path / "missing.jsonl"):
        ended = cli("replay", str(path))
        assert (ended.code, ended.out) == (1, "")
        assert str(path) in ended.err
    log.write_bytes(lines[0])
    assert cli("replay", str(log)).code == 1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("0", 1_000.0),
        ("90", 1_090.0),
        ("1:30", 1_090.0),
        ("1:01:01", 4_661.0),
        ("1764000000.5", 1_764_000_000.5),
        ("2026-01-01T00:00:00Z", 1_767_225_600.0),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600.0),
    ],
)
def test_times_are_written_in_several_ways(text: str, moment: float) -> None:
    assert moment_of(text, 1_000.0) == moment


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1:2:3:4", "1::2", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        moment_of(text, 1_000.0)


def test_speeds() -> None:
    assert speed_of("max") == math.inf
    assert speed_of("0.5") == 0.5
    for wrong in ("inf", "nan", "-1", "0", ""):
        with pytest.raises(UsageError):
            speed_of(wrong)


@pytest.mark.parametrize(
    ("data", "keys", "rest"),
    [
        (b" q5", ["space", "q", "5"], b""),
        (b"\x1b[C\x1bOD", ["right", "left"], b""),
        (b"\x1b[1;5C\x1b[5~\x1b[A", ["right"], b""),
        (b"a\x1b[", ["a"], b"\x1b["),
        (b"\x1b", [], b"\x1b"),
        (b"\x1bq", ["q"], b""),
        ("é".encode(), [], b""),
    ],
)
def test_keys_are_split(data: bytes, keys: list[str], rest: bytes) -> None:
    assert split_keys(data) == (keys, rest)


def test_a_clock() -> None:
    assert [clock_text(seconds) for seconds in (-1, 0, 61.9, 3_723)] == ["0:00.0", "0:00.0", "1:01.9", "1:02:03"]

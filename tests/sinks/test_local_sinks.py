"""JSON Lines and the terminal; and what becomes of items on the way into a record."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from reactivex import from_iterable

from agor_reactive.errors import UsageError
from agor_reactive.models import RawEvent, Session, row_from_wire
from agor_reactive.sinks import (
    JsonLines,
    Record,
    Sink,
    SinkClosed,
    SinkUnavailable,
    Terminal,
    deliver,
    record_of,
)
from tests.core.build import as_tasks, session_row, task_row
from tests.sinks.recorded import record, texts


async def delivered(sink: Sink, items: list[Any]) -> None:
    async with deliver(from_iterable(items), sink) as delivery:
        await delivery.wait()


def lines_of(path: Path) -> list[str]:
    return [json.loads(line)["data"]["text"] for line in path.read_text().splitlines()]


async def test_lines_are_appended_behind_a_line_that_a_crash_cut(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    await delivered(JsonLines(path), [record(0), record(1)])
    with path.open("a") as file:
        file.write('{"key": "cut')
    await delivered(JsonLines(path), [record(2, text="line\nend \u2028 \ud83d")])
    lines = path.read_text("ascii").splitlines()
    assert lines[2] == '{"key": "cut'
    assert json.loads(lines[3]) == {"key": "k2", "kind": "text", "data": {"text": "line\nend \u2028 \ud83d"}}
    assert len(lines) == 4


async def test_a_batch_is_in_the_file_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.jsonl"
    sink = JsonLines(path)
    await sink.open()
    await sink.write([record(0)])
    real = sink._file
    assert real is not None

    class FullDisk:
        """Takes ten bytes, then fails."""

        def __init__(self) -> None:
            self.left = 10

        def write(self, data: bytes) -> int:
            if not self.left:
                raise OSError(28, "No space left on device")
            self.left = 0
            return real.write(data[:10]) or 0

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    sink._file = FullDisk()  # type: ignore[assignment]
    with pytest.raises(SinkUnavailable, match="No space left"):
        await sink.write([record(1), record(2)])
    sink._file = real
    await sink.write([record(1), record(2)])
    await sink.close()
    assert lines_of(path) == texts(3)


async def test_a_file_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "later"

    async def make_folder(seconds: float) -> None:
        folder.mkdir()

    async with deliver(from_iterable([record(0)]), JsonLines(folder / "out.jsonl"), sleep=make_folder) as delivery:
        await delivery.wait()
    assert lines_of(folder / "out.jsonl") == ["text 0"]


class ClosedPipe(io.StringIO):
    def flush(self) -> None:
        raise BrokenPipeError


@pytest.mark.parametrize("kind", [lambda stream: Terminal(stream=stream), JsonLines])
async def test_a_closed_pipe_ends_the_delivery(kind: Any) -> None:
    delivery = deliver(from_iterable([record(0)]), kind(ClosedPipe()))
    with pytest.raises(SinkClosed):
        await delivery.wait()


async def test_the_terminal_shows_text_without_codes_in_any_encoding() -> None:
    hostile = "\x1b[2J\x1b]0;title\x07red\u202e \x9b31m— é \ud83d"
    for encoding in ("utf-8", "ascii", "latin-1"):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding)
        await delivered(Terminal(template="> {text}", stream=stream), [Record("k", "text", {"text": hostile})])
        shown = raw.getvalue().decode(encoding)
        assert shown.startswith("> red ")
        assert shown.endswith("\n")
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(shown)


async def test_kinds_have_default_texts_and_stdout_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    turn = Record("k", "turn", {"status": "completed", "prompt": "Count.", "text": "One."})
    await delivered(
        Terminal(), [turn, Record("l", "tool_call", {"name": "Bash", "status": "done"}), Record("m", "x", {})]
    )
    assert capsys.readouterr().out == "completed: Count.\nOne.\nBash: done\nx m\n"


# ---- records


@dataclass(frozen=True)
class Call:
    id: str
    task_id: str
    rows: tuple[Any, ...] = ()

    @property
    def twice(self) -> str:
        return self.id * 2


def test_a_dataclass_becomes_json_with_its_properties_and_rows_without_secrets() -> None:
    (task,) = as_tasks([task_row("t1", "completed", full_prompt="use agor_sk_" + "5e" * 24)])
    found = record_of(Call("c1", "t1", (task,)))
    assert (found.key, found.kind, found.data["twice"]) == ("t1/c1", "call", "c1c1")
    assert found.data["rows"][0]["task_id"] == "t1"
    assert json.dumps(found.data).count("[redacted]") == 1


def test_a_row_has_another_key_once_it_has_changed() -> None:
    idle, running, again = (row_from_wire(Session, session_row(status=s)) for s in ("idle", "running", "idle"))
    keys = [record_of(row).key for row in (idle, running, again)]
    assert keys[0] != keys[1]
    assert keys[0] == keys[2]
    assert record_of(idle).kind == "session"


def test_items_without_an_id_are_never_the_same() -> None:
    for item in ({"status": "idle"}, "text", RawEvent("tasks created", {"task_id": "t1"}, 5.0)):
        assert record_of(item).key != record_of(item).key
        assert record_of(item, key=lambda _: "mine").key == "mine"
    assert record_of("text").data == {"text": "text"}
    raw = record_of(RawEvent("tasks created", {"task_id": "t1", "apiKey": "x"}, 5.0))
    assert (raw.kind, raw.data) == (
        "raw_event", {"topic": "tasks created", "payload": {"task_id": "t1", "apiKey": "[redacted]"}, "at": 5.0}
    )  # fmt: skip
    with pytest.raises(UsageError):
        record_of(3)

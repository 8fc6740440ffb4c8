"""Whatever happens to a log's bytes, reading it ends in a result that names what was lost, or in an error of ours."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agor_reactive import logs
from agor_reactive.errors import AgorError, UsageError
from agor_reactive.logs import files
from agor_reactive.logs.files import Damage
from tests.core.build import chunk, start
from tests.logs.writer import Recorded

SUFFIXES = ["", ".gz", ".zst"]


def written(path: Path, chunks: int = 40) -> Recorded:
    return Recorded(path).feed(start("m1"), *[chunk("m1", f"{number} ", number) for number in range(chunks)]).close()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_anywhere_reads_up_to_there_and_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log.jsonl{suffix}"
    whole = written(path).state.streaming_messages["m1"].text
    data = path.read_bytes()
    for cut in range(len(data) - 1, 0, -max(1, len(data) // 60)):
        path.write_bytes(data[:cut])
        try:
            log = logs.open(path)
            state = log.fold()
        except AgorError:
            continue  # not even the header, or no mirror
        stream = state.get_streaming_message("m1")
        assert stream is None or whole.startswith(stream.text)
        assert log.damage, cut


def _damaged(data: bytes, kind: str, chance: random.Random) -> bytes:
    if kind == "cut":
        return data[: chance.randrange(len(data))]
    if kind == "flip":
        flipped = bytearray(data)
        for _ in range(chance.randint(1, 5)):
            flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return bytes(flipped)
    if kind == "shuffle":
        lines = data.splitlines(keepends=True)
        chance.shuffle(lines)
        return b"".join(lines)
    if kind == "version":
        return data.replace(b'"agor_log":1', b'"agor_log":%d' % chance.choice([0, 2, -1, 10**30]), 1)
    if kind == "empty":
        return chance.choice([b"", b"\n", b"\n\n\n", b"\x00" * 50])
    if kind == "huge":
        return data + b'{"n":99,"t":1,"kind":"event","topic":"x","payload":"' + b"a" * chance.choice([10, 300_000])
    if kind == "encoding":
        return data.decode("utf-8", "replace").encode(chance.choice(["utf-16", "utf-32", "utf-8-sig", "utf-7"]))
    if kind == "lines":
        lines = data.splitlines(keepends=True)
        del lines[chance.randrange(len(lines))]
        lines.insert(
            chance.randrange(len(lines)), chance.choice([b"{}\n", b"[1]\n", b"null\n", b"\xff\n", b"{\n", b"1\n"])
        )
        return b"".join(lines)
    fields = chance.choice([b'"payload"', b'"topic"', b'"mirror"', b'"t"', b'"n"', b'"state"', b'"session_id"'])
    return data.replace(fields, chance.choice([b'"zz"', b'"n"', b'"t":[],"x"']), chance.randint(1, 3))


KINDS = ["cut", "flip", "shuffle", "version", "empty", "huge", "encoding", "lines", "fields"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_log_ends_in_a_result_or_a_named_error(
    tmp_path: Path, kind: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seventy-five of each kind: 2,025 in all."""
    monkeypatch.setattr(files, "MAX_LINE", 100_000)
    path = tmp_path / f"log.jsonl{suffix}"
    written(path)
    data = path.read_bytes()
    plain = b"".join(line + b"\n" for _, line in files.lines(path, []))
    chance = random.Random(f"{kind}{suffix}")
    lost = 0
    for _ in range(75):
        broken = _damaged(data if kind in ("cut", "flip") else plain, kind, chance)
        path.write_bytes(broken)
        try:
            log = logs.open(path)
            log.fold()
        except AgorError:
            lost += 1
            continue
        lost += bool(log.damage)
    assert lost or kind == "flip"


def test_missing_records_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:10] + lines[13:]))
    log = logs.open(path)
    log.fold()
    assert [str(one).rpartition(": ")[2] for one in log.damage] == ["3 records before this one are missing"]
    assert isinstance(log.damage[0], Damage)


@pytest.mark.parametrize("block", [1, 50, 700, 2**17])
def test_damage_is_named_by_its_line_however_the_file_is_read(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_BLOCK", block)
    path = tmp_path / "log.jsonl"
    whole = written(path).state
    lines = path.read_bytes().splitlines(keepends=True)
    lines[30:30] = [b"{\n"]
    lines[20:20] = [b"\n", b"  \n", b"null\n"]
    lines[10:10] = [b"\n"]
    lines[:0] = [b"\n", b" \n"]
    path.write_bytes(b"".join(lines))
    log = logs.open(path)
    assert log.fold().dump() == whole.dump()
    assert [(one.line, one.reason) for one in log.damage] == [
        (26, "not a record; skipped"),
        (37, "not a record; skipped"),
    ]
    assert [lines[one.line - 1] for one in log.damage] == [b"null\n", b"{\n"]


def test_damage_in_a_compressed_frame_costs_that_frame_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FRAME", 500)
    path = tmp_path / "log.jsonl.zst"
    state = written(path, 400).state
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    log = logs.open(path)
    stream = log.fold().streaming_messages["m1"]
    assert 300 < stream.chunk_count < state.streaming_messages["m1"].chunk_count
    assert not stream.complete
    assert any("damaged" in str(one) for one in log.damage)


def test_what_is_no_log_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        logs.open(tmp_path / "nothing.jsonl")
    (tmp_path / "other.jsonl").write_text('{"event": "messages created"}\n')
    with pytest.raises(UsageError, match="no log of agor_reactive"):
        logs.open(tmp_path / "other.jsonl")
    with pytest.raises(UsageError, match="at least one"):
        logs.open([])


def test_a_file_is_never_overwritten_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    written(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="exists already"):
        written(path)

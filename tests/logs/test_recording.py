"""Recording sessions while they run: what is written, in which order, and what happens when the disk is too slow."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

import agor_reactive as agor
from agor_reactive import logs
from agor_reactive.errors import HandleDisposed, RecordingFailed, UsageError
from agor_reactive.logs import writing
from agor_reactive.logs.recording import Recording, record
from agor_reactive.session.handles import SessionHandle
from tests.contract.waiting import eventually
from tests.core.build import SID, message_row
from tests.logs.test_fold_of_a_log import dumped
from tests.session.world import OTHER, World, ready


async def live(world: World, handle: SessionHandle) -> None:
    """A reply, a drop in its middle, a load and an unload."""
    world.emit("messages streaming:start", message_id="mx", task_id="t1")
    world.chunk("a", 0)
    await handle.load_task_messages("t0")
    world.link.drop()
    await world.settle(lambda: not handle.state.connected)
    await world.link.open()
    await world.settle(lambda: handle.state.connected and not handle.state.loading, turns=400)
    world.chunk("b", 1)
    handle.unload_task_messages("t0")
    world.emit("messages created", **message_row("m2", "t1", 5))
    await world.settle()


async def test_the_log_of_a_session_folds_to_its_live_state(tmp_path: Path) -> None:
    world, handle = await ready()
    async with record(handle, tmp_path / "log.jsonl.zst") as recording:
        await live(world, handle)
        expected = dumped(handle.state)
    assert recording.dropped == 0
    log = logs.open(recording.paths)
    assert dumped(log.fold()) == expected
    assert log.damage == ()
    handle.release()
    await world.settle()


async def test_a_log_of_a_client_has_every_session_from_its_beginning_to_its_release(tmp_path: Path) -> None:
    world, first = await ready()
    client = agor.create_client(link=world.link)
    client.router, client.registry = world.router, world.registry
    with record(client, tmp_path / "log.jsonl"):
        second = client.registry.retain(OTHER, task_hydration="eager")
        await second.ready()
        await live(world, first)
        ended = dumped(second.state)
        second.release()
        await world.settle()
        expected = dumped(first.state)
    log = logs.open(tmp_path / "log.jsonl")
    assert log.sessions == (SID, OTHER)
    assert dumped(log.fold(SID)) == expected
    assert dumped(log.fold(OTHER)) == ended
    assert [mirror.hydration for mirror in log.mirrors] == ["lazy", "eager"]
    first.release()
    await world.settle()


async def test_a_mirror_that_begins_after_another_was_released_has_a_number_of_its_own(tmp_path: Path) -> None:
    world, first = await ready()
    client = agor.create_client(link=world.link)
    client.router, client.registry = world.router, world.registry
    with record(client, tmp_path / "log.jsonl"):
        second = client.registry.retain(SID, task_hydration="eager")
        await second.ready()
        first.release()
        third = client.registry.retain(OTHER, task_hydration="eager")
        await third.ready()
        world.emit("messages created", **message_row("m9", "t1", 9))
        await world.settle()
        expected = [dumped(second.state), dumped(third.state)]
    log = logs.open(tmp_path / "log.jsonl")
    assert [dumped(state) for _, state in sorted(log.fold_mirrors().items())][1:] == expected
    assert [mirror.hydration for mirror in log.mirrors] == ["lazy", "eager", "eager"]
    second.release()
    third.release()
    await world.settle()


async def test_after_the_recording_nothing_is_written_and_no_thread_is_left(tmp_path: Path) -> None:
    world, handle = await ready()
    before = threading.active_count()
    recording = record(handle, tmp_path / "log.jsonl")
    await recording.aclose()
    size = (tmp_path / "log.jsonl").stat().st_size
    await live(world, handle)
    assert (tmp_path / "log.jsonl").stat().st_size == size
    assert threading.active_count() <= before + 1  # the executor's own thread that waited for the writer
    assert world.router.taps == ()
    await recording.aclose()  # twice changes nothing
    handle.release()
    await world.settle()


async def test_secrets_never_reach_a_log_and_text_only_if_wanted(tmp_path: Path) -> None:
    world, handle = await ready()
    secret, prose = "agor_sk_" + "5e" * 24, "A prompt that nobody else should read"
    with record(handle, tmp_path / "plain.jsonl"), record(handle, tmp_path / "blank.jsonl", redact_text=True):
        await live(world, handle)
        world.emit(
            "messages created", **message_row("m3", "t0", 5, content=f"{prose} {secret}", metadata={"token": "x1y2"})
        )
        world.emit("messages streaming:start", message_id="my", task_id="t1")
        world.chunk(prose, 0, "my")
        await world.settle()
        expected = handle.state
    plain, blank = (tmp_path / f"{name}.jsonl" for name in ("plain", "blank"))
    for path in (plain, blank):
        assert secret not in path.read_text()
        assert "x1y2" not in path.read_text()
    assert prose in plain.read_text()
    assert prose not in blank.read_text()
    folded = logs.open(blank).fold()
    assert [message.content for message in folded.get_task_messages("t1")] == ["xxxxxxxxxxxxx"] * 2
    assert folded.streaming_messages["my"].text == "x" * len(prose)
    assert [task.status for task in folded.tasks] == [task.status for task in expected.tasks]
    assert [message.message_id for message in folded.get_task_messages("t1")] == ["m1", "m2"]
    handle.release()
    await world.settle()


@pytest.mark.parametrize("topic", ["messages streaming:chunk", "messages thinking:chunk", "messages streaming:start"])
async def test_a_key_in_an_event_of_a_stream_never_reaches_a_log(tmp_path: Path, topic: str) -> None:
    """Events of streams skip the redaction of `client.events`, which is on the hot path; a log is not."""
    world, handle = await ready()
    secret = "agor_sk_" + "5e" * 24
    with record(handle, tmp_path / "log.jsonl"):
        world.emit(topic, message_id="mx", task_id="t1", chunk=f"the key {secret} ends", role=secret, sequence=0)
        await world.settle()
    text = (tmp_path / "log.jsonl").read_text()
    assert topic in text
    assert secret not in text
    handle.release()
    await world.settle()


class Gate:
    """Holds the writer's thread back until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        line = writing.json_bytes

        def held(entry: dict[str, Any]) -> bytes:
            assert "agor_log" in entry or self.open.wait(10)  # the header is written by the caller's thread
            return line(entry)

        monkeypatch.setattr(writing, "json_bytes", held)


async def test_what_finds_no_room_is_counted_and_the_mirror_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    world, handle = await ready()
    recording = record(handle, tmp_path / "log.jsonl", max_buffered=10)
    for number in range(50):
        world.chunk("x", number)
    assert recording.dropped > 30
    gate.open.set()
    await written(recording)
    for number in range(50, 55):
        world.chunk("y", number)
    expected = dumped(handle.state)
    await recording.aclose()
    log = logs.open(tmp_path / "log.jsonl")
    assert dumped(log.fold()) == expected
    [dropped] = [entry["count"] for entry in log.records() if entry["kind"] == "dropped"]
    assert dropped == recording.dropped
    handle.release()
    await world.settle()


async def written(recording: Recording) -> None:
    """Until the writer has taken all that was handed over."""
    await eventually(lambda: recording._writer._put == recording._writer._taken)


async def test_a_disk_that_is_full_ends_the_recording_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world, handle = await ready()
    recording = record(handle, tmp_path / "log.jsonl")

    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording._writer._file, "write", full)
    world.chunk("x", 0)
    await eventually(lambda: recording.error)
    assert "No space left" in (recording.error or "")
    assert "recording stopped" in caplog.text
    world.chunk("y", 1)
    assert handle.state.streaming_messages["mx"].text == "xy"
    with pytest.raises(RecordingFailed, match="No space left"):
        await recording.aclose()
    handle.release()
    await world.settle()


async def test_wrong_arguments_fail_at_once(tmp_path: Path) -> None:
    world, handle = await ready()
    for wrong in ({"rotate_bytes": -1}, {"rotate_seconds": -0.5}, {"max_buffered": 0}):
        with pytest.raises(UsageError):
            record(handle, tmp_path / "log.jsonl", **wrong)
    with pytest.raises(UsageError, match="not str"):
        record("a session", tmp_path / "log.jsonl")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot be written"):
        record(handle, tmp_path / "no" / "such" / "folder.jsonl")
    assert not (tmp_path / "log.jsonl").exists()
    short = world.registry.retain(SID[:8])
    with pytest.raises(UsageError, match="full id"):
        record(short, tmp_path / "log.jsonl")
    await short.ready()
    short.release()
    handle.release()
    with pytest.raises(HandleDisposed):
        record(handle, tmp_path / "log.jsonl")
    await world.settle()


async def test_the_first_line_says_what_it_is(tmp_path: Path) -> None:
    world, handle = await ready()
    with record(handle, tmp_path / "log.jsonl", clock=lambda: 77.0):
        pass
    header = orjson.loads((tmp_path / "log.jsonl").read_bytes().splitlines()[0])
    assert header["agor_log"] == 1
    assert header["t"] == 77.0
    assert header["package"] == agor.__version__
    assert logs.open(tmp_path / "log.jsonl").header == header
    handle.release()
    await world.settle()


async def test_several_handles_record_into_one_log_and_nothing_else_gets_in(tmp_path: Path) -> None:
    world, first = await ready()
    second = world.registry.retain(OTHER, task_hydration="eager")
    await second.ready()
    with record([first, second, first], tmp_path / "both.jsonl") as both, record([second], tmp_path / "one.jsonl"):
        await live(world, first)
        expected = dumped(first.state), dumped(second.state)
        both.stop()
        world.emit("messages created", **message_row("late", "t1", 9))
        await world.settle()
    assert both.records > 5
    log = logs.open(tmp_path / "both.jsonl")
    assert (dumped(log.fold(SID)), dumped(log.fold(OTHER))) == expected
    assert len(log.mirrors) == 2
    assert logs.open(tmp_path / "one.jsonl").sessions == (OTHER,)
    assert {event.payload.get("session_id") for event in logs.open(tmp_path / "one.jsonl").events()} <= {OTHER}
    for wrong in ([], [first, "x"]):
        with pytest.raises(UsageError):
            record(wrong, tmp_path / "wrong.jsonl")  # type: ignore[arg-type]
    stranger, elsewhere = await ready()
    with pytest.raises(UsageError, match="one client"):
        record([first, elsewhere], tmp_path / "wrong.jsonl")
    for handle in (first, second, elsewhere):
        handle.release()
    await world.settle()
    await stranger.settle()

"""A log played to clients: they see the session as it was recorded."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive import logs
from agor_reactive.daemon import EmbeddedDaemon, serve_log
from agor_reactive.errors import Forbidden, UsageError
from agor_reactive.models.wire import CutText, RawEvent
from tests.contract.waiting import eventually
from tests.core.build import SID, chunk, saved, session_row, start, task_row
from tests.logs.test_export import shown
from tests.logs.writer import BEGIN, Recorded


async def recorded_session(path: Path) -> tuple[str, Any]:
    """A short session with tools, a queued prompt and a failure, recorded. Returns its id and its last state."""
    async with (
        EmbeddedDaemon(speed=30.0, seed=1) as daemon,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
    ):
        session = await client.service("sessions").create(
            {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code", "title": "Recorded"}
        )
        await client.sessions.ask(session.session_id, "Before the recording")
        async with agor.retain_reactive_session(client, session.session_id, task_hydration="eager") as handle:
            await handle.ready()
            async with agor.record(handle, path) as recording:
                await handle.prompt("[tools:2] How many?")
                await handle.prompt("[fail]")
                await eventually(lambda: [task.status for task in handle.state.tasks][1:] == ["completed", "failed"])
                await eventually(lambda: not handle.state.queued_tasks and not handle.state.loading)
                recording.stop()
                state = handle.state
    return session.session_id, state


async def test_a_client_sees_the_session_as_it_was_recorded(tmp_path: Path) -> None:
    session_id, expected = await recorded_session(tmp_path / "log.jsonl")
    async with (
        serve_log(tmp_path / "log.jsonl", speed=20.0) as daemon,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
    ):
        assert [row.title for row in await client.service("sessions").find()] == ["Recorded"]
        texts: list[int] = []
        async with agor.retain_reactive_session(client, session_id, task_hydration="eager") as handle:
            first = await handle.ready()
            assert [task.status for task in first.tasks][:1] == ["completed"]
            handle.subscribe(lambda state: texts.append(sum(len(one.text) for one in state.get_streaming_messages())))
            await daemon.played()
            await eventually(lambda: shown(handle.state) == shown(expected))
            assert max(texts) > 0
            assert handle.state.error is None
            with pytest.raises(Forbidden, match="plays a log"):
                await handle.prompt("More")
        async with agor.retain_reactive_session(client, session_id, task_hydration="eager") as late:
            assert shown(await late.ready()) == shown(expected)
        with agor.create_rest_client(daemon.url, api_key=daemon.api_key) as rest:
            tasks = await asyncio.to_thread(rest.service("tasks").find_all, {"session_id": session_id})
            assert [task.to_wire() for task in tasks] == [task.to_wire() for task in expected.tasks]
            for method, args in (("patch", (session_id, {"title": "x"})), ("remove", (session_id,))):
                with pytest.raises(Forbidden):
                    await asyncio.to_thread(getattr(rest.service("sessions"), method), *args)


async def test_it_waits_for_the_first_join_and_begins_anew_from_a_mirror_s_state(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    row = task_row("t1", full_prompt="Count")
    recorded.feed(saved("sessions", session_row(["t1"])), saved("tasks", row), start("m1", task_id="t1"))
    recorded.keyframe().feed(*[chunk("m1", str(number), number) for number in range(5)]).close()
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_bytes().splitlines()]
    begin = next(at for at, record in enumerate(records) if record.get("state"))
    kept = [records[0], *records[begin:]]
    lines = [json.dumps({**record, **({"n": n} if n else {})}) for n, record in enumerate(kept)]
    (tmp_path / "part.jsonl").write_text("\n".join(lines) + "\n")
    async with (
        serve_log([tmp_path / "part.jsonl"], speed=math.inf) as daemon,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
    ):
        received: list[RawEvent] = []
        client.events.subscribe(received.append)
        assert [task.full_prompt for task in await client.service("tasks").find({"session_id": SID})] == ["Count"]
        assert not received
        async with agor.retain_reactive_session(client, SID):
            await daemon.played()
            await eventually(lambda: "".join(event.payload["chunk"] for event in received) == "01234")


async def test_half_a_character_arrives_whole(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(saved("sessions", session_row()), start("m1"))
    for number, half in enumerate(("A\ud83d", "\ude00B")):
        cut = CutText(half.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), half)
        payload = {"session_id": SID, "message_id": "m1", "chunk": cut, "sequence": number}
        recorded.writer.event(RawEvent("messages streaming:chunk", payload, BEGIN + 2))
    recorded.close()
    async with (
        serve_log(tmp_path / "log.jsonl", speed=10.0) as daemon,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
        agor.retain_reactive_session(client, SID) as handle,
    ):
        await eventually(lambda: getattr(handle.state.get_streaming_message("m1"), "text", "") == "A😀B")


async def test_at_once_it_needs_nobody_and_wrong_arguments_fail(tmp_path: Path) -> None:
    Recorded(tmp_path / "log.jsonl").feed(saved("sessions", session_row()), start("m1")).close()
    async with serve_log(tmp_path / "log.jsonl", at_once=True, speed=math.inf) as daemon:
        await asyncio.wait_for(daemon.played(), 5)
    for speed in (0.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="speed"):
            serve_log(tmp_path / "log.jsonl", speed=speed)
    with pytest.raises(UsageError):
        serve_log(tmp_path / "missing.jsonl")
    (tmp_path / "empty.jsonl").write_bytes((tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True)[0])
    async with serve_log(logs.open(tmp_path / "empty.jsonl"), at_once=True) as daemon:
        await asyncio.wait_for(daemon.played(), 5)

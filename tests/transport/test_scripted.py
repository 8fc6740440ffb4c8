"""The shipped fake behaves as the real link does, where the session layer can tell."""

from __future__ import annotations

import asyncio
import gc

import pytest

from agor_reactive.errors import ConnectionLost, NotConnected, NotFound, OutcomeUnknown
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.transport.scripted import ScriptedLink
from tests.transport.conftest import one_by_one


async def opened() -> tuple[ScriptedLink, list[RawEvent], list[LinkStatus]]:
    link, events, statuses = ScriptedLink(), [], []
    link.listen(one_by_one(events.append), statuses.append)
    await link.open()
    return link, events, statuses


async def test_a_responder_answers_and_the_call_is_recorded() -> None:
    link, _, _ = await opened()
    link.on_call("create", "sessions/:id/prompt", lambda args: {"prompt": args[0]})
    assert await link.call("create", "sessions/s1/prompt", "hi") == {"prompt": "hi"}
    assert link.calls == [("create", "sessions/s1/prompt", ("hi",))]


async def test_the_latest_fitting_responder_wins_and_undo_takes_it_back() -> None:
    link, _, _ = await opened()
    link.on_call("*", "*", lambda args: "old")
    undo = link.on_call("find", "*", lambda args: "new")
    assert await link.call("find", "tasks") == "new"
    undo()
    assert await link.call("find", "tasks") == "old"


async def test_a_call_without_responder_is_not_found() -> None:
    link, _, _ = await opened()
    with pytest.raises(NotFound):
        await link.call("create", "session-streams", {})


async def test_a_held_call_is_decided_by_the_test() -> None:
    link, _, _ = await opened()
    link.hold("find", "tasks")
    asking = asyncio.ensure_future(link.call("find", "tasks"))
    await asyncio.sleep(0)
    link.pending[0].answer([1])
    assert await asking == [1]
    assert link.pending == []


async def test_release_lets_held_calls_end_with_what_responders_say() -> None:
    link, _, _ = await opened()
    link.hold()
    link.on_call("get", "boards", lambda args: args[0])
    asking = asyncio.ensure_future(link.call("get", "boards", "b"))
    await asyncio.sleep(0)
    link.release()
    assert await asking == "b"


async def test_a_drop_fails_reads_as_lost_and_writes_as_unknown_at_once() -> None:
    link, _, statuses = await opened()
    link.hold()
    read = asyncio.ensure_future(link.call("find", "tasks"))
    write = asyncio.ensure_future(link.call("create", "tasks", {}))
    await asyncio.sleep(0)
    link.drop("gone")
    with pytest.raises(ConnectionLost):
        await read
    with pytest.raises(OutcomeUnknown):
        await write
    with pytest.raises(NotConnected):
        await link.call("find", "tasks")
    link.restore()
    assert [(s.phase, s.epoch) for s in statuses] == [("live", 1), ("reconnecting", 1), ("live", 2)]


async def test_events_are_stamped_and_lost_while_down() -> None:
    link, events, _ = await opened()
    assert link.emit("tasks patched", {"task_id": "t"})
    link.drop()
    assert not link.emit("tasks patched", {"task_id": "t"})
    assert events == [RawEvent("tasks patched", {"task_id": "t"}, 1.0)]


async def test_a_cancelled_caller_leaves_nothing_behind() -> None:
    link, _, _ = await opened()
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    link.on_call("find", "tasks", lambda args: never)
    asking = asyncio.ensure_future(link.call("find", "tasks"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert link.pending == []
    assert never.cancelled()
    gc.collect()


async def test_close_is_for_good_and_twice_changes_nothing() -> None:
    link, _, statuses = await opened()
    await link.close()
    await link.close()
    assert [s.phase for s in statuses] == ["live", "closed"]

"""L13 (join, then hydrate) and L14 (one of each): sharing, rooms, short ids, and the end."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from agor_reactive.calls.mirror_reads import all_rows
from agor_reactive.errors import (
    AgorError,
    AmbiguousId,
    BadRequest,
    CannotConnect,
    HandleDisposed,
    NotAuthenticated,
    NotConnected,
    NotFound,
    ServerError,
    TooManyRequests,
    UsageError,
)
from agor_reactive.models import LinkStatus, Message, Task
from agor_reactive.session.handles import SessionHandle, checked_handle
from agor_reactive.session.hydration import run
from tests.core.build import SID, message_row, task_row
from tests.session.world import OTHER, World

SHORT = SID[:13]


async def opened(**options: bool) -> World:
    world = World(**options)
    await world.link.open()
    return world


async def test_a1_two_who_retain_the_same_session_share_one_mirror_one_read_and_one_room() -> None:
    world = await opened()
    a, b = world.registry.retain(SID), world.registry.retain(SID)
    assert a.entry is b.entry
    await a.ready()
    await b.ready()
    assert a.state is b.state
    assert (len(world.calls("sessions", "get")), world.room_calls()) == (1, [("join", SID)])
    world.link.drop()
    world.link.restore()
    await world.settle(lambda: not a.state.loading and len(world.calls("sessions", "get")) == 2)
    await world.settle()
    assert (len(world.calls("sessions", "get")), world.room_calls()) == (2, [("join", SID)] * 2)
    a.release()
    a.release()
    await world.settle()
    assert world.room_calls() == [("join", SID)] * 2
    assert b.state.tasks
    b.release()
    await world.settle()
    assert world.room_calls()[2:] == [("leave", SID)]


async def test_a24_a25_a26_join_first_then_reads_and_a_leave_at_the_end() -> None:
    world = await opened()
    world.link.hold("create", "session-streams")
    handle = world.registry.retain(SID)
    await world.settle(lambda: world.link.pending)
    await world.settle()
    assert world.calls() == [("create", "session-streams")]
    world.link.release()
    await handle.ready()
    assert [service for _, service in world.calls()][:2] == ["session-streams", "sessions"]
    handle.release()
    await world.settle()
    assert world.room_calls()[-1] == ("leave", SID)


async def test_a27_released_while_the_join_is_in_flight_leaves_no_membership() -> None:
    world = await opened()
    world.link.hold("create", "session-streams")
    handle = world.registry.retain(SID)
    await world.settle(lambda: world.link.pending)
    handle.release()
    await world.settle()
    assert world.room_calls() == [("join", SID)]
    world.link.release()
    await world.settle(lambda: len(world.room_calls()) == 2)
    await world.settle()
    assert world.room_calls() == [("join", SID), ("leave", SID)]
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_a28_after_a_reconnect_the_resync_waits_for_the_join() -> None:
    world = await opened()
    handle = world.registry.retain(SID)
    await handle.ready()
    reads = len(world.calls("tasks", "find"))
    world.link.drop()
    world.link.hold("create", "session-streams")
    world.link.restore()
    await world.settle(lambda: world.link.pending)
    await world.settle()
    assert len(world.calls("tasks", "find")) == reads
    world.link.release()
    await world.settle(lambda: len(world.calls("tasks", "find")) == reads + 1)
    assert len(world.calls("tasks", "find")) == reads + 1
    handle.release()


async def test_a29_a33_two_hydrations_are_two_mirrors_in_one_room() -> None:
    world = await opened()
    lazy, eager = world.registry.retain(SID), world.registry.retain(SID, task_hydration="eager")
    assert lazy.entry is not eager.entry
    await lazy.ready()
    await eager.ready()
    assert world.room_calls() == [("join", SID)]
    world.link.drop()
    world.link.restore()
    await world.settle(lambda: not (lazy.state.loading or eager.state.loading), turns=200)
    assert world.room_calls() == [("join", SID)] * 2
    lazy.release()
    await world.settle()
    assert len(world.room_calls()) == 2
    world.chunk("still here", 0)
    assert eager.state.streaming_messages["mx"].text == "still here"
    eager.release()
    await world.settle()
    assert world.room_calls()[2:] == [("leave", SID)]


async def test_two_mirrors_of_one_session_get_each_event_until_they_are_released() -> None:
    world = await opened()
    first, second = (world.registry.retain(SID, task_hydration=hydration) for hydration in ("lazy", "none"))
    await asyncio.gather(first.ready(), second.ready())
    world.chunk("a", 0)
    assert [handle.state.streaming_messages["mx"].text for handle in (first, second)] == ["a", "a"]
    first.release()
    world.chunk("b", 1)
    assert second.state.streaming_messages["mx"].text == "ab"
    second.release()


async def test_a_handle_shows_its_session_and_whether_it_was_released(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await opened()
    handle = world.registry.retain(SID)
    assert repr(handle).startswith(f"<SessionHandle {SID} of <SessionState ")
    monkeypatch.setattr(SessionHandle, "displayed", None)
    assert handle._display_() == repr(handle)
    monkeypatch.setattr(SessionHandle, "displayed", lambda shown: ("a view of", shown))
    assert handle._display_() == ("a view of", handle)
    handle.release()
    assert repr(handle).startswith(f"<SessionHandle {SID} released of ")


def test_the_id_of_a_session_in_place_of_a_handle_is_quoted_no_longer_than_an_id() -> None:
    with pytest.raises(UsageError) as raised:
        checked_handle("x" * 100, "view()")
    assert repr("x" * 40) in str(raised.value)


async def test_a30_b05_a_daemon_without_rooms_is_mirrored_all_the_same() -> None:
    world = await opened(rooms=False)
    async with world.registry.retain(SID) as handle:
        state = await handle.ready()
        assert state.tasks
        assert not state.degraded
    await world.settle()
    assert world.failures == []


async def test_b13_a_join_that_is_never_answered_is_given_up_and_the_state_says_so() -> None:
    world = await opened()
    world.link.hold("create", "session-streams")
    handle = world.registry.retain(SID)
    await world.settle(lambda: world.link.pending)
    world.link.pending[0].time_out()
    state = await handle.ready()
    assert state.degraded
    assert state.tasks
    handle.release()


async def test_a32_a37_short_and_full_id_are_one_session_one_join_and_a_leave_by_the_full_id() -> None:
    world = await opened()
    short = world.registry.retain(SHORT)
    await short.ready()
    full = world.registry.retain(SID)
    again = world.registry.retain(SHORT)
    assert short.entry is full.entry is again.entry
    assert short.session_id == SID
    for handle in (short, full):
        handle.release()
    await world.settle()
    assert world.room_calls() == [("join", SID)]
    again.release()
    await world.settle()
    assert world.room_calls() == [("join", SID), ("leave", SID)]


async def test_a_short_id_that_turns_out_to_be_a_session_at_hand_joins_it_with_all_who_listen() -> None:
    world = await opened()
    full = world.registry.retain(SID)
    await full.ready()
    short = world.registry.retain(SHORT)
    told: list[str] = []
    seen: list[str] = []
    undo = short.subscribe(lambda state: told.append(state.session_id))
    short.snapshots.subscribe(lambda state: seen.append(state.session_id))
    heard: list[str] = []
    short.events.subscribe(lambda event: heard.append(event.topic))
    await short.ready()
    assert short.entry is full.entry
    assert told[-1] == SID
    assert seen[-1] == SID
    world.chunk("x", 0)
    await world.settle()
    assert heard == ["messages streaming:chunk"]
    before = len(told)
    undo()
    world.chunk("y", 1)
    await world.settle()
    assert len(told) == before
    full.release()
    assert short.state.tasks
    short.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_a39_a_short_id_handle_hears_its_session_and_no_other() -> None:
    world = await opened()
    handle = world.registry.retain(SHORT)
    await handle.ready()
    world.chunk("mine", 0)
    world.link.emit("messages streaming:chunk", {"session_id": OTHER, "message_id": "mx", "chunk": "no", "sequence": 1})
    assert handle.state.streaming_messages["mx"].text == "mine"
    handle.release()


async def test_a_short_id_is_looked_up_only_once_the_link_is_up() -> None:
    world = World()
    handle = world.registry.retain(SHORT)
    for attempt in (1, 2):
        world.link.set_status(LinkStatus("reconnecting", attempt=attempt))
        await world.settle()
    assert (world.link.calls, world.slept, handle.state.error) == ([], [], None)
    await world.link.open()
    await handle.ready()
    assert (handle.session_id, world.slept) == (SID, [])
    handle.release()


async def test_a40_a_short_id_handle_released_before_it_is_resolved_leaves_nothing() -> None:
    world = await opened()
    world.link.hold("get", "sessions")
    handle = world.registry.retain(SHORT)
    await world.settle(lambda: world.link.pending)
    handle.release()
    world.link.release()
    await world.settle()
    assert world.room_calls() == []
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_a_short_id_of_no_session_or_of_several_ends_in_a_clear_error() -> None:
    world = await opened()
    nothing = world.registry.retain("ffffffff")
    state = await nothing.ready()
    assert state.terminal
    assert "not found" in (state.error or "")

    def several(args: object) -> object:
        raise AmbiguousId("Ambiguous ID prefix '01a20fce'", matches=[SID, OTHER])

    world.link.on_call("get", "sessions", several)
    ambiguous = world.registry.retain("01a20fce")
    state = await ambiguous.ready()
    assert state.terminal
    assert SID in (state.error or "")
    assert OTHER in (state.error or "")
    await world.link.close()
    with pytest.raises(NotFound, match="not found"):
        await nothing.resync()
    nothing.release()
    ambiguous.release()


@pytest.mark.parametrize(
    "error",
    [
        CannotConnect("down"),
        ServerError("busy", code=500),
        TooManyRequests("slow down", code=429),
        NotAuthenticated("?"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_short_id_is_looked_up_again_after_an_error_that_may_pass(error: AgorError) -> None:
    world = await opened()

    def fail(args: object) -> object:
        raise error

    undo = world.link.on_call("get", "sessions", fail)
    handle = world.registry.retain(SHORT)
    await world.settle(lambda: world.slept)
    assert not handle.state.terminal
    undo()
    await world.settle(lambda: handle.session_id == SID, turns=200)
    assert (await handle.ready()).tasks
    handle.release()


async def test_a34_leave_and_a_new_join_go_out_in_order() -> None:
    world = await opened()
    world.link.hold("create", "session-streams")
    first = world.registry.retain(SID)
    await world.settle(lambda: world.link.pending)
    first.release()
    second = world.registry.retain(SID)
    await world.settle()
    world.link.release()
    await second.ready()
    # The leave that was due never needed to go out if the newcomer was there in time; either way it is a member now.
    assert world.room_calls() in ([("join", SID)], [("join", SID), ("leave", SID), ("join", SID)])
    second.release()
    await world.settle()
    assert world.room_calls()[-1] == ("leave", SID)


async def test_a41_nothing_is_sent_because_of_a_login_alone() -> None:
    world = await opened()
    world.link.set_status(world.link.status)
    await world.settle()
    assert world.calls() == []


async def test_the_last_release_leaves_nothing_behind_not_even_the_objects() -> None:
    world = await opened()
    start = world.counts
    for _ in range(20):
        handle = world.registry.retain(SID, task_hydration="eager")
        unsubscribe = handle.subscribe(lambda state: None)
        await handle.ready()
        unsubscribe()
        handle.release()
    await world.settle()
    assert world.counts == start == (0, 0, 0, 0, 0, 0)
    died = weakref.ref(handle), weakref.ref(handle.entry)
    del handle, unsubscribe
    gc.collect()
    assert [ref() for ref in died] == [None, None]


async def test_b25_a_latecomer_has_the_current_snapshot_and_one_who_comes_after_the_end_reads_anew() -> None:
    world = await opened()
    a = world.registry.retain(SID)
    await a.ready()
    for n in range(3):
        world.chunk("x", n)
    b = world.registry.retain(SID)
    got: list[object] = []
    b.snapshots.subscribe(got.append)
    assert got == [a.state]
    assert got[0] is a.state
    a.release()
    b.release()
    await world.settle()
    c = world.registry.retain(SID)
    assert not c.state.streaming_messages
    await c.ready()
    assert len(world.calls("tasks", "find")) == 2
    c.release()


async def test_after_release_a_handle_says_so_and_a_closed_client_too() -> None:
    world = await opened()
    handle = world.registry.retain(SID)
    waiting = asyncio.ensure_future(handle.ready())
    await asyncio.sleep(0)
    handle.release()
    with pytest.raises(HandleDisposed):
        await waiting
    for use in (handle.ready, handle.resync):
        with pytest.raises(HandleDisposed):
            await use()
    with pytest.raises(HandleDisposed):
        handle.subscribe(print)
    with pytest.raises(HandleDisposed):
        handle.unload_task_messages("t1")
    with pytest.raises(HandleDisposed):
        await handle.load_task_messages("t1")
    assert not handle.state.tasks
    await world.registry.close()
    with pytest.raises(UsageError):
        world.registry.retain(SID)


@pytest.mark.parametrize(("session_id", "hydration"), [("", "lazy"), (SID, "greedy"), (None, "lazy")])
async def test_wrong_use_is_said_at_once(session_id: str, hydration: str) -> None:
    world = await opened()
    with pytest.raises(UsageError):
        world.registry.retain(session_id, task_hydration=hydration)


async def test_closing_the_registry_ends_every_handle_and_leaves_every_room() -> None:
    world = await opened()
    handle, short = world.registry.retain(SID), world.registry.retain(OTHER[:13])
    await handle.ready()
    await world.registry.close()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)
    assert ("leave", SID) in world.room_calls()
    for one in (handle, short):
        assert one.state.status.disposed
        with pytest.raises(HandleDisposed, match="the client of this handle was closed"):
            one.subscribe(print)


async def test_a_load_fails_at_once_when_the_link_drops_and_while_it_is_down() -> None:
    world = await opened()
    handle = world.registry.retain(SID)
    await handle.ready()
    world.link.hold("find", "messages")
    loading = asyncio.ensure_future(handle.load_task_messages("t0"))
    await world.settle(lambda: world.link.pending)
    world.link.drop()
    with pytest.raises(NotConnected):
        await loading
    with pytest.raises(NotConnected):
        await handle.load_task_messages("t0")
    handle.release()


async def test_a15_a_load_gives_its_rows_even_if_the_task_was_unloaded_meanwhile() -> None:
    world = await opened()
    handle = world.registry.retain(SID)
    await handle.ready()
    world.link.hold("find", "messages")
    loads = [asyncio.ensure_future(handle.load_task_messages("t0")) for _ in range(2)]
    await world.settle(lambda: world.link.pending)
    assert len(world.link.pending) == 1
    handle.unload_task_messages("t0")
    world.link.release()
    assert [[m.message_id for m in await load] for load in loads] == [["m0"], ["m0"]]
    assert not handle.state.is_task_loaded("t0")
    handle.release()


async def test_a1000_row_page_boundary_is_walked_without_losing_a_row_when_rows_shift() -> None:
    world = await opened()
    world.messages = [message_row(f"m{n:05}", "t1", n) for n in range(2500)]
    original = world._messages
    removed = iter(["m00003"])

    def shifting(args: tuple[object, ...]) -> object:
        answer = original(args)
        gone = next(removed, None)
        if gone is not None:  # after the first page a row before the boundary goes
            world.messages = [row for row in world.messages if row["message_id"] != gone]
            world.emit("messages removed", message_id=gone, task_id="t1")
        return answer

    world.link.on_call("find", "messages", shifting)
    handle = world.registry.retain(SID)
    state = await handle.ready()
    assert len(state.messages_by_task["t1"]) == 2499
    handle.release()


@pytest.mark.parametrize(
    ("service", "count", "reached"),
    [("tasks", 12_345, 12_345), ("tasks", 20_000, 20_000), ("tasks", 20_003, 20_000), ("messages", 20_003, 20_003)],
)
async def test_a_walk_reaches_every_row_that_the_daemon_lets_one_reach(service: str, count: int, reached: int) -> None:
    world = World()
    rows = [{**task_row(f"t{n}"), "message_id": f"m{n}"} for n in range(count)]

    def find(args: tuple[Any, ...]) -> Any:
        skip, limit = args[0].get("$skip", 0), args[0]["$limit"]
        if service == "tasks" and max(skip, limit) > 10_000:
            raise BadRequest("validation failed", code=400)
        return {"total": count, "limit": limit, "skip": skip, "data": rows[skip : skip + limit]}

    world.link.on_call("find", service, find)
    await world.link.open()
    model: Any = Task if service == "tasks" else Message
    found, complete, rejected = await run(world.link, all_rows(service, {"session_id": SID}, model))
    assert ([row.row_id for row in found] == [f"{service[0]}{n}" for n in range(reached)], rejected) == (True, 0)
    assert complete is (reached == count)


@pytest.mark.parametrize("spelling", [SID.upper(), f"  {SID}\n", SHORT.upper(), f" {SHORT} "])
async def test_however_an_id_is_spelt_it_is_one_session_and_its_events_are_received(spelling: str) -> None:
    world = World()
    await world.link.open()
    plain, spelt = world.registry.retain(SID), world.registry.retain(spelling)
    await spelt.ready()
    assert spelt.entry is plain.entry
    world.chunk("text", 0)
    await world.settle(lambda: spelt.state.streaming_messages)
    assert spelt.state.streaming_messages["mx"].text == "text"
    for handle in (plain, spelt):
        handle.release()


@pytest.mark.parametrize("given", ["notanid!", "zzzzzzzz", "deadbeef"])
async def test_what_is_no_id_of_a_session_ends_as_not_found_and_is_not_tried_again(given: str) -> None:
    world = World()

    def refuse(_: Any) -> Any:
        raise BadRequest("validation failed", code=400)

    world.link.on_call("get", "sessions", refuse)
    world.link.on_call("find", "tasks", refuse)
    await world.link.open()
    handle = world.registry.retain(given)
    await world.settle(lambda: handle.state.terminal)
    assert handle.state.terminal
    assert "no session" in (handle.state.error or "")
    reads = len(world.calls("sessions", "get"))
    await world.settle()
    assert (len(world.calls("sessions", "get")), world.slept) == (reads, [])
    handle.release()


async def test_a_short_id_released_before_it_is_resolved_leaves_nothing() -> None:
    world = await opened()
    world.link.hold("get", "sessions")
    handle = world.registry.retain(SHORT)
    await world.settle(lambda: world.link.pending)
    handle.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_a_short_id_released_by_a_listener_that_sees_it_fail_is_read_no_more() -> None:
    world = await opened()

    def broken(args: object) -> object:
        raise ServerError("locked", code=500)

    world.link.on_call("get", "sessions", broken)
    handle = world.registry.retain(SHORT)
    handle.subscribe(lambda state: handle.release() if state.error else None)
    await world.settle()
    assert len(world.calls("sessions", "get")) == 1
    assert world.counts == (0, 0, 0, 0, 0, 0)

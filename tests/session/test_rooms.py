"""Membership of rooms: our book and the daemon agree, however joins and leaves end and whatever crosses what."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agor_reactive.errors import (
    AgorError,
    CallTimeout,
    ConnectionLost,
    Forbidden,
    NotFound,
    ServerError,
    TooManyRequests,
)
from agor_reactive.models.wire import LinkStatus
from agor_reactive.session.rooms import Rooms
from tests.core.build import SID
from tests.session.world import World

PASSING: dict[str, Callable[[], AgorError]] = {
    "error": lambda: ServerError("database is locked", code=500),
    "slow down": lambda: TooManyRequests("slow down", code=429),
    "no answer": lambda: CallTimeout("no answer"),
}


@pytest.mark.parametrize("kind", list(PASSING))
async def test_d5_a_join_that_failed_in_passing_is_made_again(kind: str) -> None:
    world = World()
    answers = deque([PASSING[kind](), PASSING[kind]()])

    def join(args: tuple[Any, ...]) -> Any:
        if answers:
            raise answers.popleft()
        return {"session_id": args[0]["session_id"]}

    world.link.on_call("create", "session-streams", join)
    await world.link.open()
    async with world.registry.retain(SID) as handle:
        await handle.ready()
        await world.settle(lambda: not handle.state.degraded, turns=300)
        assert not handle.state.degraded
        assert handle.state.error is None
        assert world.room_calls() == [("join", SID)] * 3
        assert world.slept == [0.5, 1.0]
    await world.settle(lambda: world.registry.rooms.count == 0)
    assert world.room_calls()[3:] == [("leave", SID)]


async def test_a_join_refused_for_good_waits_for_a_resync() -> None:
    world = World()
    refused = True

    def join(args: tuple[Any, ...]) -> Any:
        if refused:
            raise Forbidden("not yours", code=403)
        return {"session_id": args[0]["session_id"]}

    world.link.on_call("create", "session-streams", join)
    await world.link.open()
    async with world.registry.retain(SID) as handle:
        await handle.ready()
        await world.settle(turns=100)
        assert len(world.room_calls()) == 1
        assert handle.state.degraded
        assert "not yours" in (handle.state.error or "")
        refused = False
        await handle.resync()
        assert (handle.state.degraded, handle.state.error) == (False, None)


async def test_a_room_is_left_too_when_the_answer_to_its_join_never_came() -> None:
    world = World()
    world.link.on_call("create", "session-streams", lambda args: _raise(CallTimeout("no answer")))
    await world.link.open()
    handle = world.registry.retain(SID)
    await handle.ready()
    handle.release()
    await world.settle(lambda: world.registry.rooms.count == 0)
    assert world.room_calls()[-1] == ("leave", SID)


def _raise(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize("failures", [4, 9], ids=["confirmed at last", "never confirmed"])
async def test_a_room_is_left_five_times_at_most_and_then_forgotten(failures: int) -> None:
    world = World()
    answers = [ServerError("database is locked", code=500)] * failures

    def leave(args: tuple[Any, ...]) -> Any:
        if answers:
            raise answers.pop()
        return {}

    world.link.on_call("remove", "session-streams", leave)
    await world.link.open()
    handle = world.registry.retain(SID)
    await handle.ready()
    handle.release()
    await world.settle(lambda: world.registry.rooms.count == 0, turns=300)
    assert world.room_calls() == [("join", SID), *[("leave", SID)] * 5]
    assert world.slept == [0.5, 1.0, 2.0, 4.0]
    assert world.counts == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("error", [Forbidden("not yours", code=403), NotFound("no such service", code=404)])
async def test_a_room_whose_join_was_refused_is_not_left(error: AgorError) -> None:
    world = World()
    world.link.on_call("create", "session-streams", lambda args: _raise(error))
    await world.link.open()
    handle = world.registry.retain(SID)
    await handle.ready()
    handle.release()
    await world.settle(lambda: world.registry.rooms.count == 0)
    assert world.room_calls() == [("join", SID)]
    assert world.counts == (0, 0, 0, 0, 0, 0)


# ---- any interleaving -----------------------------------------------------------------------------------------------


class Daemon:
    """A link and the daemon behind it: calls wait until a step answers them, carried out first or not."""

    def __init__(self) -> None:
        self.status = LinkStatus("live", epoch=1)
        self.members: set[str] = set()
        self.waiting: deque[tuple[str, Any, asyncio.Future[Any]]] = deque()
        self.sleeping: list[asyncio.Future[None]] = []

    async def call(self, method: str, service: str, *args: Any, timeout: float | None = None) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting.append((method, args[0], future))
        return await future

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleeping.append(future)
        await future

    def answer(self, how: str) -> None:
        """The oldest call: done, done with its answer lost, failed, or refused."""
        if not self.waiting or not how:
            return
        method, what, future = self.waiting.popleft()
        if method == "create" and how in ("done", "lost"):
            self.members.add(what["session_id"])
        elif method == "remove" and how != "failed":  # refused: there is no such session, and no room of it
            self.members.discard(what)
        if future.done():
            return
        if how == "done":
            future.set_result({"session_id": what["session_id"]} if method == "create" else {})
        else:
            errors = {"lost": CallTimeout("no answer"), "failed": ServerError("locked", code=500)}
            future.set_exception(errors.get(how) or NotFound("none", code=404))

    def wake(self) -> None:
        for future in self.sleeping:
            if not future.done():
                future.set_result(None)
        self.sleeping.clear()

    def reconnect(self) -> None:
        """The connection drops, its memberships and calls with it; another one comes up."""
        self.members.clear()
        self.status = LinkStatus("live", epoch=self.status.epoch + 1)
        for _, _, future in self.waiting:
            if not future.done():
                future.set_exception(ConnectionLost("dropped"))
        self.waiting.clear()

    def log_out(self, rooms: Rooms) -> None:
        """FeathersJS takes the connection out of its rooms. What was sent before is answered before."""
        while self.waiting:
            self.answer("done")
        self.members.clear()
        for name in NAMES:
            rooms.forget(name)


async def test_two_who_join_at_once_share_one_call_and_its_failure() -> None:
    daemon = Daemon()
    rooms = Rooms(daemon, sleep=daemon.sleep)  # type: ignore[arg-type]
    for _ in range(2):
        rooms.want("a")
    joins = [asyncio.ensure_future(rooms.join("a")) for _ in range(2)]
    await turn()
    daemon.answer("failed")
    await turn()
    assert [type(join.exception()) for join in joins if join.done()] == [ServerError, ServerError]
    assert not daemon.waiting
    await rooms.close()


NAMES = ("a", "b")
STEPS = st.one_of(
    st.tuples(st.sampled_from(["want", "leave", "join", "cancel"]), st.sampled_from(NAMES)),
    st.tuples(st.just("answer"), st.sampled_from(["done", "done", "lost", "failed", "refused"])),
    st.tuples(st.sampled_from(["wake", "reconnect", "log out", "turn"]), st.just("")),
)


async def turn() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def run(steps: list[tuple[str, str]]) -> None:
    daemon = Daemon()
    rooms = Rooms(daemon, sleep=daemon.sleep)  # type: ignore[arg-type]
    wanted = dict.fromkeys(NAMES, 0)
    joins: dict[str, list[asyncio.Task[None]]] = {name: [] for name in NAMES}
    for what, which in steps:
        if what == "want":
            wanted[which] += 1
            rooms.want(which)
        elif what == "leave" and wanted[which]:
            wanted[which] -= 1
            rooms.leave(which)
        elif what == "join" and wanted[which]:
            joins[which].append(asyncio.ensure_future(rooms.join(which)))
        elif what == "cancel" and joins[which]:
            joins[which].pop().cancel()
        elif what == "answer":
            daemon.answer(which)
        elif what == "wake":
            daemon.wake()
        elif what == "reconnect":
            daemon.reconnect()
        elif what == "log out":
            daemon.log_out(rooms)
        if what in ("turn", "answer"):
            await turn()
            assert rooms.members <= daemon.members
    # The daemon is well from here on, and what is wanted is joined: as the mirrors do after their back-off.
    for _ in range(12):
        for name in NAMES:
            if wanted[name]:
                joins[name].append(asyncio.ensure_future(rooms.join(name)))
        await turn()
        while daemon.waiting or daemon.sleeping:
            while daemon.waiting:
                daemon.answer("done")
            daemon.wake()
            await turn()
    await asyncio.gather(*(task for tasks in joins.values() for task in tasks), return_exceptions=True)
    should = {name for name in NAMES if wanted[name]}
    assert daemon.members == should
    assert rooms.members == should
    assert rooms.count == len(should)
    await rooms.close()


@given(st.lists(STEPS, max_size=40))
@example([("want", "a"), ("join", "a"), ("answer", ""), ("answer", "lost"), ("leave", "a")])
@example([("want", "a"), ("join", "a"), ("leave", "a")])
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_membership_and_book_agree_after_any_interleaving(steps: list[tuple[str, str]]) -> None:
    asyncio.run(run(steps))


async def test_one_that_wants_a_room_while_its_leave_waits_to_be_repeated_joins_at_once() -> None:
    daemon = Daemon()
    rooms = Rooms(daemon, sleep=daemon.sleep)  # type: ignore[arg-type]
    rooms.want("a")
    joining = asyncio.create_task(rooms.join("a"))
    await turn()
    daemon.answer("done")
    await joining
    rooms.leave("a")
    await turn()
    daemon.answer("failed")
    await turn()
    assert len(daemon.sleeping) == 1, "the leave waits for its next try"
    rooms.want("a")
    again = asyncio.create_task(rooms.join("a"))
    await turn()
    assert [method for method, _, _ in daemon.waiting] == ["create"]
    daemon.answer("done")
    await again
    assert rooms.members == {"a"}
    await rooms.close()


async def test_a_join_that_fails_after_its_caller_was_cancelled_is_no_unhandled_error_of_the_loop() -> None:
    daemon = Daemon()
    rooms = Rooms(daemon, sleep=daemon.sleep)  # type: ignore[arg-type]
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    rooms.want("a")
    joining = asyncio.create_task(rooms.join("a"))
    await turn()
    joining.cancel()
    await turn()
    daemon.answer("failed")
    await turn()
    await rooms.close()
    del joining
    gc.collect()
    await turn()
    assert complaints == []

"""Many sessions: rows read once, kept by events, read again after a drop; handles on demand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agor_reactive.errors import BadRequest, HandleDisposed, ServerError, UsageError
from agor_reactive.models.wire import LinkStatus
from agor_reactive.session.collection import SessionCollection, SessionRows
from tests.core.build import SID, session_row, stamp
from tests.session.world import World


def row(session_id: str, second: int = 0, **fields: Any) -> dict[str, Any]:
    return {**session_row(), "session_id": session_id, "last_updated": stamp(second), "archived": False, **fields}


async def opened(rows: list[dict[str, Any]], query: dict[str, Any] | None = None) -> tuple[World, SessionCollection]:
    world = World()
    world.link.on_call("find", "sessions", lambda args: world.page(None, rows, args[0]))
    await world.link.open()
    return world, SessionCollection(world, query)


async def test_rows_are_read_once_and_come_newest_change_first() -> None:
    world, sessions = await opened([row("a", 1), row("b", 3), row("c", 2)])
    assert sessions.rows.loading
    rows = await sessions.ready()
    assert list(rows) == ["b", "c", "a"]
    assert rows["a"].session_id == "a"
    assert len(world.calls("sessions", "find")) == 1
    sessions.close()


async def test_a_collection_shows_how_many_rows_it_has_and_whether_it_is_read_or_closed() -> None:
    _, sessions = await opened([row("a", 1), row("b", 3)])
    assert (repr(sessions), repr(sessions.rows)) == ("<SessionCollection 0>", "<SessionRows 0 loading>")
    await sessions.ready()
    assert (repr(sessions), repr(sessions.rows)) == ("<SessionCollection 2>", "<SessionRows 2>")
    sessions.close()
    assert repr(sessions) == "<SessionCollection 2 closed>"


async def test_events_keep_the_rows_and_subscribers_are_told_once_per_tick() -> None:
    world, sessions = await opened([row("a", 1)])
    await sessions.ready()
    told: list[SessionRows] = []
    sessions.listen(told.append)
    world.link.emit("sessions created", row("b", 2))
    world.link.emit("sessions patched", row("a", 3, status="running"))
    world.link.emit("sessions patched", row("a", 3, status="running"))
    world.link.emit("sessions patched", None)
    await asyncio.sleep(0)
    assert [list(rows) for rows in told] == [["a"], ["a", "b"]]
    assert told[-1]["a"].status == "running"
    world.link.emit("sessions removed", row("a"))
    world.link.emit("sessions patched", row("a", 9))
    await asyncio.sleep(0)
    assert list(told[-1]) == ["b"], "what was removed stays removed"
    sessions.close()


async def test_a_row_that_no_longer_fits_the_query_leaves_and_one_that_fits_comes() -> None:
    world, sessions = await opened([row("a", 1)], {"archived": False, "$sort": {"last_updated": -1}})
    await sessions.ready()
    world.link.emit("sessions patched", row("a", 2, archived=True))
    assert list(sessions.rows) == []
    world.link.emit("sessions patched", row("a", 3))
    world.link.emit("sessions created", row("z", 4, archived=True))
    assert list(sessions.rows) == ["a"]
    sessions.close()


@pytest.mark.parametrize(
    ("query", "fits", "misfits"),
    [
        ({"status": {"$in": ["idle", "failed"]}}, {"status": "failed"}, {"status": "running"}),
        ({"status": {"$ne": "running"}}, {"status": "idle"}, {"status": "running"}),
        ({"title": None}, {}, {"title": "named"}),
        ({"last_updated": {"$gte": stamp(5)}}, {"last_updated": stamp(6)}, {"last_updated": stamp(4)}),
        ({"$or": [{"status": "idle"}, {"title": "t"}]}, {"status": "running", "title": "t"}, {"status": "running"}),
    ],
)
async def test_a_collection_holds_what_fits_its_operators_read_or_told_live(
    query: dict[str, Any], fits: dict[str, Any], misfits: dict[str, Any]
) -> None:
    world = World()
    here = [row("a", **fits), row("b", **misfits)]

    def find(args: tuple[Any, ...]) -> Any:
        sent = {name for name, value in args[0].items() if name not in ("$limit", "$skip")}
        if sent:
            raise BadRequest("validation failed", code=400)
        return world.page(None, here, args[0])

    world.link.on_call("find", "sessions", find)
    await world.link.open()
    sessions = SessionCollection(world, query)
    assert list(await sessions.ready()) == ["a"]
    assert sessions.rows.error is None
    world.link.emit("sessions created", row("c", **fits))
    world.link.emit("sessions created", row("d", **misfits))
    assert set(sessions.rows) == {"a", "c"}
    world.link.emit("sessions patched", row("a", **misfits))
    world.link.emit("sessions patched", row("d", **fits))
    assert set(sessions.rows) == {"c", "d"}
    sessions.close()


async def test_an_unknown_operator_is_an_error_at_the_call_and_nothing_is_left() -> None:
    world = World()
    await world.link.open()
    with pytest.raises(UsageError, match=r"\$regex"):
        SessionCollection(world, {"title": {"$regex": "x"}})
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)
    assert world.calls("sessions") == []


async def test_live_rows_without_the_flag_are_not_archived() -> None:
    world, sessions = await opened([row("a", 1)], {"archived": False})
    await sessions.ready()
    bare = row("b", 2)
    del bare["archived"]
    world.link.emit("sessions created", bare)
    assert list(sessions.rows) == ["b", "a"]
    sessions.close()


async def test_the_order_asked_for_is_the_order_of_the_rows() -> None:
    here = [row("a", 1, title="z"), row("b", 2, title="y")]
    world, sessions = await opened(here, {"$sort": {"title": -1}})
    assert list(await sessions.ready()) == ["a", "b"]
    world.link.emit("sessions created", row("c", 3, title="yy"))
    assert [found.title for found in sessions.rows.ordered] == ["z", "yy", "y"]
    sessions.close()


async def test_what_a_read_failed_of_is_said_until_one_succeeds() -> None:
    world, sessions = await opened([row("a", 1)])
    await sessions.ready()

    def broken(args: object) -> object:
        raise ServerError("disk full", code=500)

    world.link.on_call("find", "sessions", broken)
    world.link.drop()
    world.link.restore()
    await world.settle(lambda: sessions.rows.error)
    world.link.emit("sessions created", row("b", 2))
    assert "disk full" in (sessions.rows.error or "")
    sessions.close()


async def test_more_sessions_than_a_daemon_lets_one_reach_is_said() -> None:
    world = World()
    many = [row(f"s{n}") for n in range(20_003)]

    def find(args: Any) -> Any:
        if args[0].get("$skip", 0) > 10_000:
            raise BadRequest("validation failed", code=400)
        return {"total": len(many), "data": many[args[0].get("$skip", 0) :][: args[0]["$limit"]]}

    world.link.on_call("find", "sessions", find)
    await world.link.open()
    sessions = SessionCollection(world)
    assert len(await sessions.ready()) >= 20_000
    assert "20,000" in (sessions.rows.error or "")
    sessions.close()


async def test_who_undoes_itself_or_another_is_told_no_more_and_a_bad_completion_harms_nobody() -> None:
    world, sessions = await opened([row("a", 1)])
    await sessions.ready()
    told: list[str] = []
    undo: list[Any] = []

    def first(rows: SessionRows) -> None:
        told.append(f"first {len(rows)}")
        if len(rows) == 2:
            undo[0]()

    def bad() -> None:
        raise ValueError("mine")

    sessions.listen(first, bad)
    undo.append(sessions.listen(lambda rows: told.append(f"second {len(rows)}")))
    world.link.emit("sessions created", row("b", 2))
    sessions.listen(lambda rows: told.append(f"third {len(rows)}"), lambda: told.append("over"))
    await asyncio.sleep(0)
    assert told == ["first 1", "second 1", "third 2", "first 2"]
    sessions.close()
    assert told[-1] == "over"
    assert [str(failure.error) for failure in world.failures] == ["mine"]


async def test_what_is_told_while_the_rows_are_read_wins_over_the_answer() -> None:
    rows = [row("a", 1), row("gone", 1)]
    world = World()
    world.link.on_call("find", "sessions", lambda args: world.page(None, rows, args[0]))
    world.link.hold("find", "sessions")
    await world.link.open()
    sessions = SessionCollection(world)
    await world.settle(lambda: world.link.pending)
    world.link.emit("sessions patched", row("a", 5, status="running"))
    world.link.emit("sessions created", row("new", 6))
    world.link.emit("sessions removed", row("gone"))
    world.link.release()
    await sessions.ready()
    assert list(sessions.rows) == ["new", "a"]
    assert sessions.rows["a"].status == "running"
    sessions.close()


async def test_after_a_drop_the_rows_are_read_again_and_unchanged_ones_stay_the_same_objects() -> None:
    rows = [row("a", 1), row("b", 2)]
    world, sessions = await opened(rows)
    await sessions.ready()
    before = sessions.rows["a"]
    world.link.drop()
    assert list(sessions.rows) == ["b", "a"]
    rows[1] = row("c", 3)
    world.link.restore()
    await world.settle(lambda: "c" in sessions.rows)
    assert list(sessions.rows) == ["c", "a"]
    assert sessions.rows["a"] is before
    sessions.close()


async def test_a_read_that_fails_keeps_the_rows_and_says_so() -> None:
    world, sessions = await opened([row("a", 1)])
    await sessions.ready()

    def broken(args: object) -> object:
        raise ServerError("disk full", code=500)

    undo = world.link.on_call("find", "sessions", broken)
    world.link.drop()
    world.link.restore()
    await world.settle(lambda: sessions.rows.error)
    assert "disk full" in (sessions.rows.error or "")
    assert list(sessions.rows) == ["a"]
    undo()
    world.link.drop()
    world.link.restore()
    await world.settle(lambda: sessions.rows.error is None)
    assert sessions.rows.error is None
    sessions.close()


async def test_it_is_an_observable_and_completes_when_closed() -> None:
    world, sessions = await opened([row("a", 1)])
    await sessions.ready()
    seen: list[Any] = []
    sessions.subscribe(lambda rows: seen.append(list(rows)), on_completed=lambda: seen.append("completed"))

    def bad(rows: SessionRows) -> None:
        raise ValueError("mine")

    sessions.listen(bad)
    world.link.emit("sessions created", row("b", 2))
    await asyncio.sleep(0)
    sessions.close()
    sessions.close()
    assert seen == [["a"], ["b", "a"], "completed"]
    assert len(world.failures) == 1
    with pytest.raises(HandleDisposed):
        sessions.listen(print)


async def test_handles_on_demand_are_the_shared_ones_and_outlive_the_collection() -> None:
    world, sessions = await opened([row(SID, 1)])
    await sessions.ready()
    handle = sessions.retain(SID)
    other = world.registry.retain(SID, task_hydration="preview")
    assert handle.entry is other.entry
    sessions.close()
    assert (await handle.ready()).tasks
    handle.release()
    other.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_closed_before_its_first_read_ends_leaves_nothing() -> None:
    world, sessions = await opened([row("a", 1)])
    world.link.hold("find", "sessions")
    await world.settle(lambda: world.link.pending, turns=5)
    sessions.close()
    with pytest.raises(HandleDisposed):
        await sessions.ready()
    await world.settle(lambda: not world.link.pending)
    assert world.link.pending == []
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_an_event_of_a_row_that_does_not_fit_and_is_not_held_emits_nothing() -> None:
    world, sessions = await opened([row("a", 1)], {"archived": False})
    before = await sessions.ready()
    world.link.emit("sessions patched", row("b", 2, archived=True))
    assert sessions.rows is before
    assert world.failures == []
    sessions.close()


async def test_a_collection_of_a_connection_that_is_not_logged_in_reads_what_anybody_may() -> None:
    world = World()
    world.link.on_call("find", "sessions", lambda args: world.page(None, [row("a", 1)], args[0]))
    world.link.set_status(LinkStatus("unauthenticated", epoch=1))
    sessions = SessionCollection(world)
    assert list(await sessions.ready()) == ["a"]
    sessions.close()


async def test_a_login_during_the_first_read_reads_anew_and_gives_the_first_up() -> None:
    world = World()
    world.link.hold("find", "sessions")
    world.link.set_status(LinkStatus("unauthenticated", epoch=1))
    sessions = SessionCollection(world)
    await world.settle(lambda: world.link.pending)
    (first,) = world.link.pending
    world.link.set_status(LinkStatus("live", epoch=1))
    await world.settle(lambda: first not in world.link.pending and world.link.pending)
    (second,) = world.link.pending
    assert second is not first
    second.answer(world.page(None, [row("a", 1)]))
    assert list(await sessions.ready()) == ["a"]
    sessions.close()


async def test_a_drop_during_the_first_read_is_no_error_and_the_next_connection_reads() -> None:
    world, sessions = await opened([row("a", 1)])
    world.link.hold("find", "sessions")
    first = asyncio.ensure_future(sessions.ready())
    await world.settle(lambda: world.link.pending)
    world.link.drop()
    await world.settle()
    assert (sessions.rows.loading, sessions.rows.error, first.done()) == (True, None, False)
    world.link.restore()
    await world.settle(lambda: world.link.pending)
    world.link.emit("sessions created", row("b", 2))
    world.link.release()
    assert list(await first) == ["b", "a"]
    assert len(world.calls("sessions", "find")) == 2
    sessions.close()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_a_task_that_failed_is_known_until_another_runs_or_ends() -> None:
    world, sessions = await opened([row("a", 1), row("b", 2)])
    await sessions.ready()
    got: list[SessionRows] = []
    sessions.listen(got.append)

    def task(session_id: Any, status: str) -> None:
        world.link.emit("tasks patched", {"task_id": "t", "session_id": session_id, "status": status})

    task("a", "failed")
    task("b", "timed_out")
    task("unknown", "failed")
    task(None, "failed")
    world.link.emit("tasks patched", None)
    await asyncio.sleep(0)
    assert dict(got[-1].failed) == {"a": "failed", "b": "timed_out"}
    assert list(got[-1]) == ["b", "a"]
    task("b", "queued")
    world.link.emit("sessions patched", row("a", 3))
    assert dict(sessions.rows.failed) == {"a": "failed", "b": "timed_out"}
    task("b", "running")
    assert dict(sessions.rows.failed) == {"a": "failed"}
    world.link.emit("sessions removed", row("a"))
    assert dict(sessions.rows.failed) == {}
    sessions.close()


async def test_after_a_drop_the_last_task_of_a_session_that_changed_is_unknown() -> None:
    here = [row("a", 1), row("b", 2)]
    world, sessions = await opened(here)
    await sessions.ready()
    for session_id in "ab":
        world.link.emit("tasks patched", {"task_id": "t", "session_id": session_id, "status": "failed"})
    here[1] = row("b", 5)
    world.link.set_status(LinkStatus("reconnecting", epoch=1))
    world.link.set_status(LinkStatus("live", epoch=2))
    await world.settle(lambda: "b" not in sessions.rows.failed)
    assert dict(sessions.rows.failed) == {"a": "failed"}
    sessions.close()

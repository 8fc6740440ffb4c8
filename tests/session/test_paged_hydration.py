"""A mirror reads all of its session from daemons that page, refuse and ignore in every way (`PagedDaemon`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agor_reactive.core import SessionState
from agor_reactive.errors import BadRequest, NotFound
from agor_reactive.session.collection import SessionCollection
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.registry import SessionRegistry
from agor_reactive.session.router import Router
from agor_reactive.transport.scripted import ScriptedLink
from tests.calls.paged_daemon import MADE, PagedDaemon, june, message, task, uid
from tests.contract.waiting import eventually

TODAY: dict[str, Any] = {"default": 100, "cap": 100}


class Mirror:
    """A client's session layer on a link to that daemon."""

    def __init__(self, daemon: PagedDaemon) -> None:
        self.daemon = daemon
        self.link: ScriptedLink = daemon.link()
        self.failures: list[Any] = []
        self.router = Router(self.link, on_listener_failure=self.failures.append)
        self.registry = SessionRegistry(self.link, self.router, clock=lambda: 5.0, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def opened(self, hydration: str, session_id: str = MADE) -> AsyncIterator[SessionHandle]:
        await self.link.open()
        handle = self.registry.retain(session_id, task_hydration=hydration)
        try:
            await handle.ready()
            yield handle
        finally:
            handle.release()


def conversation(count: int, tasks: int, **options: Any) -> PagedDaemon:
    """So many messages in so many tasks, in turns."""
    rows = [message(number, uid(number * tasks // count, 2)) for number in range(count)]
    return PagedDaemon(rows, [task(number) for number in range(tasks)], **options)


def indexes(state: SessionState) -> list[float]:
    return [row.index for task in state.tasks for row in state.messages_by_task.get(task.task_id, ())]


@pytest.mark.parametrize("cap", [100, 1_000])
@pytest.mark.parametrize(("hydration", "tasks"), [("eager", 120), ("lazy", 1), ("lean", 2)])
async def test_twelve_thousand_messages_are_mirrored_complete_and_in_order(
    cap: int, hydration: str, tasks: int
) -> None:
    mirror = Mirror(conversation(12_000, tasks, default=100, cap=cap))
    async with mirror.opened(hydration) as handle:
        assert handle.state.error is None
        assert indexes(handle.state) == list(range(12_000))


@pytest.mark.parametrize("how", [{**TODAY}, {"cap": 50, "ranges": "refused"}, {"cap": 50, "over": "refuse"}, june()])
@pytest.mark.parametrize("hydration", ["eager", "lazy", "lean", "preview", "none"])
async def test_each_hydration_holds_what_it_should_on_every_daemon(how: dict[str, Any], hydration: str) -> None:
    mirror = Mirror(conversation(600, 250, **how))
    async with mirror.opened(hydration) as handle:
        assert handle.state.error is None
        shown = {"preview": 1, "lean": 10}.get(hydration, 250)
        assert [row.task_id for row in handle.state.tasks] == [uid(number, 2) for number in range(250 - shown, 250)]
        read = {"none": 0, "lazy": 1}.get(hydration, shown)
        wanted = {uid(number, 2) for number in range(250 - read, 250)}
        expected = [row["index"] for row in mirror.daemon.messages if row["task_id"] in wanted]
        assert indexes(handle.state) == expected


@pytest.mark.parametrize("how", [*({"default": cap, "cap": cap} for cap in (2, 3, 7, 11, 100)), june()])
@pytest.mark.parametrize(("hydration", "first"), [("preview", 28), ("lean", 18)])
async def test_which_waiting_tasks_a_window_has_does_not_depend_on_the_pages(
    how: dict[str, Any], hydration: str, first: int
) -> None:
    """Without a route for the queue: those that are not older than the window, of 3, 17, 26 and 29."""
    rows = [task(number, status="queued" if number in (3, 17, 26, 29) else "completed") for number in range(30)]
    mirror = Mirror(PagedDaemon([], rows, **how))

    def refuse(args: Any) -> Any:
        raise NotFound("Service not found", code=404)

    mirror.link.on_call("find", "sessions/:id/tasks/queue", refuse)
    async with mirror.opened(hydration) as handle:
        state = handle.state
        assert [row.task_id for row in state.tasks] == [uid(number, 2) for number in range(first, 30)]
        assert [row.task_id for row in state.queued_tasks] == [uid(n, 2) for n in (26, 29) if n >= first]
        assert state.has_older_tasks


async def test_older_tasks_come_page_by_page_from_a_daemon_of_small_pages() -> None:
    mirror = Mirror(conversation(60, 60, default=7, cap=7))
    async with mirror.opened("lean") as handle:
        for shown in (10, 20, 30, 40, 50, 60):
            assert len(handle.state.tasks) == shown
            assert handle.state.has_older_tasks is (shown < 60)
            await handle.load_older_tasks()


@pytest.mark.parametrize("cap", [1, 2, 3, 7])
@pytest.mark.parametrize("how", [{}, {"ranges": "refused"}, {"over": "refuse"}, june()], ids=str)
async def test_a_window_grown_over_short_pages_holds_what_full_hydration_does(how: dict[str, Any], cap: int) -> None:
    async with Mirror(conversation(50, 25)).opened("eager") as full:
        everything = full.state
    mirror = Mirror(conversation(50, 25, **{"default": cap, "cap": cap, **how}))
    async with mirror.opened("preview") as handle:
        assert (handle.state.error, handle.state.tasks) == (None, everything.tasks[-1:])
    async with mirror.opened("lean") as handle:
        for shown in (10, 20, 25):
            assert (handle.state.error, handle.state.tasks) == (None, everything.tasks[-shown:])
            assert handle.state.has_older_tasks is (shown < 25)
            await handle.load_older_tasks()
        await eventually(lambda: len(indexes(handle.state)) == 50)
        assert indexes(handle.state) == indexes(everything)


async def test_messages_added_and_removed_during_the_walk_are_right() -> None:
    mirror = Mirror(conversation(900, 3, default=100, cap=100))
    made = 0

    def between(daemon: PagedDaemon) -> None:
        nonlocal made
        if made < 40 and daemon.asked[-1]["path"] == "messages":
            made += 1
            gone = daemon.messages.pop(made * 7)
            mirror.link.emit("messages removed", gone)
            new = message(900 + made, uid(made % 3, 2))
            daemon.messages.append(new)
            mirror.link.emit("messages created", dict(new))

    mirror.daemon.between = between
    async with mirror.opened("eager") as handle:
        assert made > 10
        assert sorted(indexes(handle.state)) == sorted(row["index"] for row in mirror.daemon.messages)


async def test_a_daemon_that_refuses_the_lean_transcript_is_read_in_full() -> None:
    mirror = Mirror(conversation(300, 30, lean="refused", **TODAY))
    async with mirror.opened("lean") as handle:
        assert handle.state.error is None
        assert len(indexes(handle.state)) == 100
    asked = [query for query in mirror.daemon.asked if "transcript" in query]
    assert 1 <= len(asked) <= 4, "a refusal is remembered; four reads go at once"


@pytest.mark.parametrize("hydration", ["eager", "lean"])
@pytest.mark.parametrize("first", ["get sessions", "find tasks"])
async def test_an_id_that_is_none_is_not_found_whatever_answers_first(hydration: str, first: str) -> None:
    """There `find tasks` is a 400 about the id's form, and only `get sessions` says what is the matter."""
    mirror = Mirror(PagedDaemon())

    def refuse(args: Any) -> Any:
        raise BadRequest("validation failed", code=400)

    mirror.link.on_call("find", "tasks", refuse)
    undo = mirror.link.hold("get", "sessions") if first == "find tasks" else None
    await mirror.link.open()
    handle = mirror.registry.retain("no-such-session", task_hydration=hydration)
    if undo is not None:
        for _ in range(30):
            await asyncio.sleep(0)
        assert not handle.state.terminal
        mirror.link.release("get", "sessions")
    state = await handle.ready()
    assert state.terminal
    assert "not found" in (state.error or "")
    assert [call[:2] for call in mirror.link.calls].count(("get", "sessions")) == 1
    handle.release()


async def test_tasks_that_are_refused_in_a_session_that_is_there_are_told_as_that() -> None:
    mirror = Mirror(conversation(3, 1))

    def refuse(args: Any) -> Any:
        raise BadRequest("odd query", code=400)

    mirror.link.on_call("find", "tasks", refuse)
    async with mirror.opened("eager") as handle:
        assert not handle.state.terminal
        assert "odd query" in (handle.state.error or "")


@pytest.mark.parametrize("how", [{"cap": 50}, {"cap": 50, "over": "refuse"}, {"cap": 100}, {"cap": 1_000}])
async def test_a_collection_holds_every_session_whatever_the_pages(how: dict[str, Any]) -> None:
    rows = [{"session_id": uid(number, 3), "status": "idle", "archived": number % 2 == 1} for number in range(2_400)]
    mirror = Mirror(PagedDaemon(sessions=rows, **how))
    await mirror.link.open()
    sessions = SessionCollection(mirror, {"archived": False})
    assert len(await sessions.ready()) == 1_200
    assert sessions.rows.error is None
    sessions.close()


@pytest.mark.parametrize("lie", [10**18, None, -3])
async def test_the_newest_tasks_are_found_though_the_count_is_no_use(lie: Any) -> None:
    mirror = Mirror(conversation(60, 60, total=lambda honest, call: lie, **TODAY))
    async with mirror.opened("lean") as handle:
        assert len(handle.state.tasks) == 10
        assert handle.state.tasks[-1].task_id == uid(59, 2)
    assert len(mirror.daemon.asked) < 60

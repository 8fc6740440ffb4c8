"""The newest era: stream events only for who joined, tasks that start as dispatching."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.daemon.events import STREAM_EVENTS

from .conftest import Open, steps

Start = Callable[..., Awaitable[EmbeddedDaemon]]


@pytest.fixture
async def daemon(start: Start) -> EmbeddedDaemon:
    return await start(era="session-streams")


async def test_only_who_joined_hears_the_stream(daemon: EmbeddedDaemon, connect: Open) -> None:
    inside, outside = await connect(), await connect()
    session_id = await inside.new_session(daemon)
    short = session_id.replace("-", "")[:24]
    assert await inside.ok("create", "session-streams", {"session_id": short}) == {"session_id": session_id}
    task = await inside.prompt(session_id, "Go.")
    for watcher in (inside, outside):
        await watcher.ended(task["task_id"])
    assert STREAM_EVENTS & set(outside.names()) == set()
    assert {"messages streaming:chunk", "messages thinking:end", "tasks tool:complete"} <= set(inside.names())
    assert outside.of("messages created") == inside.of("messages created")


async def test_who_left_hears_no_more(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    await watcher.ok("create", "session-streams", {"session_id": session_id})
    assert await watcher.ok("remove", "session-streams", session_id) == {"session_id": session_id}
    task = await watcher.prompt(session_id, "Go.")
    await watcher.ended(task["task_id"])
    assert STREAM_EVENTS & set(watcher.names()) == set()


async def test_a_session_that_is_not_there_cannot_be_joined(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    assert (await watcher.fault("create", "session-streams", {"session_id": "ffffffff"}))["code"] == "NOT_FOUND"
    stranger = await connect(login=False)
    assert (await stranger.fault("create", "session-streams", {"session_id": "x"}))["code"] == 401


async def test_tasks_start_as_dispatching(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    watcher.heard.clear()
    answer = await watcher.prompt(session_id, "Go. [slow]")
    assert answer["status"] == "running"
    assert steps(watcher)[:3] == ["tasks created dispatching", "patched", "tasks patched running"]


async def test_older_eras_know_no_rooms(start: Start, connect: Open) -> None:
    daemon = await start(era="branches")
    watcher = await connect(daemon)
    fault = await watcher.fault("create", "session-streams", {"session_id": "x"})
    assert (fault["code"], fault["message"]) == (404, "Service 'session-streams' not found")

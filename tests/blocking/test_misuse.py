"""The blocking face where people trip: undoing, closing and waiting from the wrong place, or too late."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.blocking import BlockingClient, BlockingPermission, connect
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.models.outcome import Done, PermissionNeeded

SOON = 20.0


def new_session(client: BlockingClient, daemon: EmbeddedDaemon, title: str = "One") -> str:
    made = client.service("sessions").create(
        {"branch_id": daemon.workspace_id or "", "agentic_tool": "codex", "title": title}
    )
    return made.session_id


def test_off_finds_what_on_added_by_another_look_up_of_the_service(client: BlockingClient) -> None:
    received: queue.SimpleQueue[Any] = queue.SimpleQueue()
    notified: queue.SimpleQueue[Any] = queue.SimpleQueue()
    client.service("boards").on("created", received.put)
    client.service("boards").on("created", notified.put)
    client.service("boards").off("created", received.put)
    client.service("boards").create({"name": "a board"})
    assert notified.get(timeout=SOON).name == "a board"
    assert received.empty()


def test_a_callback_may_undo_itself(client: BlockingClient, daemon: EmbeddedDaemon) -> None:
    notified: queue.SimpleQueue[Any] = queue.SimpleQueue()
    session_id = new_session(client, daemon)

    def once(row: Any) -> None:
        notified.put(row.name)
        undo()

    undo = client.service("boards").on("created", once)
    last: queue.SimpleQueue[Any] = queue.SimpleQueue()
    client.service("boards").on("created", last.put)
    for name in ("first", "second"):
        client.service("boards").create({"name": name})
        assert last.get(timeout=SOON).name == name
    assert (notified.get(), notified.empty()) == ("first", True)

    released = threading.Event()
    handle = client.retain(session_id)
    handle.ready(SOON)

    def leave(state: Any) -> None:
        handle.release()
        released.set()

    handle.subscribe(leave)
    assert released.wait(SOON)
    assert handle.live.released


def test_what_is_undone_after_the_end_changes_nothing(daemon: EmbeddedDaemon) -> None:
    client = connect(daemon.url, api_key=daemon.api_key)
    handle = client.retain(new_session(client, daemon))
    handle.ready(SOON)
    sessions = client.retain_sessions()
    states = handle.states(SOON)
    next(states)
    undos = [
        handle.subscribe(print),
        handle.on_permission(print),
        sessions.subscribe(lambda rows: None),
        client.service("boards").on("created", print),
        client.on_status(lambda status: None),
        handle.release,
        sessions.close,
        states.close,
        lambda: client.service("boards").off("created"),
    ]
    client.close()
    for undo in undos:
        undo()
        undo()
    assert handle.state is not None


def test_who_waits_while_another_thread_closes_the_client_is_told(daemon: EmbeddedDaemon) -> None:
    client = connect(daemon.url, api_key=daemon.api_key)
    waiting = threading.Event()
    raised: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def forever() -> None:
        waiting.set()
        await asyncio.Event().wait()

    def wait() -> None:
        try:
            client.run(forever())
        except agor.UsageError as error:
            raised.put(error)
        except BaseException as error:  # noqa: BLE001 - handed to the test, which fails on it
            raised.put(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(SOON)
    client.close()
    error = raised.get(timeout=SOON)
    thread.join()
    assert isinstance(error, agor.UsageError)
    assert "closed" in str(error)


def test_permission_is_given_from_a_plain_thread(client: BlockingClient, daemon: EmbeddedDaemon) -> None:
    asked: queue.SimpleQueue[BlockingPermission] = queue.SimpleQueue()
    with client.retain(new_session(client, daemon)) as handle:
        handle.ready(SOON)
        undo = handle.on_permission(asked.put)
        outcome = handle.ask("[permission]", timeout=SOON)
        assert isinstance(outcome, PermissionNeeded)
        request = asked.get(timeout=SOON)
        assert request.request_id == outcome.requests[0].request_id
        assert request.task_id == outcome.task.task_id
        assert request.tool_name
        assert outcome.requests[0].approve()["success"] is True
        assert request.approve()["success"] is False
        assert request.deny()["success"] is False
        assert isinstance(handle.wait(outcome.task.task_id, timeout=SOON), Done)
        undo()


def test_an_answer_given_on_the_loops_own_thread_says_where_to_give_it(
    client: BlockingClient, daemon: EmbeddedDaemon
) -> None:
    raised: queue.SimpleQueue[Any] = queue.SimpleQueue()
    calls: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def at_once(request: BlockingPermission) -> None:
        try:
            request.approve()
        except agor.UsageError as error:
            raised.put(str(error))

    with client.retain(new_session(client, daemon)) as handle:
        handle.ready(SOON)
        handle.on_permission(at_once)
        handle.on_permission(lambda request: request.approve(), deliver=calls.put)
        outcome = handle.ask("[permission]", timeout=SOON)
        assert "deliver" in raised.get(timeout=SOON)
        calls.get(timeout=SOON)()
        assert isinstance(handle.wait(outcome.task.task_id, timeout=SOON), Done)


def test_many_sessions_without_await(client: BlockingClient, daemon: EmbeddedDaemon) -> None:
    first = new_session(client, daemon, "First")
    notified: queue.SimpleQueue[Any] = queue.SimpleQueue()
    calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with client.retain_sessions(query={"archived": False}) as sessions:
        assert first in sessions.ready(SOON)
        undo = sessions.subscribe(notified.put)
        assert first in notified.get(timeout=SOON)
        sessions.subscribe(lambda rows: None, deliver=calls.put)
        second = new_session(client, daemon, "Second")
        while second not in notified.get(timeout=SOON):
            pass
        assert second in sessions.rows
        assert calls.qsize() == 1, "however many there were"
        with sessions.retain(second) as handle:
            assert handle.ready(SOON).session_id == second
        undo()
    with pytest.raises(agor.HandleDisposed):
        sessions.subscribe(notified.put)


async def test_mirrors_of_a_client_that_has_none_say_what_to_use(daemon: EmbeddedDaemon) -> None:
    blocking = await asyncio.to_thread(connect, daemon.url, api_key=daemon.api_key)
    try:
        with agor.create_rest_client(daemon.url) as rest:
            for client, what in ((rest, "create_client"), (blocking, r"client\.retain")):
                odd: Any = client
                with pytest.raises(agor.UsageError, match=what):
                    agor.retain_reactive_session(odd, "s")
                with pytest.raises(agor.UsageError, match=what):
                    agor.retain_sessions(odd)
    finally:
        await asyncio.to_thread(blocking.close)


def test_mirrors_and_listeners_on_no_loop_or_another_say_so(daemon: EmbeddedDaemon) -> None:
    client = agor.create_client(daemon.url, api_key=daemon.api_key)
    for retain in (lambda: agor.retain_reactive_session(client, "s"), lambda: agor.retain_sessions(client)):
        with pytest.raises(agor.UsageError, match="event loop"):
            retain()

    async def elsewhere() -> None:
        for misuse in (
            lambda: agor.retain_reactive_session(client, "s"),
            lambda: agor.retain_sessions(client),
            lambda: client.service("boards").on("created", print),
            lambda: client.on_status(print),
        ):
            with pytest.raises(agor.WrongLoop):
                misuse()

    async def here() -> None:
        undo = client.service("boards").on("created", print)  # before it is opened, too
        async with client:
            await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
            undo()

    asyncio.run(here())

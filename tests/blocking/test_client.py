"""The blocking face on a real daemon: from scripts, threads, inside a running loop; and how it ends."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.blocking import BlockingClient, LoopThread, connect
from agor_reactive.core import SessionState
from agor_reactive.daemon import EmbeddedDaemon


@pytest.fixture
def session_id(client: BlockingClient, daemon: EmbeddedDaemon) -> str:
    made = client.service("sessions").create({"branch_id": daemon.workspace_id, "agentic_tool": "codex"})
    found: str = made.session_id
    return found


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name == "agor-reactive"}


def test_a_prompt_is_sent_and_followed_to_its_end(client: BlockingClient, session_id: str) -> None:
    with client.retain(session_id) as handle:
        assert handle.ready(timeout=10).session is not None
        task = handle.prompt("hello [chunks:3]")

        def ended(state: SessionState) -> bool:
            row = state.get_task(task.task_id)
            return row is not None and row.ended

        state = handle.wait_for(ended, timeout=20)
        assert state.get_task_messages(task.task_id)
        assert handle.state.revision >= state.revision
        handle.unload_task_messages(task.task_id)
        assert not handle.state.is_task_loaded(task.task_id)
        assert handle.load_task_messages(task.task_id)
        assert handle.resync().error is None
        assert handle.load_older_tasks() is not None


def test_states_come_newest_first_and_end_with_the_release(client: BlockingClient, session_id: str) -> None:
    handle = client.retain(session_id)
    handle.ready(timeout=10)
    revisions = []
    for state in handle.states(timeout=10):
        revisions.append(state.revision)
        if len(revisions) == 1:
            handle.prompt("hello [chunks:3]")
        if state.tasks and state.tasks[0].ended:
            handle.release()
    assert revisions == sorted(set(revisions))
    handle.release()


def test_callbacks_come_where_they_are_delivered_with_at_most_one_waiting(
    client: BlockingClient, session_id: str
) -> None:
    calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
    notified: list[tuple[str, int]] = []
    with client.retain(session_id) as handle:
        handle.ready(timeout=10)
        undo = handle.subscribe(
            lambda state: notified.append((threading.current_thread().name, state.revision)), deliver=calls.put
        )
        handle.prompt("hello [chunks:20]")
        handle.wait_for(lambda state: state.tasks and state.tasks[0].ended, timeout=20)
        assert calls.qsize() == 1, "however many snapshots there were"
        calls.get()()
        assert notified == [(threading.current_thread().name, handle.state.revision)]
        undo()


def test_listeners_hear_typed_rows_on_the_loops_thread_until_they_leave(
    client: BlockingClient, daemon: EmbeddedDaemon
) -> None:
    received: queue.SimpleQueue[Any] = queue.SimpleQueue()
    off = client.service("boards").on("created", lambda row: received.put((threading.current_thread().name, row.name)))
    client.service("boards").create({"name": "first"})
    assert received.get(timeout=10) == ("agor-reactive", "first")
    off()
    client.service("boards").create({"name": "second"})
    assert received.empty()


def test_many_threads_use_one_client(client: BlockingClient, session_id: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda _: client.service("sessions").get(session_id), range(24)))
    assert {row.session_id for row in rows} == {session_id}


def test_b47_it_works_inside_a_running_loop(daemon: EmbeddedDaemon, session_id: str) -> None:
    async def cell() -> str:
        with connect(daemon.url, api_key=daemon.api_key) as inner, inner.retain(session_id) as handle:
            return handle.ready(timeout=10).session_id

    assert asyncio.run(cell()) == session_id


def test_a_blocking_call_in_a_callback_says_why_it_cannot_be(client: BlockingClient, session_id: str) -> None:
    raised: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def meddle(state: SessionState) -> None:
        try:
            client.service("sessions").get(session_id)
        except agor.UsageError as error:
            raised.put(error)

    with client.retain(session_id) as handle:
        handle.ready(timeout=10)
        handle.subscribe(meddle)
        assert "own thread" in str(raised.get(timeout=10))


def test_what_does_not_come_in_time_is_a_timeout_and_leaves_nothing(client: BlockingClient, session_id: str) -> None:
    with client.retain(session_id) as handle:
        handle.ready(timeout=10)
        with pytest.raises(agor.CallTimeout):
            handle.wait_for(lambda state: False, timeout=0.05)
        client.run(asyncio.sleep(0))
        assert handle._handle.entry.snapshots.subscription_count == 0


def test_a_timeout_holds_while_a_callback_keeps_the_loop_busy() -> None:
    portal, free = LoopThread(), threading.Event()
    portal.loop.call_soon_threadsafe(free.wait, 10)
    try:
        with pytest.raises(agor.CallTimeout):
            portal.run(asyncio.sleep(0), timeout=0.05)
    finally:
        free.set()
        portal.stop()


def test_ctrl_c_ends_the_waiting_and_not_the_client(
    client: BlockingClient, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import concurrent.futures

    real = concurrent.futures.wait

    def interrupted(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(concurrent.futures, "wait", real)
        raise KeyboardInterrupt

    monkeypatch.setattr(concurrent.futures, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.service("sessions").get(session_id)
    assert client.service("sessions").get(session_id).session_id == session_id


def test_errors_are_the_same_ones(client: BlockingClient) -> None:
    with pytest.raises(agor.NotFound):
        client.service("sessions").get("01a20fce-0000-732c-b447-000000000000")


def test_a_client_that_cannot_connect_or_log_in_leaves_no_thread(daemon: EmbeddedDaemon) -> None:
    before = len(threading.enumerate())
    with pytest.raises(agor.CannotConnect):
        connect("http://127.0.0.1:9", connect_timeout=2)
    with pytest.raises(agor.NotAuthenticated):
        connect(daemon.url, api_key="agor_sk_wrong")
    assert len(threading.enumerate()) == before


def test_a_closed_client_says_so_and_closing_twice_changes_nothing(daemon: EmbeddedDaemon) -> None:
    client = connect(daemon.url, api_key=daemon.api_key)
    client.close()
    client.close()
    with pytest.raises(agor.UsageError):
        client.service("sessions").find()


def test_a_client_that_is_forgotten_ends_by_itself(daemon: EmbeddedDaemon) -> None:
    before = len(threading.enumerate())
    client = connect(daemon.url, api_key=daemon.api_key)
    assert len(threading.enumerate()) > before
    with pytest.warns(ResourceWarning, match="was not closed"):
        del client
    deadline = time.monotonic() + 10
    while len(threading.enumerate()) > before and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert len(threading.enumerate()) <= before

"""Loads 10,000 messages from an embedded daemon in a separate process into a state.

Over REST: the async client's `find_all`, and the fold of its result as the answer to an eager load. Over the live link:
a handle from `retain` to `ready`. The base of both is plain httpx2 and orjson: the same requests and pages, decoded.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import orjson

from agor_reactive import AsyncRestClient, create_async_rest_client, create_client, retain_reactive_session
from agor_reactive.core import SessionState, fold, initial_state
from agor_reactive.core import events as e
from agor_reactive.models import LinkStatus
from benchmarks.cases import Plan
from benchmarks.measure import Side, interleave, quiet
from benchmarks.processes import talk
from benchmarks.table import Line, Row
from benchmarks.wire import SessionScript

__all__ = ["hydrate"]

BOUND = 2.5
_KEY = "agor_sk_" + "0123456789abcdef" * 4
_BULK = 500


def hydrate(plan: Plan) -> Iterator[Line]:
    messages = plan.scale(10_000, 300)
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        rows = ("--db", f"{folder}/rows.db")
        # Only older daemons accept bulk creates; today's daemon opens their files.
        with _daemon(*rows, "--api-version", "branches") as (url, workspace):
            session_id = runner.run(_plant(url, workspace, messages))
        with _daemon(*rows) as (url, _):

            def side(work: Callable[[], Awaitable[int]]) -> Side:
                async def once() -> int:
                    begun = time.perf_counter_ns()
                    found = await work()
                    taken = time.perf_counter_ns() - begun
                    assert found == messages, f"{found} of {messages} messages"
                    return taken

                def run() -> float:
                    with quiet(plan.timing):
                        return runner.run(once()) / messages

                return run

            turns = interleave(
                {
                    "plain": side(lambda: _plain(url, session_id, messages)),
                    "rest": side(lambda: _rest(url, session_id)),
                    "live": side(lambda: _live(url, session_id)),
                },
                plan.timing,
            )
    base = turns.ns("plain")
    rest, live = turns.ratio("rest", "plain"), turns.ratio("live", "plain")
    yield Row(f"hydrate {messages:,} messages, REST", turns.ns("rest"), "plain httpx2", base, rest, BOUND)
    # No bound: REST cannot request the pages of the live link, so the base fetches other pages.
    yield Row(f"hydrate {messages:,} messages, live", turns.ns("live"), "plain httpx2", base, live)


@contextmanager
def _daemon(*flags: str) -> Iterator[tuple[str, str]]:
    """Run an embedded daemon in a separate process; yields its address and workspace."""
    command = ("python", "-m", "agor_reactive.daemon", "--quiet", *flags)
    with talk(*command, env={**os.environ, "AGOR_DAEMON_API_KEY": _KEY}) as daemon:
        greeting = daemon.read()
        try:
            yield greeting["url"], greeting["workspace_id"]
        finally:
            daemon.end()


async def _plant(url: str, place: str, messages: int) -> str:
    """Create a session with `messages` messages, a hundred per task."""
    async with create_async_rest_client(url, api_key=_KEY) as client:
        session = await client.service("sessions").create({"branch_id": place, "agentic_tool": "claude-code"})
        script = SessionScript("hydrate")
        script.session_id = session.session_id
        while len(script.events) < messages:
            task_id = script.id()
            script.task_ids.append(task_id)
            for _ in range(100):
                script.reply(task_id, chunks=8, tool=False)
            script.events = [event for event in script.events if event[0] == "messages created"]
        tasks = [
            {"task_id": task_id, "session_id": session.session_id, "status": "completed", "created_by": "bench"}
            for task_id in script.task_ids
        ]
        await client.service("tasks/bulk").create(tasks)
        rows = [payload for _, payload in script.events[:messages]]
        for at in range(0, len(rows), _BULK):
            await client.service("messages/bulk").create(rows[at : at + _BULK])
    return session.session_id


async def _plain(url: str, session_id: str, messages: int) -> int:
    """Read a daemon's pages, a thousand rows each, and only decode them."""
    rows: list[Any] = []
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {_KEY}"}, verify=False, trust_env=False) as client:
        while len(rows) < messages:
            asked: dict[str, Any] = {"session_id": session_id, "$limit": 1_000, "$skip": len(rows)}
            rows += orjson.loads((await client.get(f"{url}/messages", params=asked)).content)["data"]
    return len(rows)


async def _rest(url: str, session_id: str) -> int:
    async with create_async_rest_client(url, api_key=_KEY) as client:
        state = await _read(client, session_id)
    return sum(len(rows) for rows in state.messages_by_task.values())


async def _read(client: AsyncRestClient, session_id: str) -> SessionState:
    """Load the session eagerly: fetches of the core, made over REST."""
    state = fold(initial_state(session_id, task_hydration="eager"), e.LinkChanged(LinkStatus("live", epoch=1)))
    while state.fetches:
        for ask in state.fetches:
            rows = e.Rows()
            if ask.kind == "session":
                rows = e.Rows(session=await client.service("sessions").get(session_id))
            elif ask.kind == "tasks":
                rows = e.Rows(tasks=await client.service("tasks").find_all({"session_id": session_id}))
            elif ask.kind == "all_messages":
                rows = e.Rows(messages=await client.service("messages").find_all({"session_id": session_id}))
            state = fold(state, e.FetchAnswered(ask.fetch_id, rows, 1.0))
    return state


async def _live(url: str, session_id: str) -> int:
    async with (
        create_client(url, api_key=_KEY) as client,
        retain_reactive_session(client, session_id, task_hydration="eager") as handle,
    ):
        state = await handle.ready()
        return sum(len(rows) for rows in state.messages_by_task.values())

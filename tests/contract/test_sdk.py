"""What the SDK adds to a call, on every daemon: the response behind a result, pages, the environment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import agor_reactive as agor
from tests.contract.daemons import Daemon


async def test_a_result_has_its_response(rest: Any, arest: Any, scene: Any) -> None:
    row = await scene.session(title="Raw")
    found = await arest.with_raw_response.sessions.get(row.session_id)
    again = await asyncio.to_thread(lambda: rest.sessions.with_raw_response.get(row.session_id))
    for raw in (found, again):
        assert raw.status == 200
        assert raw.headers["content-type"].startswith("application/json")
        assert raw.json()["session_id"] == raw.result.session_id == row.session_id
    made = await arest.with_raw_response.sessions.patch(row.session_id, {"title": "Renamed"})
    assert (made.status, made.result.title) == (200, "Renamed")


async def test_a_page_says_whether_there_is_more(arest: Any, scene: Any) -> None:
    row = await scene.session()
    for number in range(3):
        await scene.waiting_task(row.session_id, f"Task {number}.")
    query = {"session_id": row.session_id, "$sort": {"created_at": 1}}
    whole = await arest.tasks.find(query)
    assert not whole.has_more
    first = await arest.tasks.find({**query, "$limit": 2})
    assert first.has_more == (len(first) < len(whole))
    seen: list[tuple[int, int | None]] = []
    rows = await arest.tasks.find_all(query, page_size=2, on_page=lambda *at: seen.append(at))
    assert len(rows) == len(whole) == seen[-1][0]


async def test_a_factory_without_arguments_reaches_the_daemon(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGOR_DAEMON_URL", daemon.url)
    monkeypatch.setenv("AGOR_API_KEY", daemon.api_key)
    async with agor.create_async_rest_client(max_retries=0) as client:
        assert (await client.sessions.find({"$limit": 1})).total >= 0


async def test_a_misspelled_field_reaches_no_daemon(client: Any, arest: Any, scene: Any) -> None:
    for one in (client, arest):
        with pytest.raises(agor.UsageError, match=r"Did you mean 'title'\?"):
            await one.sessions.create({**scene.place, "titel": "x"})
        with pytest.raises(agor.UnknownMethod):
            await one.sessions.promt("x", "hi")

"""A daemon in the test's own loop, and clients of it; the outcomes are those of its scripted agent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon, EraName

ERAS: tuple[EraName, ...] = ("worktrees", "branches", "session-streams")


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> EraName:
    name: EraName = request.param
    return name


@pytest.fixture
async def daemon(era: EraName) -> AsyncIterator[EmbeddedDaemon]:
    async with EmbeddedDaemon(era=era, speed=50.0, seed=1) as one:
        yield one


@pytest.fixture
async def client(daemon: EmbeddedDaemon) -> AsyncIterator[agor.Client]:
    async with agor.create_client(daemon.url, api_key=daemon.api_key) as one:
        yield one


@pytest.fixture
async def rest(daemon: EmbeddedDaemon) -> AsyncIterator[agor.AsyncRestClient]:
    async with agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as one:
        yield one


@pytest.fixture
async def session_id(client: agor.Client, daemon: EmbeddedDaemon, era: EraName) -> str:
    place = "worktree_id" if era == "worktrees" else "branch_id"
    session = await client.service("sessions").create({place: daemon.workspace_id, "agentic_tool": "claude-code"})
    return session.session_id

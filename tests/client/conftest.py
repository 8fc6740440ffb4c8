"""A daemon in the test's own loop, and clients of it; the outcomes are those of its scripted agent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import agor_reactive as agor
from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon

API_VERSIONS: tuple[ApiVersionName, ...] = ("worktrees", "branches", "handshake")


@pytest.fixture(params=API_VERSIONS)
def api_version(request: pytest.FixtureRequest) -> ApiVersionName:
    name: ApiVersionName = request.param
    return name


@pytest.fixture
async def daemon(api_version: ApiVersionName) -> AsyncIterator[EmbeddedDaemon]:
    async with EmbeddedDaemon(api_version=api_version, speed=50.0, seed=1) as one:
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
async def session_id(client: agor.Client, daemon: EmbeddedDaemon, api_version: ApiVersionName) -> str:
    place = "worktree_id" if api_version == "worktrees" else "branch_id"
    session = await client.service("sessions").create({place: daemon.workspace_id, "agentic_tool": "claude-code"})
    return session.session_id

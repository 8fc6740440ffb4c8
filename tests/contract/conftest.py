"""One daemon of each kind per test session, fresh clients and rows per test."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.errors import AgorError
from tests.contract.daemons import DAEMONS, Daemon, running
from tests.contract.scene import Scene, opened_scene


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "contract" in item.path.parts and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(60, func_only=True))


@pytest.fixture(scope="session", params=DAEMONS)
def daemon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running daemon; every test of the suite runs once against each."""
    with running(request.param, tmp_path_factory.mktemp(request.param) / "state") as one:
        yield one
        with agor.create_rest_client(one.url, api_key=one.api_key) as rest:
            for board_id in one.boards:
                with contextlib.suppress(AgorError):
                    rest.service("boards").remove(board_id)


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Any]:
    """A live client, logged in."""
    async with agor.create_client(daemon.url, **daemon.credentials()) as one:
        yield one


@pytest.fixture
async def stranger(daemon: Daemon) -> AsyncIterator[Any]:
    """A live client that is not logged in."""
    async with agor.create_client(daemon.url) as one:
        yield one


@pytest.fixture
def rest(daemon: Daemon) -> Iterator[Any]:
    """A REST client, blocking."""
    with agor.create_rest_client(daemon.url, api_key=daemon.api_key) as one:
        yield one


@pytest.fixture
async def arest(daemon: Daemon) -> AsyncIterator[Any]:
    """A REST client, awaited."""
    async with agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as one:
        yield one


@pytest.fixture
async def scene(client: Any, daemon: Daemon) -> AsyncIterator[Scene]:
    """Rows for one test, removed after it."""
    async with opened_scene(client, daemon) as one:
        yield one

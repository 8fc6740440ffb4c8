"""An app that the tests of a module share, because each start of one takes as long as many of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.tui.world import Seen, daemon_with, seen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app() -> AsyncIterator[Seen]:
    """The app on a daemon with ten empty sessions: each test opens its own. Tests run on the loop of their module."""
    async with daemon_with(10, speed=60.0) as daemon, seen(daemon) as app:
        await app.shows("Session number 9")
        yield app

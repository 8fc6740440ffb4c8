"""Fixtures of the tests of the web view. Without the extra ``[notebook-test]`` those in a browser are not collected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest_asyncio

if TYPE_CHECKING:
    from playwright.async_api import Browser

collect_ignore_glob = [] if find_spec("playwright") else ["test_browser_*.py"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests; each opens pages of its own, with contexts of their own."""
    from tests.notebook.browser import launched

    async with launched() as found:
        yield found

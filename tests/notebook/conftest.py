"""Fixtures of the tests in notebooks and browsers. Without the extra ``[notebook-test]`` none is collected."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.notebook.lab import Lab

if TYPE_CHECKING:
    from playwright.async_api import Browser

collect_ignore_glob = [] if find_spec("anywidget") else ["test_*.py"]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab that has the project's notebooks."""
    root = tmp_path_factory.mktemp("notebooks")
    for path in (Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"):
        shutil.copy(path, root)
    made = Lab(tmp_path_factory.mktemp("home"), root)
    made.start()
    yield made
    made.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests; each opens pages of its own, with contexts of their own."""
    from tests.notebook.browser import launched

    async with launched() as found:
        yield found

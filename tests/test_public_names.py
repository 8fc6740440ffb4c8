"""The public names are written down once, and the import brings nothing heavy along."""

from __future__ import annotations

import subprocess
import sys

import agor_reactive
from agor_reactive import errors

HEAVY = ["ipywidgets", "starlette", "uvicorn", "rich", "typer", "httpx2", "socketio", "aiohttp", "agor_reactive.daemon"]


def test_every_public_name_exists_and_is_sorted() -> None:
    assert agor_reactive.__all__ == sorted(agor_reactive.__all__)
    assert [name for name in agor_reactive.__all__ if not hasattr(agor_reactive, name)] == []


def test_the_whole_error_tree_is_public() -> None:
    assert set(errors.__all__) <= set(agor_reactive.__all__)


def test_the_import_loads_no_view_and_no_server() -> None:
    code = f"import sys, agor_reactive; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""`import agor_reactive` loads no view and no daemon, and costs little beyond its dependencies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "ipywidgets",
    "anywidget",
    "starlette",
    "uvicorn",
    "websockets",
    "rich",
    "typer",
    "httpx2",
    "aiohttp",
    "opentelemetry",
)
CORE = ("socketio", "httpx2", "reactivex", "pydantic", "orjson")
LOADED = ("asyncio", "pydantic.main", "reactivex", "orjson")
"""Of the core dependencies those that the import itself loads; the ways to the daemon come when a client is made."""
ROUNDS = 3


def fresh(code: str, **more: str) -> str:
    env = {**os.environ, **more}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    return done.stdout.strip()


def seconds(compiled: Path, *modules: str) -> float:
    """The best of a few fresh processes, compiled before: noise only ever adds."""
    code = f"import time; t = time.perf_counter(); import {', '.join(modules)}; print(time.perf_counter() - t)"
    keep = {"PYTHONPYCACHEPREFIX": str(compiled), "PYTHONDONTWRITEBYTECODE": ""}
    return min(float(fresh(code, **keep)) for _ in range(ROUNDS))


def test_import_loads_no_view_and_no_daemon() -> None:
    code = f"import sys, agor_reactive; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    assert fresh(code) == ""


def test_the_command_line_answers_help_without_a_client() -> None:
    code = (
        "import sys, agor_reactive.cli.app\n"
        "heavy = ('starlette', 'uvicorn', 'agor_reactive.daemon', 'httpx2', 'socketio', 'textual')\n"
        "print(*[name for name in heavy if name in sys.modules])"
    )
    assert fresh(code) == ""


def test_a_full_collection_does_not_look_at_what_the_import_made() -> None:
    code = (
        "import contextlib, gc, io, sys\n"
        "from agor_reactive.cli import main\n"
        "made = len(gc.get_objects())\n"
        "sys.argv = ['agor-reactive', '--version']\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print(gc.get_freeze_count() > made / 2 > 10_000)"
    )
    assert fresh(code) == "True"


SERVERS = ("starlette", "uvicorn", "agor_reactive.daemon", "agor_reactive.web")
VIEWS = ("textual", "agor_reactive.tui", "markdown_it", "pygments", "ipywidgets", "IPython")
CLIENTS = ("aiohttp", "socketio", "httpx2", "rich", "platformdirs", "keyring", "agor_reactive.adapters.terminal")


def loaded_by(commands: list[list[str]], names: tuple[str, ...]) -> str:
    """Those of the modules that commands have loaded when they end."""
    code = (
        "import contextlib, io, sys\n"
        "from agor_reactive.cli.app import app\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        f"    for words in {commands!r}:\n"
        "        with contextlib.suppress(SystemExit):\n"
        "            app(words, prog_name='agor-reactive')\n"
        f"print(*[name for name in {names!r} if name in sys.modules])"
    )
    return fresh(code, AGOR_DAEMON_URL="http://127.0.0.1:9")


def test_help_loads_no_client_no_view_and_no_server() -> None:
    commands = [["--help"], ["--version"], ["prompt", "--help"]]
    assert loaded_by(commands, (*SERVERS, *VIEWS, *CLIENTS)) == ""


def test_a_command_over_rest_loads_no_view_no_server_and_no_socket() -> None:
    names = (*SERVERS, *VIEWS, "aiohttp", "socketio")
    assert loaded_by([["sessions"]], (*names, "httpx2")) == "httpx2"


@pytest.mark.alone
def test_import_takes_less_than_twice_its_core_dependencies(tmp_path: Path) -> None:
    base, loaded, ours = (seconds(tmp_path, *modules) for modules in (CORE, LOADED, ["agor_reactive"]))
    print(f"\nimport agor_reactive: {ours * 1000:.0f} ms")
    print(f"× {ours / base:.2f} of its core dependencies ({', '.join(CORE)}: {base * 1000:.0f} ms)")
    print(f"× {ours / loaded:.2f} of those it loads at once ({', '.join(LOADED)}: {loaded * 1000:.0f} ms)")
    assert ours < 2 * base

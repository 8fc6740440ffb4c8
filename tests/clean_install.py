"""What `tests/test_distributions.py` runs in an environment that has the package and its dependencies, and no more.

Prints one JSON object. Uses the standard library and the package only, on every Python that the package supports.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import pkgutil
import socket
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import agor_reactive
from agor_reactive.cli import main

NEED_AN_EXTRA = (("demo",), ("serve",), ("web",), ("otel",), ("report", "x.jsonl"), ("replay", "x.jsonl", "--serve"))
"""Commands that cannot run without an extra."""


def packages() -> dict[str, str]:
    """The packages in the package, each with the error that its import raises, or an empty text."""
    found = {}
    for one in pkgutil.walk_packages(agor_reactive.__path__, "agor_reactive.", onerror=lambda name: None):
        if one.ispkg:
            try:
                importlib.import_module(one.name)
            except ImportError as error:
                found[one.name] = f"{type(error).__name__}: {error}"
            else:
                found[one.name] = ""
    return found


def command(arguments: tuple[str, ...]) -> tuple[Any, str]:
    """The exit code of a command, and what it printed."""
    printed = io.StringIO()
    sys.argv = ["agor-reactive", *arguments]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code
    return code, printed.getvalue()


def closed_port() -> str:
    """What a client says that finds nothing at its address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    try:
        with agor_reactive.create_rest_client(f"http://127.0.0.1:{port}", api_key="agor_sk_none") as client:
            client.service("sessions").find()
    except agor_reactive.CannotConnect as error:
        return str(error)
    return "an answer"


if __name__ == "__main__":
    folder = Path(agor_reactive.__file__).parent
    print(
        json.dumps(
            {
                "version": metadata.version("agor-reactive"),
                "folder": str(folder),
                "files": sorted(path.relative_to(folder.parent).as_posix() for path in folder.rglob("*.*")),
                "packages": packages(),
                "help": command(("--help",)),
                "commands": {" ".join(one): command(one) for one in NEED_AN_EXTRA},
                "closed port": closed_port(),
            }
        )
    )

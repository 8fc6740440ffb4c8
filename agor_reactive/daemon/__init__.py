"""An Agor-compatible daemon inside your own process: for demos, notebooks, tests, offline work.

Loopback only, every endpoint but `/health` authenticated, rows in SQLite, and a scripted agent that answers prompts
(`agor_reactive.daemon.script` lists the directives). Needs the extra `agor-reactive[daemon]`. In the package only the
command line imports it.
"""

from __future__ import annotations

from agor_reactive.errors import MissingExtra

try:
    import jwt  # noqa: F401
    import qs_codec  # noqa: F401
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
    import websockets  # noqa: F401
except ImportError as missing:
    raise MissingExtra(f'the embedded daemon needs {missing.name}: pip install "agor-reactive[daemon]"') from missing

from agor_reactive.daemon.api_versions import ApiVersionName
from agor_reactive.daemon.log_player import LogPlayer, serve_log
from agor_reactive.daemon.server import EmbeddedDaemon

__all__ = ["ApiVersionName", "EmbeddedDaemon", "LogPlayer", "serve_log"]

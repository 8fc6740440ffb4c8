"""Sessions in a browser: `viewer` makes an ASGI app of a client, for FastAPI, Starlette or any ASGI server.

Needs the extra ``[web]``. The API key stays in the server. Browsers may read what `authorize` allows, and change
nothing unless `allow_prompts` is set.
"""

from __future__ import annotations

from agor_reactive.errors import MissingExtra

try:
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
    import websockets  # noqa: F401
except ImportError as missing:
    raise MissingExtra(f'the web view needs {missing.name}: pip install "agor-reactive[web]"') from missing

from agor_reactive.web.app import Viewer, viewer

__all__ = ["Viewer", "viewer"]

"""Runs the embedded daemon as a separate process: `python -m agor_reactive.daemon`.

Prints one JSON line `{"url": …, "api_key": …}` when it listens; `api_key` is null when the database knows the key only
as a hash. SIGINT and SIGTERM stop it gracefully.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import cast

from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.daemon.api_versions import API_VERSIONS, DEFAULT_API_VERSION, ApiVersionName


def main(argv: list[str] | None = None) -> int:
    """Run until stopped. Returns the exit status."""
    options = _parser().parse_args(argv)
    try:
        asyncio.run(_run(options))
    except KeyboardInterrupt:
        return 0
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot start the daemon: {error}\n")
        return 1
    return 0


async def _run(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, ended.set)
        except NotImplementedError:
            # Windows: the loop supports no signal handlers, so a plain handler has to wake it.
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(ended.set))
    daemon = EmbeddedDaemon(
        port=options.port,
        db=options.db,
        api_version=cast(ApiVersionName, options.api_version),
        speed=options.speed,
        seed=options.seed,
        access_token_life=options.token_life,
        page_limit=options.page_limit,
        api_key=_api_key(options.api_key_file),
    )
    async with daemon:
        ready = {"url": daemon.url, "api_key": daemon.api_key, "workspace_id": daemon.workspace_id}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        if not options.quiet:
            sys.stderr.write(
                f"Embedded Agor daemon on {daemon.url} (API version {daemon.api_version}). Ctrl+C ends it.\n"
            )
        await ended.wait()


def _api_key(file: str | None) -> str | None:
    """The key to accept. Never an argument: other users of the machine can read those."""
    if file is None:
        return os.environ.get("AGOR_DAEMON_API_KEY", "").strip() or None
    key = (sys.stdin.readline() if file == "-" else Path(file).read_text(encoding="utf-8")).strip()
    if not key:
        raise ValueError("the file of --api-key-file holds no key")
    return key


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agor_reactive.daemon", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (default) lets the system choose")
    parser.add_argument("--db", default=None, help="SQLite file; without it rows are kept in memory")
    parser.add_argument("--api-version", choices=sorted(API_VERSIONS), default=DEFAULT_API_VERSION)
    parser.add_argument("--speed", type=float, default=1.0, help="pace of the scripted agent")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--token-life", type=float, default=900.0, help="seconds an access token lives")
    parser.add_argument("--page-limit", type=int, default=1000, help="most rows of one find of messages (handshake)")
    parser.add_argument(
        "--api-key-file",
        default=None,
        help="file with the key to accept, - for stdin (default: the environment's AGOR_DAEMON_API_KEY)",
    )
    parser.add_argument("--quiet", action="store_true", help="only the JSON line")
    return parser


if __name__ == "__main__":
    sys.exit(main())

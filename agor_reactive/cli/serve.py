"""`serve` and `replay --serve`: run the embedded daemon, or one that plays a log, until Ctrl-C."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from agor_reactive import logs
from agor_reactive.cli.endings import WELL, Stop, complain
from agor_reactive.cli.output import console
from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon, LogPlayer
from agor_reactive.errors import UsageError

__all__ = ["KEY_TO_ACCEPT", "serve", "serve_log"]

KEY_TO_ACCEPT = "AGOR_DAEMON_API_KEY"


class _CannotServe(OSError):
    """The daemon cannot listen on the port."""


async def serve(
    stop: Stop,
    *,
    port: int,
    db: Path | None,
    speed: float,
    seed: int,
    api_version: ApiVersionName,
    token_life: float,
) -> int:
    """Serve until Ctrl-C. The key is printed once, and only if this run generated it."""
    given = os.environ.get(KEY_TO_ACCEPT, "").strip() or None
    try:
        daemon = EmbeddedDaemon(
            port=port,
            db=db,
            api_version=api_version,
            speed=speed,
            seed=seed,
            access_token_life=token_life,
            api_key=given,
        )
        await daemon.start()
    except ValueError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        if error.filename is not None:
            raise UsageError(f"cannot use the database {error.filename}: {error.strerror}; name another --db") from None
        raise _CannotServe(f"cannot listen on port {port}: {error.strerror or error}; try another --port") from None
    stop.graceful = True
    try:
        rows = f"rows in {db}" if db is not None else "rows in memory"
        _announce(daemon, rows, given=given is not None)
        await stop.wait()
    finally:
        await daemon.stop()
    return WELL


async def serve_log(stop: Stop, paths: Sequence[Path], *, port: int, speed: float) -> int:
    """Serve a daemon that plays a log, until Ctrl-C."""
    given = os.environ.get(KEY_TO_ACCEPT, "").strip() or None
    daemon = LogPlayer(logs.open(paths), port=port, speed=speed, api_key=given)
    try:
        await daemon.start()
    except OSError as error:
        raise _CannotServe(f"cannot listen on port {port}: {error.strerror or error}; try another --port") from None
    stop.graceful = True
    try:
        for damage in daemon.log.damage:
            complain(str(damage))
        sessions = ", ".join(daemon.log.sessions[:5])
        _announce(daemon, f"plays session {sessions} once a client watches it", given=given is not None)
        await stop.wait()
    finally:
        await daemon.stop()
    return WELL


def _announce(daemon: EmbeddedDaemon, what: str, *, given: bool) -> None:
    out = console()
    windows = os.name == "nt"
    assign = '$env:{0} = "{1}"' if windows else "export {0}={1}"
    out.print(Text.assemble(("Agor daemon", "bold"), f" on {daemon.url} (embedded, {daemon.api_version}, {what})"))
    out.print("  " + assign.format("AGOR_DAEMON_URL", daemon.url), soft_wrap=True)
    if daemon.api_key is not None and not given:
        out.print("  " + assign.format("AGOR_API_KEY", daemon.api_key), soft_wrap=True)
        out.print(Text("The key is shown this once. Ctrl-C ends the daemon.", "dim"))
    else:
        why = f"the key is the one in {KEY_TO_ACCEPT}" if given else "the key is the one shown when it was first served"
        out.print(Text(f"{why[0].upper()}{why[1:]}. Ctrl-C ends the daemon.", "dim"))
    out.file.flush()

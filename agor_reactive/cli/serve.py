"""`serve`: runs the embedded daemon in this process until Ctrl-C."""

from __future__ import annotations

import os
from pathlib import Path

from rich.text import Text

from agor_reactive.cli.endings import WELL, Stop
from agor_reactive.cli.output import console
from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon
from agor_reactive.errors import UsageError

__all__ = ["KEY_TO_ACCEPT", "serve"]

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
        _announce(daemon, db, given=given is not None)
        await stop.wait()
    finally:
        await daemon.stop()
    return WELL


def _announce(daemon: EmbeddedDaemon, db: Path | None, *, given: bool) -> None:
    out = console()
    windows = os.name == "nt"
    assign = '$env:{0} = "{1}"' if windows else "export {0}={1}"
    kept = f"rows in {db}" if db is not None else "rows in memory"
    out.print(Text.assemble(("Agor daemon", "bold"), f" on {daemon.url} (embedded, {daemon.api_version}, {kept})"))
    out.print("  " + assign.format("AGOR_DAEMON_URL", daemon.url), soft_wrap=True)
    if daemon.api_key is not None and not given:
        out.print("  " + assign.format("AGOR_API_KEY", daemon.api_key), soft_wrap=True)
        out.print(Text("The key is shown this once. Ctrl-C ends the daemon.", "dim"))
    else:
        why = f"the key is the one in {KEY_TO_ACCEPT}" if given else "the key is the one shown when it was first served"
        out.print(Text(f"{why[0].upper()}{why[1:]}. Ctrl-C ends the daemon.", "dim"))
    out.file.flush()

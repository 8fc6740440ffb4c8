"""The commands that make and read logs, with their options. Each imports its implementation when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from agor_reactive.cli.endings import run
from agor_reactive.cli.options import Hydration, LogFiles, RedactText, SessionId
from agor_reactive.cli.reach import KEY_ENV, ApiKeyEnv, Reach, Url
from agor_reactive.errors import UsageError

__all__ = ["export", "record", "replay", "report"]


def record(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The log, a new file (.jsonl, .zst or .gz).")
    ],
    session: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION", help="Session ids; any unambiguous prefix works.")
    ] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    everything: Annotated[
        bool, typer.Option("--all", help="Record every session, also those created meanwhile.")
    ] = False,
    redact_text: RedactText = False,
    rotate_bytes: Annotated[
        int, typer.Option(min=0, metavar="N", help="Begin a new file after N bytes; 0 for never.")
    ] = 0,
    hydration: Hydration = "eager",
) -> int:
    """Record sessions into a log until Ctrl-C."""
    from agor_reactive.cli.recording import record as work

    reach = Reach.of(url, api_key_env)
    options: dict[str, Any] = {"redact_text": redact_text, "rotate_bytes": rotate_bytes}
    return run(work, reach, session or [], output, everything=everything, hydration=hydration, **options)


def export(
    session: SessionId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The log, a new file (.jsonl, .zst or .gz).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="A page with a slider through the session's time.")
    ] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    redact_text: RedactText = False,
) -> int:
    """Write a past session as a log, or as one HTML page."""
    from agor_reactive.cli.export import export as work

    return work(Reach.of(url, api_key_env), session, output, html, redact_text=redact_text)


def replay(
    file: LogFiles,
    session: Annotated[
        str | None, typer.Option("--session", metavar="SESSION", help="Which session, if the log has several.")
    ] = None,
    speed: Annotated[str, typer.Option(metavar="N|max", help="How much faster than recorded.")] = "1",
    since: Annotated[
        str | None, typer.Option("--from", metavar="T", help="Begin at 90, 1:30 (from the beginning) or a date.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="T", help="End at this time.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One summary line per state; last line: full state.")] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it as a daemon that plays it once a client watches.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --serve: TCP port; 0 picks a free one.")] = 0,
) -> int:
    """Play a log: in a terminal with pause, step and seek."""
    if serve:
        from agor_reactive.cli.replay import speed_of
        from agor_reactive.cli.serve import serve_log

        if json or session or since or until:
            raise UsageError("--serve plays the whole log; it goes with --speed and --port only")
        played_at = speed_of(speed)
        return run(serve_log, file, port=port, speed=played_at)
    from agor_reactive.cli.replay import replay as work
    from agor_reactive.cli.replay import speed_of

    pace = speed_of(speed)
    return run(work, file, session=session, speed=pace, since=since, until=until, json=json)


def report(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Logs: paths, patterns, https:// or s3:// …")],
    by: Annotated[str, typer.Option("--by", metavar="KEYS", help="agent, model, day, status, session.")] = (
        "agent,model,day"
    ),
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the tables and plots as one HTML page.")
    ] = None,
    parquet: Annotated[
        str | None, typer.Option("--parquet", metavar="FOLDER", help="Write a row per turn as Parquet files.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Fold on this Dask cluster (tcp://…).")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes here. Default: one per core if large.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be folded where, and exit.")] = False,
) -> int:
    """Sum the turns of any number of logs: tokens, cost, failures, waits, tools."""
    from agor_reactive.cli.report import report as work

    options: dict[str, Any] = {"scheduler": scheduler, "workers": workers, "plan": plan}
    return work(files, by=by, html=html, parquet=parquet, **options)

"""The commands and their options. Each command imports its implementation when it runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from agor_reactive.cli import session_commands
from agor_reactive.cli.endings import run, working
from agor_reactive.cli.help import CONTEXT, Commands, PlainCommand
from agor_reactive.cli.options import (
    ApiVersion,
    Hydration,
    Json,
    LogFiles,
    Record,
    RedactText,
    RowsCommand,
    Seed,
    SessionId,
    Speed,
)
from agor_reactive.cli.reach import KEY_ENV, ApiKeyEnv, ProfileName, Reach, Url, chosen_profile
from agor_reactive.cli.ui import Colors, is_full_terminal
from agor_reactive.errors import UsageError

__all__ = ["app", "run_app"]

app = typer.Typer(
    name="agor-reactive",
    cls=Commands,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=CONTEXT,
)


permissions_app = typer.Typer(cls=Commands, no_args_is_help=True, help="Try policies for permission requests on a log.")
app.add_typer(permissions_app, name="permissions")


def add(work: Callable[..., int], **settings: Any) -> None:
    """Add a command that returns its exit code. What is wrong is said in one line (see `endings.working`)."""
    connects = "url" in work.__annotations__

    @wraps(work)
    def end_with_code(*args: Any, profile: str | None = None, **options: Any) -> None:
        with working():
            if connects:
                chosen_profile.set(profile)
            raise typer.Exit(work(*args, **options))

    if connects:
        _add_profile(end_with_code, work)
    app.command(**{"cls": PlainCommand, **settings})(end_with_code)


def command(work: Callable[..., int]) -> Callable[..., int]:
    """Add a command of this module; see `add`."""
    add(work)
    return work


def _add_profile(command: Any, work: Callable[..., int]) -> None:
    """Give a command that connects to a daemon the option `--profile`, and no default to its `--url`."""
    signature = inspect.signature(work, eval_str=True)
    parameters = {**signature.parameters}
    parameters["url"] = parameters["url"].replace(default=None)
    profile = inspect.Parameter("profile", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=ProfileName)
    command.__signature__ = signature.replace(parameters=[*parameters.values(), profile])
    command.__annotations__ = {name: one.annotation for name, one in command.__signature__.parameters.items()}


def run_app() -> None:
    """Run the console script."""
    import logging

    # Commands report errors on stderr; log records would break the live view.
    logging.getLogger("agor_reactive").addHandler(logging.NullHandler())
    app(prog_name="agor-reactive")


def _version(wanted: bool) -> None:
    if wanted:
        from agor_reactive._version import __version__

        typer.echo(f"agor-reactive {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Watch and drive the sessions of an Agor daemon. Without a command, in a terminal: the full-screen app.

    Reads the daemon's address from AGOR_DAEMON_URL and your API key from AGOR_API_KEY, else from the profile that
    login stored. AGOR_LOG=debug writes a log to stderr.

    Exit codes: 0 success, 1 failure, 2 usage error, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        if not is_full_terminal():
            typer.echo(context.get_help())
            raise typer.Exit(2)
        group: Any = context.command
        opened = group.get_command(context, "ui")
        with opened.make_context("ui", [], parent=context) as inner:
            opened.invoke(inner)


@command
def ui(
    session: Annotated[
        str | None, typer.Argument(metavar="[SESSION]", help="Session id to open; any unambiguous prefix works.")
    ] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    colors: Annotated[Colors, typer.Option(help="For a dark or a light terminal.")] = "auto",
) -> int:
    """Open the full-screen app: sessions, transcripts, prompts, permission requests."""
    from agor_reactive.cli.ui import check_terminal
    from agor_reactive.cli.ui import ui as work

    check_terminal()
    return run(work, Reach.of(url, api_key_env), session, colors=colors)


@command
def demo(
    json: Json = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    api_version: ApiVersion = "handshake",
    record: Record = None,
    picture: Annotated[Path | None, typer.Option(hidden=True, help="Save the busiest moment as an SVG.")] = None,
) -> int:
    """Run the demo: two live prompts, the second one queued."""
    from agor_reactive.cli.demo import demo as work

    options: dict[str, Any] = {"json": json, "speed": speed, "seed": seed, "picture": picture, "record": record}
    return run(work, api_version=api_version, **options)


@command
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 picks a free one.")] = 3030,
    db: Annotated[Path | None, typer.Option(help="SQLite file (default: in memory).")] = None,
    speed: Speed = 1.0,
    seed: Seed = 0,
    api_version: ApiVersion = "handshake",
    token_life: Annotated[float, typer.Option(min=0.5, help="Seconds until an access token expires.")] = 900.0,
) -> int:
    """Run a demo daemon on loopback with a scripted agent. Prints its URL and key once."""
    from agor_reactive.cli.serve import serve as work

    return run(work, port=port, db=db, speed=speed, seed=seed, api_version=api_version, token_life=token_life)


for listing in (session_commands.sessions, session_commands.queue, session_commands.logs):
    add(listing, cls=RowsCommand)
for acting in ("create", "fork", "prompt", "cancel", "stop", "approve", "deny"):
    add(getattr(session_commands, acting))
add(session_commands.open_page, name="open")
add(session_commands.create, name="new", hidden=True)


@command
def watch(
    session: SessionId,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    json: Annotated[bool, typer.Option("--json", help="One summary line per snapshot; last line: full snapshot.")] = (
        False
    ),
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Exit when the session is idle.")] = False,
    hydration: Hydration = "eager",
    record: Record = None,
) -> int:
    """Watch a session live until Ctrl-C. Reconnects automatically."""
    from agor_reactive.cli.watch import watch as work

    reach = Reach.of(url, api_key_env)
    return run(work, reach, session, json=json, hydration=hydration, until_idle=until_idle, record=record)


@command
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


@command
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


@command
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


@command
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


@command
def pipe(
    to: Annotated[
        list[str],
        typer.Option(
            "--to", metavar="TARGET", help="slack://NAME, webhook://NAME, jsonl:FILE or terminal: (repeatable)."
        ),
    ],
    session: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION", help="Session ids; any unambiguous prefix works.")
    ] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    everything: Annotated[
        bool, typer.Option("--all", help="Pipe every session, also those created meanwhile.")
    ] = False,
    on: Annotated[
        str,
        typer.Option(
            "--on",
            metavar="WHAT",
            help="completed_turns, tool_calls, status_changes, queue_changes, permission_requests, text_deltas, events",
        ),
    ] = "completed_turns",
    template: Annotated[
        str | None, typer.Option("--template", metavar="TEXT", help="Text with {status}, {prompt:.80}, {text}…")
    ] = None,
    thread: Annotated[
        str | None, typer.Option("--thread", metavar="TEXT", help="Slack: one thread per result, as {session_id}.")
    ] = None,
    dead_letters: Annotated[
        Path | None, typer.Option("--dead-letters", metavar="FILE", help="Keep what could not be delivered.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", metavar="FILE", help="Remember what was delivered over restarts.")
    ] = None,
    again: Annotated[
        Path | None, typer.Option("--resend", metavar="FILE", help="Deliver a file of dead letters, then exit.")
    ] = None,
) -> int:
    """Deliver turns, tool calls, changes or events to Slack, a webhook, a file or a terminal, until Ctrl-C.

    NAME is an environment variable that holds the secret (default: AGOR_SLACK_WEBHOOK, AGOR_WEBHOOK_URL), or the path
    of a file.
    """
    if again is not None:
        if session or everything or dead_letters or checkpoint:
            raise UsageError("--resend goes with --to, --template and --thread only")
        from agor_reactive.cli.pipe import pipe_again

        return run(lambda stop: pipe_again(again, to=to, template=template, thread=thread))
    from agor_reactive.cli.pipe import pipe as work

    reach = Reach.of(url, api_key_env)
    options: dict[str, Any] = {"template": template, "thread": thread, "checkpoint": checkpoint}
    options |= {"everything": everything, "to": to, "on": on, "dead_letters": dead_letters}
    return run(work, reach, session or [], **options)


@permissions_app.command("dry-run")
def permissions_dry_run(
    files: LogFiles,
    approve: Annotated[
        list[str], typer.Option("--approve", metavar="TOOL", help="Approve this tool; may have * (repeatable).")
    ],
    as_json: Json = False,
) -> None:
    """Show which requests of a log a policy would approve. Nothing is answered."""
    with working():
        from agor_reactive.cli.permissions import rehearse

        raise typer.Exit(rehearse(files, approve, as_json=as_json))


@command
def otel(
    session: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION", help="Session ids; any unambiguous prefix works.")
    ] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    everything: Annotated[
        bool, typer.Option("--all", help="Send every session, also those created meanwhile.")
    ] = False,
    log: Annotated[
        list[Path] | None, typer.Option("--log", metavar="FILE", help="Send a log (repeat for its parts), then exit.")
    ] = None,
    content: Annotated[bool, typer.Option("--content", help="Also send prompts, replies and data of tools.")] = False,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", metavar="FILE", help="Remember what was sent over restarts.")
    ] = None,
) -> int:
    """Send turns as OpenTelemetry traces and metrics, until Ctrl-C.

    Where to is set by the standard variables: OTEL_EXPORTER_OTLP_ENDPOINT (default: http://localhost:4318),
    OTEL_EXPORTER_OTLP_HEADERS (which may hold a secret), OTEL_SERVICE_NAME and others.
    """
    from agor_reactive.cli.otel import otel as work
    from agor_reactive.cli.otel import otel_of_log

    if log:
        if everything or checkpoint:
            raise UsageError("--log goes with SESSION and --content only")
        return run(otel_of_log, log, session or [], content=content or None)
    reach = Reach.of(url, api_key_env)
    options: dict[str, Any] = {"everything": everything, "content": content or None, "checkpoint": checkpoint}
    return run(work, reach, session or [], **options)


@command
def web(
    session: Annotated[
        str | None, typer.Argument(metavar="[SESSION]", help="Session id (default: the list of sessions).")
    ] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 picks a free one.")] = 0,
    allow_prompts: Annotated[
        bool, typer.Option("--allow-prompts", help="Let the page prompt, stop and answer permission requests.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> int:
    """Show sessions in a browser on this machine until Ctrl-C."""
    from agor_reactive.cli.web import web as work

    reach = Reach.of(url, api_key_env)
    return run(work, reach, session, port=port, allow_prompts=allow_prompts, open_browser=browser)


@command
def doctor(
    session: Annotated[
        str | None, typer.Argument(metavar="[SESSION]", help="Session id (default: the newest).")
    ] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    fix: Annotated[
        bool, typer.Option("--fix", help="First find a daemon, log in (asks for your key), and store a profile.")
    ] = False,
) -> int:
    """Diagnose the connection and suggest fixes."""
    from agor_reactive.cli.doctor import doctor as work

    if fix:
        from agor_reactive.cli.doctor_fix import fix as work_first

        fixed = work_first(url, api_key_env)
        return 1 if fixed is None else run(lambda stop: work(fixed, session))
    reach = Reach.of(url, api_key_env)
    return run(lambda stop: work(reach, session))


@command
def login(
    url: Url = None,
    api_key_env: Annotated[
        str | None, typer.Option("--api-key-env", help="Take the key from this variable.", metavar="NAME")
    ] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Try the key before it is stored.")] = True,
) -> int:
    """Store a daemon's address and your key as a profile. Asks for the key, or reads it from stdin."""
    from agor_reactive.cli.login import login as work

    return work(url, chosen_profile.get(), key_env=api_key_env, check=check)


@command
def logout(
    name: Annotated[str, typer.Argument(metavar="[PROFILE]", help="The profile to remove.")] = "default",
) -> int:
    """Remove a profile and its key. The daemon keeps the key valid until you revoke it there."""
    from agor_reactive.cli.login import logout as work

    return work(name)


@command
def profiles(json: Annotated[bool, typer.Option("--json", help="Write one JSON row per line.")] = False) -> int:
    """List the stored profiles, without their keys."""
    from agor_reactive.cli.login import list_profiles

    return list_profiles(json=json)

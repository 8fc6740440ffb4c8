"""The commands and their options. Each command imports its implementation when it runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from agor_reactive.cli import connection_commands, log_commands, session_commands
from agor_reactive.cli.endings import run, working
from agor_reactive.cli.help import CONTEXT, Commands, PlainCommand
from agor_reactive.cli.options import (
    ApiVersion,
    Hydration,
    Json,
    LogFiles,
    Record,
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
    remember: Annotated[
        bool,
        typer.Option("--remember/--no-remember", envvar="AGOR_REMEMBER", help="Keep which sessions were seen."),
    ] = True,
) -> int:
    """Open the full-screen app: sessions, transcripts, prompts, permission requests."""
    from agor_reactive.cli.ui import check_terminal
    from agor_reactive.cli.ui import ui as work

    check_terminal()
    return run(work, Reach.of(url, api_key_env), session, colors=colors, remember=remember)


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
for reading in (log_commands.record, log_commands.export, log_commands.replay, log_commands.report):
    add(reading)
for connecting in ("doctor", "login", "logout", "profiles"):
    add(getattr(connection_commands, connecting))
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

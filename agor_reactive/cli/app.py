"""The commands and their options. Each command imports its implementation when it runs."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from agor_reactive.cli.endings import run, working
from agor_reactive.cli.reach import KEY_ENV, ApiKeyEnv, Reach, Url
from agor_reactive.cli.ui import Colors, is_full_terminal
from agor_reactive.errors import UsageError
from agor_reactive.transport.address import DEFAULT_URL

__all__ = ["app", "run_app"]

app = typer.Typer(
    name="agor-reactive",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class ApiVersion(StrEnum):
    """The API version of the embedded daemon."""

    HANDSHAKE = "handshake"
    BRANCHES = "branches"
    WORKTREES = "worktrees"


class Hydration(StrEnum):
    """Which tasks load their messages."""

    NONE = "none"
    LAZY = "lazy"
    EAGER = "eager"
    LEAN = "lean"


Json = Annotated[bool, typer.Option("--json", help="Write JSON lines.")]
SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="Session id; any unambiguous prefix works.")]
HydrationOption = Annotated[Hydration, typer.Option(help="Which tasks load their messages.")]
LogFiles = Annotated[list[Path], typer.Argument(metavar="FILE", help="A log, or the parts of one.")]
Speed = Annotated[float, typer.Option(min=0.01, max=1000.0, help="Speed of the scripted agent.")]
Seed = Annotated[int, typer.Option(help="Random seed of the scripted agent.")]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="FILE", help="Write a log into this new file (.jsonl, .zst or .gz).")
]
RedactText = Annotated[bool, typer.Option("--redact-text", help="Blank prompts and replies; keep their lengths.")]
ApiVersionOption = Annotated[ApiVersion, typer.Option("--api-version", help="API version of the daemon.")]


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

    Reads the daemon's address from AGOR_DAEMON_URL and your API key from AGOR_API_KEY.
    Exit codes: 0 success, 1 failure, 2 usage error, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        if not is_full_terminal():
            typer.echo(context.get_help())
            raise typer.Exit(2)
        context.invoke(ui, url=os.environ.get("AGOR_DAEMON_URL") or DEFAULT_URL)


@app.command()
def ui(
    session: Annotated[
        str | None, typer.Argument(metavar="[SESSION]", help="Session id to open; any unambiguous prefix works.")
    ] = None,
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    colors: Annotated[Colors, typer.Option(help="For a dark or a light terminal.")] = Colors.AUTO,
) -> None:
    """Open the full-screen app: sessions, transcripts, prompts, permission requests."""
    with working():
        from agor_reactive.cli.ui import check_terminal
        from agor_reactive.cli.ui import ui as work

        check_terminal()
        reach = Reach.of(url, api_key_env)
        raise typer.Exit(run(lambda stop: work(reach, session, stop, colors=colors)))


@app.command()
def demo(
    json: Json = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    api_version: ApiVersionOption = ApiVersion.HANDSHAKE,
    record: Record = None,
    picture: Annotated[Path | None, typer.Option(hidden=True, help="Save the busiest moment as an SVG.")] = None,
) -> None:
    """Run the demo: two live prompts, the second one queued."""
    with working():
        from agor_reactive.cli.demo import demo as work

        options: dict[str, Any] = {"json": json, "speed": speed, "seed": seed, "picture": picture, "record": record}
        raise typer.Exit(run(lambda stop: work(stop, api_version=api_version.value, **options)))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 picks a free one.")] = 3030,
    db: Annotated[Path | None, typer.Option(help="SQLite file (default: in memory).")] = None,
    speed: Speed = 1.0,
    seed: Seed = 0,
    api_version: ApiVersionOption = ApiVersion.HANDSHAKE,
    token_life: Annotated[float, typer.Option(min=0.5, help="Seconds until an access token expires.")] = 900.0,
) -> None:
    """Run a demo daemon on loopback with a scripted agent. Prints its URL and key once."""
    with working():
        from agor_reactive.cli.serve import serve as work

        raise typer.Exit(
            run(
                lambda stop: work(
                    stop,
                    port=port,
                    db=db,
                    speed=speed,
                    seed=seed,
                    api_version=api_version.value,
                    token_life=token_life,
                )
            )
        )


@app.command()
def sessions(
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    json: Annotated[bool, typer.Option("--json", help="Write one JSON row per line.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of sessions.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Include archived sessions.")] = False,
) -> None:
    """List the newest sessions."""
    with working():
        from agor_reactive.cli.rows import list_sessions

        raise typer.Exit(list_sessions(Reach.of(url, api_key_env), json=json, limit=limit, everything=everything))


@app.command()
def new(
    title: Annotated[str, typer.Argument(help="Title of the session.")],
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    workspace: Annotated[str | None, typer.Option(help="Id of the branch (or worktree).")] = None,
    agent: Annotated[str, typer.Option(help="The agentic tool.")] = "claude-code",
) -> None:
    """Create a session and print its id."""
    with working():
        from agor_reactive.cli.rows import new_session

        raise typer.Exit(new_session(Reach.of(url, api_key_env), title, workspace=workspace, agent=agent))


@app.command()
def watch(
    session: SessionId,
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    json: Annotated[bool, typer.Option("--json", help="One summary line per snapshot; last line: full snapshot.")] = (
        False
    ),
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Exit when the session is idle.")] = False,
    hydration: HydrationOption = Hydration.EAGER,
    record: Record = None,
) -> None:
    """Watch a session live until Ctrl-C. Reconnects automatically."""
    with working():
        from agor_reactive.cli.watch import watch as work

        reach = Reach.of(url, api_key_env)
        raise typer.Exit(
            run(
                lambda stop: work(
                    reach, session, stop, json=json, hydration=hydration.value, until_idle=until_idle, record=record
                )
            )
        )


@app.command()
def prompt(
    session: SessionId,
    text: Annotated[str, typer.Argument(help="Prompt text; - reads stdin.")],
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch until the task ends.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --follow: write JSON lines.")] = False,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="FILE", help="With --follow: write a log into this new file.")
    ] = None,
) -> None:
    """Send a prompt. A busy session queues it."""
    with working():
        from agor_reactive.cli.rows import send_prompt, text_of

        reach, asked = Reach.of(url, api_key_env), text_of(text)
        if record is not None and not follow:
            raise UsageError("--record needs --follow")
        if not follow:
            raise typer.Exit(send_prompt(reach, session, asked))
        from agor_reactive.cli.watch import prompt_and_follow

        raise typer.Exit(run(lambda stop: prompt_and_follow(reach, session, asked, stop, json=json, record=record)))


@app.command()
def record(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The log, a new file (.jsonl, .zst or .gz).")
    ],
    session: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION", help="Session ids; any unambiguous prefix works.")
    ] = None,
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    everything: Annotated[
        bool, typer.Option("--all", help="Record every session, also those created meanwhile.")
    ] = False,
    redact_text: RedactText = False,
    rotate_bytes: Annotated[
        int, typer.Option(min=0, metavar="N", help="Begin a new file after N bytes; 0 for never.")
    ] = 0,
    hydration: HydrationOption = Hydration.EAGER,
) -> None:
    """Record sessions into a log until Ctrl-C."""
    with working():
        from agor_reactive.cli.recording import record as work

        reach = Reach.of(url, api_key_env)
        options: dict[str, Any] = {"redact_text": redact_text, "rotate_bytes": rotate_bytes}
        raise typer.Exit(
            run(
                lambda stop: work(
                    reach, session or [], output, stop, everything=everything, hydration=hydration.value, **options
                )
            )
        )


@app.command()
def export(
    session: SessionId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The log, a new file (.jsonl, .zst or .gz).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="A page with a slider through the session's time.")
    ] = None,
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    redact_text: RedactText = False,
) -> None:
    """Write a past session as a log, or as one HTML page."""
    with working():
        from agor_reactive.cli.export import export as work

        raise typer.Exit(work(Reach.of(url, api_key_env), session, output, html, redact_text=redact_text))


@app.command()
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
) -> None:
    """Play a log: in a terminal with pause, step and seek."""
    with working():
        if serve:
            from agor_reactive.cli.replay import speed_of
            from agor_reactive.cli.serve import serve_log

            if json or session or since or until:
                raise UsageError("--serve plays the whole log; it goes with --speed and --port only")
            played_at = speed_of(speed)
            raise typer.Exit(run(lambda stop: serve_log(stop, file, port=port, speed=played_at)))
        from agor_reactive.cli.replay import replay as work
        from agor_reactive.cli.replay import speed_of

        pace = speed_of(speed)
        raise typer.Exit(
            run(lambda stop: work(file, stop, session=session, speed=pace, since=since, until=until, json=json))
        )


@app.command()
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
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    everything: Annotated[
        bool, typer.Option("--all", help="Pipe every session, also those created meanwhile.")
    ] = False,
    on: Annotated[str, typer.Option("--on", metavar="WHAT", help="completed_turns or events.")] = "completed_turns",
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
) -> None:
    """Deliver completed turns or events to Slack, a webhook, a file or a terminal, until Ctrl-C.

    NAME is an environment variable that holds the secret (default: AGOR_SLACK_WEBHOOK, AGOR_WEBHOOK_URL), or the path
    of a file.
    """
    with working():
        if again is not None:
            if session or everything or dead_letters or checkpoint:
                raise UsageError("--resend goes with --to, --template and --thread only")
            from agor_reactive.cli.pipe import pipe_again

            raise typer.Exit(run(lambda stop: pipe_again(again, to=to, template=template, thread=thread)))
        from agor_reactive.cli.pipe import pipe as work

        reach = Reach.of(url, api_key_env)
        options: dict[str, Any] = {"template": template, "thread": thread, "checkpoint": checkpoint}
        options |= {"everything": everything, "to": to, "on": on, "dead_letters": dead_letters}
        raise typer.Exit(run(lambda stop: work(reach, session or [], stop, **options)))


@app.command()
def stop(session: SessionId, url: Url = DEFAULT_URL, api_key_env: ApiKeyEnv = KEY_ENV) -> None:
    """Stop the running task. Queued prompts still run."""
    with working():
        from agor_reactive.cli.rows import stop_session

        raise typer.Exit(stop_session(Reach.of(url, api_key_env), session))


@app.command()
def doctor(
    session: Annotated[
        str | None, typer.Argument(metavar="[SESSION]", help="Session id (default: the newest).")
    ] = None,
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
) -> None:
    """Diagnose the connection and suggest fixes."""
    with working():
        from agor_reactive.cli.doctor import doctor as work

        reach = Reach.of(url, api_key_env)
        raise typer.Exit(run(lambda stop: work(reach, session)))

"""The commands and their options. What they do is in the modules that they import when they run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from agor_reactive.cli.endings import run, working
from agor_reactive.cli.reach import KEY_ENV, ApiKeyEnv, Reach, Url
from agor_reactive.transport.address import DEFAULT_URL

__all__ = ["app", "run_app"]

app = typer.Typer(
    name="agor-reactive",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class ApiVersion(StrEnum):
    """Which API version the embedded daemon speaks."""

    HANDSHAKE = "handshake"
    BRANCHES = "branches"
    WORKTREES = "worktrees"


class Hydration(StrEnum):
    """Which tasks have their messages read."""

    NONE = "none"
    LAZY = "lazy"
    EAGER = "eager"
    LEAN = "lean"


Json = Annotated[bool, typer.Option("--json", help="JSON lines instead of a view.")]
SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="A session's id; the beginning of it will do.")]
Speed = Annotated[float, typer.Option(min=0.01, max=1000.0, help="Pace of the scripted agent.")]
Seed = Annotated[int, typer.Option(help="Fixes what the scripted agent says.")]
ApiVersionOption = Annotated[ApiVersion, typer.Option("--api-version", help="API version that the daemon speaks.")]


def run_app() -> None:
    """The console script."""
    import logging

    # What goes wrong is shown where people look, not logged into the middle of the screen.
    logging.getLogger("agor_reactive").addHandler(logging.NullHandler())
    app(prog_name="agor-reactive")


def _version(wanted: bool) -> None:
    if wanted:
        from agor_reactive._version import __version__

        typer.echo(f"agor-reactive {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    """Watch and drive the sessions of an Agor daemon.

    The daemon's address is read from AGOR_DAEMON_URL, your API key from AGOR_API_KEY.
    Exit codes: 0 well, 1 the daemon or the network, 2 wrong use.
    """


@app.command()
def demo(
    json: Json = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    api_version: ApiVersionOption = ApiVersion.HANDSHAKE,
    picture: Annotated[Path | None, typer.Option(hidden=True, help="Save the busiest moment as an SVG.")] = None,
) -> None:
    """A daemon of its own, a session, two prompts of which one queues, live, to the end."""
    with working():
        from agor_reactive.cli.demo import demo as work

        options: dict[str, Any] = {"json": json, "speed": speed, "seed": seed, "picture": picture}
        raise typer.Exit(run(lambda stop: work(stop, api_version=api_version.value, **options)))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 lets the system choose.")] = 3030,
    db: Annotated[Path | None, typer.Option(help="SQLite file; without it rows are kept in memory.")] = None,
    speed: Speed = 1.0,
    seed: Seed = 0,
    api_version: ApiVersionOption = ApiVersion.HANDSHAKE,
    token_life: Annotated[float, typer.Option(min=0.5, help="Seconds until an access token expires.")] = 900.0,
) -> None:
    """A daemon to try things on: loopback only, its agent follows a script. Prints its URL and key once."""
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
    json: Annotated[bool, typer.Option("--json", help="One JSON row a line.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Archived ones too.")] = False,
) -> None:
    """The newest sessions."""
    with working():
        from agor_reactive.cli.rows import list_sessions

        raise typer.Exit(list_sessions(Reach.of(url, api_key_env), json=json, limit=limit, everything=everything))


@app.command()
def new(
    title: Annotated[str, typer.Argument(help="What the session is called.")],
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    workspace: Annotated[str | None, typer.Option(help="The branch (or worktree) to work in.")] = None,
    agent: Annotated[str, typer.Option(help="The agentic tool.")] = "claude-code",
) -> None:
    """Make a session and print its id."""
    with working():
        from agor_reactive.cli.rows import new_session

        raise typer.Exit(new_session(Reach.of(url, api_key_env), title, workspace=workspace, agent=agent))


@app.command()
def watch(
    session: SessionId,
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    json: Annotated[bool, typer.Option("--json", help="A summary line per snapshot; the last line is all of it.")] = (
        False
    ),
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is at work.")] = False,
    hydration: Annotated[Hydration, typer.Option(help="Which tasks have their messages read.")] = Hydration.EAGER,
) -> None:
    """Watch a session live until Ctrl-C. Comes back by itself when the daemon does."""
    with working():
        from agor_reactive.cli.watch import watch as work

        reach = Reach.of(url, api_key_env)
        raise typer.Exit(
            run(lambda stop: work(reach, session, stop, json=json, hydration=hydration.value, until_idle=until_idle))
        )


@app.command()
def prompt(
    session: SessionId,
    text: Annotated[str, typer.Argument(help="What to ask; - reads it from stdin.")],
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch until it is answered.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --follow: JSON lines instead of a view.")] = False,
) -> None:
    """Send a prompt; on a busy session it queues."""
    with working():
        from agor_reactive.cli.rows import send_prompt, text_of

        reach, asked = Reach.of(url, api_key_env), text_of(text)
        if not follow:
            raise typer.Exit(send_prompt(reach, session, asked))
        from agor_reactive.cli.watch import prompt_and_follow

        raise typer.Exit(run(lambda stop: prompt_and_follow(reach, session, asked, stop, json=json)))


@app.command()
def stop(session: SessionId, url: Url = DEFAULT_URL, api_key_env: ApiKeyEnv = KEY_ENV) -> None:
    """Stop what runs in a session; queued prompts go on."""
    with working():
        from agor_reactive.cli.rows import stop_session

        raise typer.Exit(stop_session(Reach.of(url, api_key_env), session))


@app.command()
def doctor(
    session: Annotated[str | None, typer.Argument(metavar="[SESSION]", help="Else the newest one is tried.")] = None,
    url: Url = DEFAULT_URL,
    api_key_env: ApiKeyEnv = KEY_ENV,
) -> None:
    """Can it reach, log in, join, read? If not, what to do next."""
    with working():
        from agor_reactive.cli.doctor import doctor as work

        reach = Reach.of(url, api_key_env)
        raise typer.Exit(run(lambda stop: work(reach, session)))

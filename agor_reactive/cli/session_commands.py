"""The commands that read and drive sessions, with their options. Each imports its implementation when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from agor_reactive.cli.endings import run
from agor_reactive.cli.options import Jq, JsonFields, SessionId, check_json
from agor_reactive.cli.reach import KEY_ENV, ApiKeyEnv, Reach, Url
from agor_reactive.errors import UsageError

__all__ = ["approve", "cancel", "create", "deny", "fork", "logs", "open_page", "prompt", "queue", "sessions", "stop"]

RequestId = Annotated[
    str | None, typer.Argument(metavar="[REQUEST]", help="Id of the request, if several are pending.")
]


def sessions(
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    json: JsonFields = None,
    jq: Jq = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum number of sessions.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Include archived sessions.")] = False,
) -> int:
    """List the newest sessions."""
    from agor_reactive.cli.sessions import list_sessions

    fields = check_json(json, jq)
    return list_sessions(Reach.of(url, api_key_env), fields=fields, jq=jq, limit=limit, everything=everything)


def create(
    title: Annotated[str, typer.Argument(help="Title of the session.")],
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    workspace: Annotated[
        str | None, typer.Option(metavar="ID", help="The branch (or worktree) to work in; default: the first one.")
    ] = None,
    agent: Annotated[str, typer.Option(metavar="NAME", help="The coding agent to run.")] = "claude-code",
) -> int:
    """Create a session and print its id."""
    from agor_reactive.cli.rows import create_session

    return create_session(Reach.of(url, api_key_env), title, workspace=workspace, agent=agent)


def fork(
    session: SessionId,
    title: Annotated[str | None, typer.Argument(metavar="[TITLE]", help="Title of the new session.")] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TASK", help="Fork after this task (default: after the last one).")
    ] = None,
) -> int:
    """Copy a session with its history into a new one and print its id. Nothing is run."""
    from agor_reactive.cli.rows import fork_session

    return fork_session(Reach.of(url, api_key_env), session, title, task_id=at)


def open_page(
    session: SessionId,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or print its address only.")
    ] = True,
) -> int:
    """Open a session's page in the browser."""
    from agor_reactive.cli.rows import open_session

    return open_session(Reach.of(url, api_key_env), session, browser=browser)


def prompt(
    session: SessionId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Prompt text; - reads stdin.")],
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Watch until the task ends; in a pipe, print this turn only.")
    ] = False,
    answer: Annotated[
        bool, typer.Option("--answer", "-a", help="Wait until the task ends, then print the reply alone.")
    ] = False,
    approve: Annotated[
        list[str] | None,
        typer.Option(
            "--approve",
            metavar="PATTERN",
            help="While waiting, allow tools that match, as Read or 'Bash(pytest *)'; * allows all (repeatable).",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="With --follow: write JSON lines.")] = False,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="FILE", help="While waiting, write a log into this new file.")
    ] = None,
) -> int:
    """Send a prompt. A busy session queues it.

    With --follow or --answer the exit code is 0 if the task completed, 1 if it did not, 130 after Ctrl-C (the task
    continues). If the agent needs permission, a hint says so and the command waits.
    """
    from agor_reactive.cli.rows import send_prompt, text_of

    reach, asked = Reach.of(url, api_key_env), text_of(text)
    if follow and answer:
        raise UsageError("--follow and --answer exclude each other")
    if json and not follow:
        raise UsageError("--json needs --follow")
    if (record is not None or approve) and not (follow or answer):
        raise UsageError(f"{'--record' if record is not None else '--approve'} needs --follow or --answer")
    if not (follow or answer):
        return send_prompt(reach, session, asked)
    from agor_reactive.cli.prompting import prompt_and_follow

    return run(prompt_and_follow, reach, session, asked, json=json, answer=answer, approve=approve or (), record=record)


def logs(
    session: SessionId,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines until Ctrl-C.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", min=1, metavar="N", help="Only the last N turns.")] = None,
    json: JsonFields = None,
    jq: Jq = None,
) -> int:
    """Print what was said and done in a session. With --json: its messages."""
    reach, fields = Reach.of(url, api_key_env), check_json(json, jq)
    if not follow:
        from agor_reactive.cli.transcript import print_transcript

        return print_transcript(reach, session, tail=tail, fields=fields, jq=jq)
    if fields is not None or tail is not None:
        raise UsageError("--follow goes without --json, --jq and --tail")
    from agor_reactive.cli.watch import watch

    return run(watch, reach, session, json=False, hydration="eager", until_idle=False, plain=True)


def queue(
    session: SessionId, url: Url = None, api_key_env: ApiKeyEnv = KEY_ENV, json: JsonFields = None, jq: Jq = None
) -> int:
    """List the queued prompts of a session, in their order."""
    from agor_reactive.cli.queued import list_queue

    return list_queue(Reach.of(url, api_key_env), session, fields=check_json(json, jq), jq=jq)


def cancel(
    session: SessionId,
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help="Ids of queued tasks, as queue lists them.")
    ] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    everything: Annotated[bool, typer.Option("--all", help="Cancel every queued prompt.")] = False,
) -> int:
    """Remove prompts from the queue. The running task continues (stop ends it)."""
    from agor_reactive.cli.queued import cancel_queued

    return cancel_queued(Reach.of(url, api_key_env), session, tasks or [], everything=everything)


def approve(
    session: SessionId,
    request: RequestId = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    remember: Annotated[
        Literal["project", "user", "local"] | None,
        typer.Option("--remember", help="Allow this tool from now on, as far as this scope reaches."),
    ] = None,
) -> int:
    """Allow what the agent asks permission for."""
    from agor_reactive.cli.deciding import decide

    return decide(Reach.of(url, api_key_env), session, request, allow=True, remember=remember)


def deny(
    session: SessionId,
    request: RequestId = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; the agent reads it.")] = None,
) -> int:
    """Refuse what the agent asks permission for."""
    from agor_reactive.cli.deciding import decide

    return decide(Reach.of(url, api_key_env), session, request, allow=False, reason=reason)


def stop(session: SessionId, url: Url = None, api_key_env: ApiKeyEnv = KEY_ENV) -> int:
    """Stop the running task. Queued prompts still run."""
    from agor_reactive.cli.rows import stop_session

    return stop_session(Reach.of(url, api_key_env), session)

"""`doctor`: can it reach, log in, join, read; and if not, what to do next. Changes nothing on the daemon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from rich.text import Text

from agor_reactive import Client, create_client, retain_reactive_session
from agor_reactive.adapters.terminal.layout import signs_for
from agor_reactive.adapters.terminal.plain import one_line
from agor_reactive.adapters.terminal.words import seconds_text
from agor_reactive.cli.endings import FAULT, MISUSE, WELL
from agor_reactive.cli.output import console
from agor_reactive.cli.reach import Reach
from agor_reactive.client.health import is_daemon_running_async
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import (
    AgorError,
    AmbiguousId,
    ApiKeyRestOnly,
    Forbidden,
    LinkError,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
)
from agor_reactive.models.base import instant
from agor_reactive.models.ids import format_short_id
from agor_reactive.transport.redaction import scrub_text

__all__ = ["doctor"]

PATIENCE = 15.0
"""Seconds for the reading of a session."""


class Finding(NamedTuple):
    """One step: whether it went well (None: there was nothing to try), what was seen, what to do about it."""

    step: str
    well: bool | None
    seen: str
    advice: str = ""
    code: int = FAULT


async def doctor(reach: Reach, session_id: str | None) -> int:
    """Go through the steps until one fails. Answers the exit code: 0 healthy, 1 their fault, 2 a key is wanted and
    was not given."""
    out = console()
    signs = signs_for(out)
    began = time.monotonic()
    async with aclosing(_examine(reach, session_id)) as findings:
        async for finding in findings:
            marks = {True: (signs.done, "green"), False: (signs.failed, "red"), None: (signs.dot, "dim")}
            sign, style = marks[finding.well]
            took = time.monotonic() - began
            line = Text.assemble((f"{sign} ", style), (f"{finding.step:<14}", "bold"), scrub_text(finding.seen))
            out.print(line.append(f"  {seconds_text(took)}", style="dim"), soft_wrap=True)
            if finding.advice:
                out.print(Text(f"  {signs.said} {finding.advice}", style="yellow"), soft_wrap=True)
            if finding.well is False:
                return finding.code
            began = time.monotonic()
    out.print(Text("Healthy.", style="bold green"))
    return WELL


async def _examine(reach: Reach, session_id: str | None) -> AsyncGenerator[Finding, None]:
    reached = await _reach(reach)
    yield reached
    if not reached.well:
        return
    client = create_client(reach.url, api_key=reach.key)
    try:
        yield (logged_in := await _log_in(client, reach))
        if not logged_in.well:
            return
        found = await _session_to_try(client, session_id)
        if isinstance(found, Finding):
            yield found
            return
        yield (joined := await _join(client, found))
        if joined.well is not False:
            yield await _hydrate(client, found)
    finally:
        await client.close()


async def _reach(reach: Reach) -> Finding:
    if await is_daemon_running_async(reach.url, timeout=5):
        return Finding("reach", True, f"an Agor daemon at {reach.url}")
    if await _something_listens(reach.url):
        answer = await _answer_of_health(reach.url)
        if answer in (401, 403, 407):
            return Finding(
                "reach",
                False,
                f"something at {reach.url} refuses before any login (HTTP {answer})",
                "a proxy in front of the daemon wants a login of its own, or keeps you out: ask whoever runs it",
            )
        if isinstance(answer, str) and "CERTIFICATE" in answer.upper():
            return Finding(
                "reach",
                False,
                f"the certificate of {reach.url} is not trusted: {one_line(answer, 120)}",
                "if it should be, set SSL_CERT_FILE to a file with the authority that signed it",
            )
        return Finding(
            "reach",
            False,
            f"something answers at {reach.url}, but it is no Agor daemon",
            "check the address and port: --url or AGOR_DAEMON_URL (the default is http://localhost:3030)",
        )
    return Finding(
        "reach",
        False,
        f"nothing answers at {reach.url}",
        "start the daemon (agor-reactive serve has one to try), or name another: --url or AGOR_DAEMON_URL",
    )


async def _something_listens(url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(parts.hostname, port)
            writer.close()
            return True
    return False


async def _answer_of_health(url: str) -> int | str:
    """The HTTP status of ``/health``, or why there is none."""
    import httpx2

    try:
        async with httpx2.AsyncClient(timeout=5) as client:
            return (await client.get(f"{url}/health")).status_code
    except httpx2.HTTPError as error:
        return str(error)


async def _log_in(client: Client, reach: Reach) -> Finding:
    step = "authenticate"
    try:
        await client.open()
        if reach.key is not None:
            return Finding(step, True, f"with the key in {reach.key_env}, {await _how(client)}")
        await client.service("sessions").find({"$limit": 1})
        return Finding(step, True, f"no key in {reach.key_env}, and this daemon wants none ({await _how(client)})")
    except ApiKeyRestOnly as error:
        return Finding(
            step,
            False,
            f"the key in {reach.key_env} works over REST, not for the live connection ({one_line(str(error.code), 9)})",
            "the key is good, a new one will not help: this daemon gives live connections for e-mail and password only "
            "(authenticate(strategy='local', …)), or for an access token from POST /authentication",
        )
    except NotAuthenticated as error:
        if reach.key is None:
            return Finding(
                step,
                False,
                f"no key in {reach.key_env}, and this daemon wants a login",
                f"set {reach.key_env} to your API key (the daemon's settings make one; agor-reactive serve prints one)",
                MISUSE,
            )
        return Finding(
            step,
            False,
            f"the key in {reach.key_env} was refused: {one_line(str(error), 120)}",
            f"make a new key in the daemon's settings and set {reach.key_env} to it",
        )
    except Forbidden as error:
        return Finding(
            step,
            False,
            f"the daemon knows you but does not let you in: {one_line(str(error), 120)}",
            _about(error) if _wants_new_password(error) else "ask whoever runs the daemon for the member role",
        )
    except AgorError as error:
        return Finding(step, False, one_line(str(error), 160), _about(error))


async def _how(client: Client) -> str:
    """How the connection was logged in, and with it the API version of the daemon."""
    if getattr(client.link, "connect_way", None) == "handshake":
        return "an access token in the handshake; API version: handshake"
    for version in ("branches", "worktrees"):
        with suppress(NotFound, MethodNotAllowed):
            await client.service(version).find({"$limit": 1})
            return f"a login on the socket; API version: {version}"
    return "a login on the socket; API version unknown"


async def _session_to_try(client: Client, session_id: str | None) -> str | Finding:
    try:
        if session_id is not None:
            return (await client.service("sessions").get(session_id)).session_id
        rows = await client.service("sessions").find_all()
    except AmbiguousId as error:
        return Finding("session", False, one_line(str(error), 400), "use more of the id")
    except NotFound:
        return Finding("session", False, f"there is no session {session_id}", "agor-reactive sessions lists them")
    except AgorError as error:
        return Finding("session", False, one_line(str(error), 160), _about(error))
    if not rows:
        return Finding("session", None, "none yet, so nothing to join or read", "agor-reactive new 'A title' makes one")
    newest = max(rows, key=lambda row: instant(row.last_updated) or instant(row.created_at) or 0.0)
    return newest.session_id


async def _join(client: Client, session_id: str) -> Finding:
    step, short = "join", format_short_id(session_id, 24)
    try:
        await client.service("session-streams").create({"session_id": session_id})
        return Finding(step, True, f"the live text of session {short}")
    except (NotFound, MethodNotAllowed):
        return Finding(step, True, "this daemon has no rooms: it sends live text to everyone")
    except AgorError as error:
        return Finding(step, False, one_line(str(error), 160), _about(error))


async def _hydrate(client: Client, session_id: str) -> Finding:
    step = "hydrate"
    async with retain_reactive_session(client, session_id, task_hydration="lazy") as handle:
        state = handle.state
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                state = await handle.ready()
    if state.error is not None:
        advice = "ask for access to that session" if state.terminal else "try again; the daemon's own log may say more"
        return Finding(step, False, one_line(state.error, 160), advice)
    if state.last_synced_at is None:
        return Finding(step, False, f"not read within {seconds_text(PATIENCE)}", "the daemon is busy: try again later")
    messages = sum(len(bucket) for bucket in state.messages_by_task.values())
    return Finding(step, True, f"{len(state.tasks)} tasks, {messages} messages of the newest{_queue(state)}")


def _queue(state: SessionState) -> str:
    return f", {len(state.queued_tasks)} queued" if state.queued_tasks else ""


def _wants_new_password(error: AgorError) -> bool:
    return (
        isinstance(error, Forbidden)
        and isinstance(error.data, Mapping)
        and error.data.get("code") == "PASSWORD_CHANGE_REQUIRED"
    )


def _about(error: AgorError) -> str:
    """What to do about an error that belongs to no step."""
    if isinstance(error, NotAuthenticated):
        return "the login did not hold: make a new API key"
    if _wants_new_password(error):
        return "your account has a password to be changed first: log in at the daemon's page and set a new one"
    if isinstance(error, Forbidden):
        return "you are logged in, but may not do this: ask whoever runs the daemon"
    if isinstance(error, LinkError):
        return "the daemon answers /health but the live connection failed, as said above; a proxy may stop WebSockets"
    return "the daemon's own log may say more"

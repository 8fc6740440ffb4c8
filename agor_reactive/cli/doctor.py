"""`doctor`: diagnoses the connection and suggests fixes. Changes nothing on the daemon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from rich.text import Text

from agor_reactive import Client, create_client, retain_reactive_session
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.quantities import seconds_text
from agor_reactive.adapters.terminal.signs import signs_for
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
from agor_reactive.transport.environment import UNUSABLE, unusable
from agor_reactive.transport.redaction import scrub_text

__all__ = ["doctor"]

HYDRATION_TIMEOUT = 15.0
"""Seconds to wait until a session is loaded."""


class Finding(NamedTuple):
    """The result of one step: `ok` (None: skipped), the observation, and advice."""

    step: str
    ok: bool | None
    seen: str
    advice: str = ""
    code: int = FAULT


def _failed(step: str, seen: str, advice: str, code: int = FAULT) -> Finding:
    return Finding(step, False, seen, advice, code)


async def doctor(reach: Reach, session_id: str | None) -> int:
    """Run the steps until one fails. Returns 0 if all succeed, 1 on failure, 2 if a required key is missing."""
    out = console()
    signs = signs_for(out)
    began = time.monotonic()
    async with aclosing(_examine(reach, session_id)) as findings:
        async for finding in findings:
            marks = {True: (signs.done, "green"), False: (signs.failed, "red"), None: (signs.dot, "dim")}
            sign, style = marks[finding.ok]
            took = time.monotonic() - began
            line = Text.assemble((f"{sign} ", style), (f"{finding.step:<14}", "bold"), scrub_text(finding.seen))
            out.print(line.append(f"  {seconds_text(took)}", style="dim"), soft_wrap=True)
            if finding.advice:
                out.print(Text(f"  {signs.user} {finding.advice}", style="yellow"), soft_wrap=True)
            if finding.ok is False:
                return finding.code
            began = time.monotonic()
    out.print(Text("Healthy.", style="bold green"))
    return WELL


async def _examine(reach: Reach, session_id: str | None) -> AsyncGenerator[Finding, None]:
    reached = await _reach(reach)
    yield reached
    if not reached.ok:
        return
    client = create_client(reach.url, read_env=False, **reach.credentials)
    try:
        yield (logged_in := await _log_in(client, reach))
        if not logged_in.ok:
            return
        found = await _session_to_try(client, session_id)
        if isinstance(found, Finding):
            yield found
            return
        yield (joined := await _join(client, found))
        if joined.ok is not False:
            yield await _hydrate(client, found)
    finally:
        await client.close()


async def _reach(reach: Reach) -> Finding:
    if await is_daemon_running_async(reach.url, timeout=5):
        return Finding("reach", True, f"an Agor daemon at {reach.url}")
    if await _something_listens(reach.url):
        answer = await _answer_of_health(reach.url)
        if answer in (401, 403, 407):
            return _failed(
                "reach",
                f"a server at {reach.url} refuses requests before any login (HTTP {answer})",
                "a proxy in front of the daemon requires its own login or denies access: ask its administrator",
            )
        if isinstance(answer, str) and "CERTIFICATE" in answer.upper():
            return _failed(
                "reach",
                f"the certificate of {reach.url} is not trusted: {one_line(answer, 120)}",
                "to trust it, set SSL_CERT_FILE to a file with its certificate authority",
            )
        return _failed(
            "reach",
            f"a server answers at {reach.url}, but it is not an Agor daemon",
            "check the address and port: --url or AGOR_DAEMON_URL (the default is http://localhost:3030)",
        )
    return _failed(
        "reach",
        f"no answer from {reach.url}",
        "start the daemon (agor-reactive serve runs a demo daemon), or set another address: --url or AGOR_DAEMON_URL",
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
    """The HTTP status of ``/health``, or the error text."""
    import httpx2

    try:
        async with httpx2.AsyncClient(timeout=5) as client:
            return (await client.get(f"{url}/health")).status_code
    except httpx2.HTTPError as error:
        return str(error)
    except (*UNUSABLE, httpx2.InvalidURL) as error:
        return str(unusable(error))


async def _log_in(client: Client, reach: Reach) -> Finding:
    step = "authenticate"
    try:
        await client.open()
        if reach.key is not None:
            return Finding(step, True, f"with {reach.what}, {await _how(client)}")
        await client.service("sessions").find({"$limit": 1})
        return Finding(step, True, f"no key in {reach.key_env}, and this daemon requires none ({await _how(client)})")
    except ApiKeyRestOnly as error:
        return _failed(
            step,
            f"{reach.what} works over REST, not for the live connection ({one_line(str(error.code), 9)})",
            "the key is valid, a new one will not help: this daemon accepts e-mail and password only for live "
            "connections "
            "(authenticate(strategy='local', …)), or an access token that POST /authentication returned for them; "
            f"{reach.key_env} may hold it",
        )
    except NotAuthenticated as error:
        if reach.key is None:
            return _failed(
                step,
                f"no key in {reach.key_env}, and this daemon requires a login",
                f"run agor-reactive login, or set {reach.key_env} to your API key (create one in the daemon's "
                "settings; agor-reactive serve prints one)",
                MISUSE,
            )
        return _failed(step, f"{reach.what} was refused: {one_line(str(error), 120)}", reach.renewal)
    except Forbidden as error:
        return _failed(
            step,
            f"your login is valid, but the daemon denies access: {one_line(str(error), 120)}",
            _about(error) if _wants_new_password(error) else "ask the daemon's administrator for the member role",
        )
    except AgorError as error:
        return _failed(step, one_line(str(error), 160), _about(error))


async def _how(client: Client) -> str:
    """Describe how the connection was authenticated, and the API version of the daemon."""
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
        return _failed("session", one_line(str(error), 400), "use a longer prefix")
    except NotFound:
        return _failed("session", f"there is no session {session_id}", "agor-reactive sessions lists them")
    except AgorError as error:
        return _failed("session", one_line(str(error), 160), _about(error))
    if not rows:
        return Finding("session", None, "no sessions yet; step skipped", "create one: agor-reactive new 'A title'")
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
        return _failed(step, one_line(str(error), 160), _about(error))


async def _hydrate(client: Client, session_id: str) -> Finding:
    step = "hydrate"
    async with retain_reactive_session(client, session_id, task_hydration="lazy") as handle:
        state = handle.state
        with suppress(TimeoutError):
            async with asyncio.timeout(HYDRATION_TIMEOUT):
                state = await handle.ready()
    if state.error is not None:
        advice = "ask for access to that session" if state.terminal else "try again; the daemon's own log may say more"
        return _failed(step, one_line(state.error, 160), advice)
    if state.last_synced_at is None:
        return _failed(
            step, f"not read within {seconds_text(HYDRATION_TIMEOUT)}", "the daemon is busy: try again later"
        )
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
    """Advice for an error that is not specific to a step."""
    if isinstance(error, NotAuthenticated):
        return "the login was not accepted: create a new API key"
    if _wants_new_password(error):
        return "your account requires a new password: log in to the daemon's web page and set one"
    if isinstance(error, Forbidden):
        return "you are logged in, but this is not permitted: ask the daemon's administrator"
    if isinstance(error, LinkError):
        return "the daemon answers /health but the live connection failed, as said above; a proxy may stop WebSockets"
    return "the daemon's own log may say more"

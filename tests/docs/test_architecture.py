"""The page on architecture names what exists, in the order it runs, and draws the transitions that the code makes."""

from __future__ import annotations

import ast
import asyncio
import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from rich.console import Console

import agor_reactive as agor
from agor_reactive.adapters.terminal.live import LiveView
from agor_reactive.calls.backoff import Backoff
from agor_reactive.core import SessionState
from agor_reactive.core import events as e
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.models.wire import LinkStatus
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.socketio import SocketLink
from tests.contract.waiting import eventually
from tests.core.build import (
    SID,
    Mirror,
    chunk,
    end,
    error,
    hydrated,
    message_row,
    raw,
    saved,
    session_row,
    start,
    task_row,
    thinking,
)
from tests.transport.feathers import FeathersServer, until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

Edge = tuple[str, str, str]
"""Phase before, event, phase after."""


def section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def drawn(heading: str) -> set[Edge]:
    """The transitions of the diagram of a section: ``before --> after : event, event``."""
    diagram = re.search(r"```mermaid\nstateDiagram-v2\n(.*?)```", section(heading), re.DOTALL)
    assert diagram is not None, heading
    edges = re.findall(r"^ *(\w+) --> (\w+) : (.+)$", diagram[1], re.MULTILINE)
    assert len(edges) == diagram[1].count("-->")
    return {(before, event, after) for before, after, events in edges for event in events.split(", ")}


def derived(setups: dict[str, Any], events: dict[str, Any], phase_of: Callable[[Any], str]) -> set[Edge]:
    """The transitions that the fold makes: every event in every phase, without those that change no phase."""
    edges = set()
    for before, setup in setups.items():
        for name, happen in events.items():
            mirror = setup()
            assert phase_of(mirror.state) == before
            if happen(mirror) is not False and (after := phase_of(mirror.state)) != before:
                edges.add((before, name, after))
    return edges


# ---- names ----


def defined_in(path: Path) -> Iterator[str]:
    """Qualified names of the functions and classes of a module."""

    def walk(node: ast.AST, prefix: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield prefix + child.name
                if isinstance(child, ast.ClassDef):
                    yield from walk(child, f"{prefix}{child.name}.")

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), "")


NAMED = re.findall(r"`([\w/]+\.(?:py|js))` `([\w.]+)`", PAGE)


def test_every_function_that_the_page_names_exists() -> None:
    assert len(NAMED) > 25
    for file, name in NAMED:
        path = ROOT / "agor_reactive" / file
        if path.suffix == ".js":
            assert re.search(rf"\b{name}\(", path.read_text(encoding="utf-8")), (file, name)
        else:
            assert name in set(defined_in(path)), (file, name)


def test_every_package_is_in_the_map() -> None:
    packages = {path.parent.name for path in (ROOT / "agor_reactive").glob("*/__init__.py")}
    listed = set(re.findall(r"^\| `(\w+)/` ", section("The packages"), re.MULTILINE))
    assert listed == packages


# ---- the walk of a chunk ----


async def test_a_chunk_takes_the_steps_of_the_page_in_their_order() -> None:
    steps = re.findall(r"^\d+\. `([\w/]+\.py)` `([\w.]+)`", section("One chunk, from the socket to the screen"), re.M)
    assert len(steps) > 12
    called: list[tuple[str, str]] = []

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        """Note the steps from the one on that gets the chunk; other events may come before it."""
        _, inside, file = frame.f_code.co_filename.rpartition("/agor_reactive/")
        step = (file, frame.f_code.co_qualname)
        if event != "call" or not inside or step not in steps:
            return
        if len(called) > 1:
            called.extend([step] if step not in called else [])
        elif step == steps[0]:
            called[:] = [step]
        elif step == steps[1] and [topic for topic, _ in frame.f_locals["events"]] == ["messages streaming:chunk"]:
            called.append(step)

    async with (
        EmbeddedDaemon() as daemon,
        agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as rest,
        agor.create_async_rest_client(daemon.url, access_token=daemon.service_token) as executor,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
    ):
        session = await rest.service("sessions").create({"branch_id": daemon.workspace_id})
        task = await rest.sessions.prompt(session.session_id, "[hold]")
        ids = {"session_id": session.session_id, "task_id": task.task_id, "message_id": "m"}
        async with agor.retain_reactive_session(client, session.session_id) as handle:
            await handle.ready()
            await eventually(lambda: handle.state.active_task)
            with LiveView(Console(file=io.StringIO(), force_terminal=True, width=100), interval=0) as view:
                handle.subscribe(view.show)
                before = sys.getprofile()
                sys.setprofile(profile)
                try:
                    data = {**ids, "chunk": "hello", "sequence": 0}
                    await executor.service("messages/streaming").create({"event": "streaming:chunk", "data": data})
                    await eventually(lambda: steps[-1] in called)
                finally:
                    sys.setprofile(before)
    assert called == steps


# ---- a stream ----


def _saved(mirror: Mirror) -> Any:
    return mirror.feed(saved("messages", message_row("m", "t1", 5)))


STREAM_EVENTS: dict[str, Callable[[Mirror], Any]] = {
    "text start": lambda mirror: mirror.feed(start("m", task_id="t1")),
    "text chunk": lambda mirror: mirror.feed(chunk("m", "more", 1, task_id="t1")),
    "text end": lambda mirror: mirror.feed(end("m", 2, task_id="t1")),
    "error": lambda mirror: mirror.feed(error("m", task_id="t1")),
    "thinking start": lambda mirror: mirror.feed(raw("messages thinking:start", message_id="m", task_id="t1")),
    "thinking chunk": lambda mirror: mirror.feed(thinking("m", "so", task_id="t1")),
    "thinking end": lambda mirror: mirror.feed(raw("messages thinking:end", message_id="m", task_id="t1")),
    "message saved": _saved,
    "task ends": lambda mirror: mirror.feed(saved("tasks", task_row("t1", "completed"), "patched")),
}

_text = (start("m", task_id="t1"), chunk("m", "some", 0, task_id="t1"))
_think = (raw("messages thinking:start", message_id="m", task_id="t1"),)
_task_ends = (saved("tasks", task_row("t1", "completed"), "patched"),)

STREAM_PHASES: dict[str, tuple[Any, ...]] = {
    "none": (),
    "thinking": _think,
    "thinking_and_text": (*_think, *_text),
    "text": _text,
    "ended": (*_text, end("m", 1, task_id="t1")),
    "failed": (*_text, error("m", task_id="t1")),
    "settled": (*_text, *_task_ends),
    "dropped": (*_think, *_task_ends),
    "saved": (*_text, saved("messages", message_row("m", "t1", 5))),
}


def stream_phase(state: SessionState) -> str:
    stream = state.get_streaming_message("m")
    if stream is None:
        if any(message.message_id == "m" for message in state.get_task_messages("t1")):
            return "saved"
        return "dropped" if "m" in state.books.settled else "none"
    if stream.settled or stream.error:
        return "settled" if stream.settled else "failed"
    if stream.is_thinking:
        return "thinking_and_text" if stream.streaming else "thinking"
    return "text" if stream.streaming else "ended"


def test_the_diagram_of_a_stream_is_what_the_fold_does() -> None:
    def setup(items: tuple[Any, ...]) -> Callable[[], Mirror]:
        def made() -> Mirror:
            mirror = hydrated()
            mirror.feed(*items)
            return mirror

        return made

    setups = {phase: setup(items) for phase, items in STREAM_PHASES.items()}
    assert drawn("A stream") == derived(setups, STREAM_EVENTS, stream_phase)


# ---- the sync round ----


def sync_phase(state: SessionState) -> str:
    kinds = {fetch.kind for fetch in state.fetches}
    if state.terminal and not state.loading:
        return "terminal"
    if not state.connected:
        return "offline"
    if "join" in kinds:
        return "joining"
    if "wait" in kinds:
        return "retrying"
    if state.loading:
        return "reading_rows" if kinds & {"session", "tasks", "queue"} else "reading_messages"
    if state.books.missing:
        return "incomplete"
    return "synced" if state.error is None else "refused"


def _link(phase: Any, epoch: int = 0) -> Callable[[Mirror], Any]:
    def happen(mirror: Mirror) -> Any:
        at = epoch or mirror.state.connection.epoch
        return mirror.feed(e.LinkChanged(LinkStatus(phase, epoch=at)))

    return happen


def _answer_rows(tasks: list[dict[str, Any]]) -> Callable[[Mirror], Any]:
    def happen(mirror: Mirror) -> Any:
        if not any(fetch.kind == "session" for fetch in mirror.state.fetches):
            return False
        mirror.answer("session", session=session_row([task["task_id"] for task in tasks]))
        mirror.answer("tasks", tasks=tasks)
        return mirror.answer("queue")

    return happen


def _of(kind: str, action: Callable[[Mirror], Any]) -> Callable[[Mirror], Any]:
    """Something that happens to a fetch of that kind; where there is none, it cannot happen."""
    return lambda mirror: action(mirror) if any(fetch.kind == kind for fetch in mirror.state.fetches) else False


def _retry(mirror: Mirror) -> Any:
    mirror.answer("retry")
    return mirror.answer("messages", "t1")


def _log_out(mirror: Mirror) -> Any:
    _link("unauthenticated")(mirror)
    return mirror.fail("session", "unauthenticated")


def _log_in(mirror: Mirror) -> Any:
    if not mirror.state.connected:
        return False
    _link("unauthenticated")(mirror)
    return _link("live")(mirror)


SYNC_EVENTS: dict[str, Callable[[Mirror], Any]] = {
    "link up": lambda mirror: False if mirror.state.connected else _link("live", 2)(mirror),
    "link drops": _link("reconnecting"),
    "log in": _log_in,
    "joined": _of("join", lambda mirror: mirror.answer("join")),
    "join fails": _of("join", lambda mirror: mirror.fail("join")),
    "rows read": _answer_rows([task_row("t1")]),
    "rows read without tasks": _answer_rows([]),
    "messages read": _of("messages", lambda mirror: mirror.answer("messages", "t1")),
    "messages fail": _of("messages", lambda mirror: mirror.fail("messages", task_id="t1")),
    "read fails": _of("session", lambda mirror: mirror.fail("session", "server")),
    "read forbidden": _of("session", lambda mirror: mirror.fail("session", "forbidden")),
    "session not found": _of("session", lambda mirror: mirror.fail("session", "not_found")),
    "login ended": _of("session", _log_out),
    "delay over": _of("wait", lambda mirror: mirror.answer("wait")),
    "retry succeeds": _of("retry", _retry),
    "resync": lambda mirror: mirror.feed(e.ResyncRequested()),
    "event lost": lambda mirror: mirror.feed(e.EventUnreadable()),
    "session removed": lambda mirror: mirror.feed(e.SessionGone(SID)) if mirror.state.connected else False,
}


def _made(*happenings: str) -> Callable[[], Mirror]:
    def made() -> Mirror:
        mirror = Mirror()
        for name in happenings:
            SYNC_EVENTS[name](mirror)
        return mirror

    return made


SYNC_PHASES = {
    "offline": _made(),
    "joining": _made("link up"),
    "reading_rows": _made("link up", "joined"),
    "reading_messages": _made("link up", "joined", "rows read"),
    "synced": _made("link up", "joined", "rows read", "messages read"),
    "incomplete": _made("link up", "joined", "rows read", "messages fail"),
    "retrying": _made("link up", "joined", "read fails"),
    "refused": _made("link up", "joined", "login ended"),
    "terminal": _made("link up", "joined", "session not found"),
}


def test_the_diagram_of_the_sync_round_is_what_the_fold_does() -> None:
    assert drawn("The sync round") == derived(SYNC_PHASES, SYNC_EVENTS, sync_phase)


# ---- the link ----


async def test_the_diagram_of_the_link_is_what_a_link_does() -> None:
    backoff = Backoff(first=0.01, most=0.05)
    seen: set[tuple[str, str]] = set()

    def followed(server: FeathersServer, key: str | None, **options: Any) -> SocketLink:
        credentials = None if key is None else ApiKey(key)
        link = SocketLink(server.url, credentials=credentials, backoff=backoff, **options)
        last = link.status.phase

        def on_status(status: LinkStatus) -> None:
            nonlocal last
            if status.phase != last:
                seen.add((last, status.phase))
            last = status.phase

        link.listen(lambda events, at: None, on_status)
        return link

    server = FeathersServer()
    await server.start()
    try:
        link = followed(server, "agor_sk_good")
        await link.open()
        server.abort()
        await until(lambda: link.status.epoch == 2 and link.status.phase == "live")
        await link.logout()
        await link.login(ApiKey("agor_sk_good"))
        await link.close()
        link = followed(server, None)
        await link.open()
        server.abort()
        await until(lambda: link.status.epoch == 2 and link.status.phase == "unauthenticated")
        await link.close()
        link = followed(server, "agor_sk_good")
        await link.open()
    finally:
        await server.stop()
    await until(lambda: link.status.phase == "reconnecting")
    await link.close()
    link = followed(server, None, keep_trying=True)
    opening = asyncio.ensure_future(link.open())
    await until(lambda: link.status.attempt)
    await link.close()
    with pytest.raises(agor.NotConnected):
        await opening
    assert {(before, after) for before, _, after in drawn("The link")} == seen

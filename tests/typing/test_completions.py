"""What editors that use jedi (IPython, Jupyter) complete: methods, rows, payloads, arguments."""

from __future__ import annotations

from typing import Any

import jedi
import pytest

import agor_reactive as agor
from agor_reactive.models import Board, Session, Task, WireModel
from agor_reactive.models.inputs import SessionCreate
from agor_reactive.models.outcome import Done, Outcome

SYNC = "import agor_reactive as agor\nclient = agor.create_rest_client()\n"
BLOCKING = "import agor_reactive as agor\nclient = agor.connect()\n"
ASYNC = "import agor_reactive as agor\nasync def f():\n    client = agor.create_client()\n    "
ASYNC_REST = ASYNC.replace("create_client", "create_async_rest_client")


def completed(code: str) -> set[str]:
    lines = code.split("\n")
    found = jedi.Script(code).complete(len(lines), len(lines[-1]))
    return {one.name for one in found if not one.name.startswith("_")}


def fields(model: type[WireModel]) -> set[str]:
    return set(model.model_fields)


ROWS: list[tuple[str, type[WireModel]]] = [
    ("sessions.get('x')", Session),
    ("tasks.get('x')", Task),
    ("boards.get('x')", Board),
    ("sessions.create({})", Session),
    ("sessions.prompt('x', 'hi')", Task),
]


@pytest.mark.parametrize(("call", "row"), ROWS)
def test_rows_are_completed(call: str, row: type[WireModel]) -> None:
    assert fields(row) <= completed(f"{SYNC}client.{call}.")
    assert fields(row) <= completed(f"{ASYNC}row = await client.{call}\n    row.")


def test_rows_are_completed_with_the_other_clients() -> None:
    assert fields(Session) <= completed(f"{BLOCKING}row = client.sessions.get('x')\nrow.")
    assert fields(Session) <= completed(f"{ASYNC_REST}(await client.sessions.get('x')).")


@pytest.mark.parametrize("of", ["find()[0].", "find_all()[0]."])
def test_rows_of_a_find_are_completed(of: str) -> None:
    assert fields(Session) <= completed(f"{SYNC}client.sessions.{of}")
    for each in ("find()", "find_all()", "iterate()"):
        assert fields(Session) <= completed(f"{SYNC}for row in client.sessions.{each}:\n    row.")
    assert {"data", "total", "has_more", "dataframe"} <= completed(f"{SYNC}client.sessions.find().")


def public(kind: Any) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_methods_are_completed() -> None:
    for code in (SYNC, BLOCKING, ASYNC, ASYNC_REST):
        assert public(type(agor.create_client(link=_link()).sessions)) - {"off", "on"} <= completed(
            f"{code}client.sessions."
        )
    assert {"sessions", "tasks", "users", "messages", "boards", "branches", "repos", "service"} <= completed(
        f"{SYNC}client."
    )
    handle = f"{ASYNC}handle = agor.retain_reactive_session(client, 'x')\n    handle."
    assert public(agor.SessionHandle) - {"display"} <= completed(handle)
    assert public(agor.SessionState) - {"tables"} <= completed(f"{handle}state.")
    assert fields(Session) <= completed(f"{handle}state.session.")


def test_outcomes_and_raw_responses_are_completed() -> None:
    for code in (
        f"{SYNC}client.sessions.ask('x', 'hi').",
        f"{ASYNC}(await agor.retain_reactive_session(client, 'x').ask('hi')).",
    ):
        assert public(Outcome) <= completed(code)
    assert "text" in public(Done)
    raw = f"{SYNC}client.with_raw_response.sessions.get('x')."
    assert {"status", "headers", "body", "result"} <= completed(raw)
    assert fields(Session) <= completed(f"{raw}result.")


def test_payloads_and_arguments_are_completed() -> None:
    keys = completed("from agor_reactive.models.inputs import SessionCreate\nrow: SessionCreate = {}\nrow['")
    assert {key.strip("'\"") for key in keys} == SessionCreate.__optional_keys__ | SessionCreate.__required_keys__
    assert "permission_mode=" in completed(f"{SYNC}client.sessions.prompt('x', 'hi', permission_")
    assert "max_retries=" in completed(f"{SYNC}client.sessions.get('x', max_")


def test_a_live_client_of_a_notebook_is_completed_too() -> None:
    with agor.create_rest_client("http://127.0.0.1:9") as client:
        code = "client.sessions.get('x')."
        found = {one.name for one in jedi.Interpreter(code, [{"client": client}]).complete(1, len(code))}
    assert fields(Session) <= found


def _link() -> Any:
    from agor_reactive.transport.scripted import ScriptedLink

    return ScriptedLink()

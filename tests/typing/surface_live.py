"""What type checkers must know of the live clients. Checked by mypy --strict and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, assert_type

import agor_reactive as agor
from agor_reactive.models import Board, Health, Message, Page, Session, Task
from agor_reactive.models.inputs import MessageCreate, SessionCreate, TaskPatch
from agor_reactive.models.outcome import Outcome
from agor_reactive.session.handles import PromptOptions, SessionHandle


async def the_live_client_is_awaited_and_hears(client: agor.Client) -> None:
    assert_type(await client.service("tasks").get("t"), Task)
    assert_type(await client.service("tasks").find(), Page[Task])
    assert_type(client.service("messages").iterate(), AsyncIterator[Message])
    assert_type(client.service("messages").on("created", print), Callable[[], None])
    assert_type(await client.service("boards").clone("b", "copy"), Board)
    assert_type(await client.sessions.prompt("s", "hi"), Task)
    assert_type(await client.service("health").find(), Health)
    assert_type(await client.service("gateway").route_message({"text": "x"}), Any)
    assert_type(await client.service("other").call("doIt"), Any)


async def a_handle_knows_the_options_of_a_prompt(handle: SessionHandle, options: PromptOptions) -> None:
    assert_type(await handle.prompt("hi", permission_mode="plan", stream=True, timeout=3.0), Task)
    assert_type(await handle.ask("hi", metadata={"a": 1}, timeout=3.0, at_permission=False), Outcome)
    await handle.prompt("hi", **options)
    await handle.prompt("hi", mode="plan")  # type: ignore[call-arg]
    await handle.ask("hi", stream="yes")  # type: ignore[arg-type]


def the_blocking_one_does_not_await(client: agor.BlockingClient) -> None:
    assert_type(client.service("tasks").get("t"), Task)
    assert_type(client.service("sessions").iterate(), Iterator[Session])
    assert_type(client.sessions.prompt("s", "hi"), Task)
    client.service("messages").on("created", print)
    with client.retain_sessions(query={"archived": False}) as sessions:
        assert_type(sessions.ready(), agor.SessionRows)
    with client.retain("s", task_hydration="lean") as handle:
        assert_type(handle.prompt("hi", permission_mode="plan", timeout=3.0), Task)
        assert_type(handle.ask("hi", timeout=3.0), Outcome)
        handle.on_permission(lambda request: request.approve())
        handle.prompt("hi", mode="plan")  # type: ignore[call-arg]
    client.retain("s", task_hydration="all")  # type: ignore[arg-type]


def connecting_takes_the_options_of_create_client() -> None:
    assert_type(agor.connect("http://localhost:3030", api_key="k", timeout=3.0), agor.BlockingClient)
    agor.connect("http://localhost:3030", key="k")  # type: ignore[call-arg]


async def inputs_are_completed_and_checked(client: agor.Client) -> None:
    session: SessionCreate = {"branch_id": "b", "agentic_tool": "claude-code", "permission_config": {"mode": "plan"}}
    await client.service("sessions").create(session)
    await client.service("sessions").create({"branch_id": "b", "a_field_of_tomorrow": 1})
    change: TaskPatch = {"status": "failed", "error_message": "no"}
    await client.service("tasks").patch("t", change)
    message: MessageCreate = {"message_id": "m"}  # type: ignore[typeddict-item]
    await client.service("messages").create(message)
    wrong: TaskPatch = {"statuss": "failed"}  # type: ignore[typeddict-unknown-key]
    await client.service("tasks").patch("t", wrong)

"""What type checkers must know of the REST clients. Checked by mypy --strict and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import agor_reactive as agor
from agor_reactive.models import (
    ApiKeyRecord,
    AuthenticationResult,
    Board,
    BoardComment,
    Branch,
    Card,
    ContextFile,
    CurrentUser,
    DecisionTaken,
    Health,
    KnowledgeDocument,
    McpServer,
    Message,
    Page,
    Repo,
    Schedule,
    Session,
    SessionArchived,
    SessionFamily,
    SessionInitialized,
    SessionStream,
    StopAnswer,
    Task,
    User,
    Worktree,
)
from agor_reactive.models.outcome import Outcome


def rows_are_typed_by_the_path(client: agor.RestClient) -> None:
    assert_type(client.service("tasks").get("t"), Task)
    assert_type(client.service("sessions").find({"archived": False}), Page[Session])
    assert_type(client.service("messages").find_all(), tuple[Message, ...])
    assert_type(client.service("boards").iterate(page_size=10), Iterator[Board])
    assert_type(client.service("branches").patch("b", {"notes": "x"}), Branch)
    assert_type(client.service("worktrees").remove("w"), Worktree)
    assert_type(client.service("repos").create({"slug": "a/b"}), Repo)
    assert_type(client.service("users").update("u", {"email": "a@b.test", "password": "p"}), User)
    assert_type(client.service("cards").create_many([{"title": "a"}]), tuple[Card, ...])
    assert_type(client.service("schedules").get("s", timeout=3.0), Schedule)
    assert_type(client.service("mcp-servers").get("m"), McpServer)
    assert_type(client.service("kb/documents").get("d"), KnowledgeDocument)
    assert_type(client.service("api/v1/user/api-keys").find(), Page[ApiKeyRecord])
    assert_type(client.service("context").get("notes.md"), ContextFile)
    assert_type(client.service("health").find(), Health)
    assert_type(client.service("authentication/refresh").create({"refreshToken": "r"}), AuthenticationResult)
    assert_type(client.service("session-streams").create({"session_id": "s"}), SessionStream)
    assert_type(client.service("session-streams").create({"capability": True}), SessionStream)
    assert_type(client.service("session-streams").remove("s"), SessionStream)
    for message in client.service("messages").iterate({"session_id": "s"}):
        assert_type(message, Message)
    assert_type(client.service("tasks").find().data[0].status, str)


def any_other_path_works_untyped(client: agor.RestClient, path: str) -> None:
    assert_type(client.service(path).get("x"), Any)
    assert_type(client.service("leaderboard").find().data[0], Any)
    assert_type(client.service("templates").get("x"), Any)
    assert_type(client.service("agentic-tool-settings").find().data[0], Any)
    assert_type(client.service("kb/search").create({"query": "x"}), Any)
    assert_type(client.service("boards").call("toBlob", {"id": "b"}), Any)


def deeds_are_typed(client: agor.RestClient) -> None:
    assert_type(client.sessions.prompt("s", "hi", permission_mode="plan"), Task)
    assert_type(client.sessions.ask("s", "hi", timeout=60), Outcome)
    assert_type(client.service("sessions").fork("s", "hi"), Session)
    assert_type(client.sessions.spawn("s", "hi", agent="codex", enableCallback=True, timeout=9), Session)
    assert_type(client.sessions.queue("s"), tuple[Task, ...])
    assert_type(client.sessions.stop("s", expected_task_id="t", wait=5.0, on_pending=print), StopAnswer)
    assert_type(client.sessions.stop("s").pending, bool)
    assert_type(client.sessions.initialize("s", expected_user_id="u", prompt="hi"), SessionInitialized)
    assert_type(client.sessions.archive("s", include_children=True), SessionArchived)
    assert_type(client.sessions.unarchive("s"), SessionArchived)
    assert_type(client.users.me(), CurrentUser)
    assert_type(client.sessions.genealogy("s"), SessionFamily)
    assert_type(client.sessions.permission_decision("s", "r", True), DecisionTaken)
    assert_type(client.tasks.run("t"), Task)
    assert_type(client.tasks.wait("t"), Outcome)
    assert_type(client.service("tasks").create_many([{"session_id": "s", "created_by": "u"}]), tuple[Task, ...])
    assert_type(client.service("messages").find_by_task("t"), tuple[Message, ...])
    assert_type(client.service("branches").start("b"), Branch)
    assert_type(client.service("worktrees").start("b"), Worktree)
    assert_type(client.service("repos").create_branch("r", "feature"), Branch | Worktree)
    assert_type(client.service("board-comments").reply("c", "yes", created_by="u"), BoardComment)


async def the_async_client_is_the_same_awaited(client: agor.AsyncRestClient) -> None:
    assert_type(await client.service("tasks").get("t"), Task)
    assert_type(await client.service("sessions").find(), Page[Session])
    assert_type(client.service("boards").iterate(), AsyncIterator[Board])
    async for board in client.service("boards").iterate():
        assert_type(board, Board)
    assert_type(await client.sessions.prompt("s", "hi"), Task)
    assert_type(await client.service("anything").get("x"), Any)


def a_result_may_come_with_its_response(client: agor.RestClient) -> None:
    assert_type(client.with_raw_response.sessions.get("s"), agor.RawResponse[Session])
    assert_type(client.with_raw_response.service("tasks").find().result, Page[Task])
    assert_type(client.with_raw_response.sessions.prompt("s", "hi").result, Task)
    assert_type(client.sessions.with_raw_response.get("s"), agor.RawResponse[Session])


async def and_so_may_an_awaited_one(client: agor.AsyncRestClient) -> None:
    assert_type(await client.with_raw_response.sessions.get("s"), agor.RawResponse[Session])
    assert_type((await client.tasks.with_raw_response.get("t")).result, Task)


def calls_and_clients_may_be_repeated(client: agor.RestClient) -> None:
    assert_type(client.sessions.get("s", max_retries=0), Session)
    assert_type(agor.create_rest_client(max_retries=5, profile="work"), agor.RestClient)
    assert_type(agor.connect(max_retries=5, profile="work", read_env=False), agor.BlockingClient)


def mistakes_are_seen(client: agor.RestClient) -> None:
    client.service("tasks").get(3)  # type: ignore[arg-type]
    client.service("tasks").find(limit=3)  # type: ignore[call-arg]
    client.sessions.promt("s", "hi")  # type: ignore[attr-defined]
    client.service("messages").on("created", print)  # type: ignore[misc]
    client.sessions.spawn("s", "hi", agents="codex")  # type: ignore[call-arg]

"""The catalogue of services: its page is made from it, its paths are typed, its methods go where they should."""

from __future__ import annotations

import inspect
from typing import Any, get_args, get_overloads, get_type_hints

import pytest

import agor_reactive as agor
from agor_reactive.calls.service_table import facts_of
from agor_reactive.calls.surface import OperationMethod, PagedMethod
from agor_reactive.errors import NotFound, ProtocolError, UsageError
from agor_reactive.models import BoardComment, Branch, Repo, Worktree
from agor_reactive.services import SERVICES, Service, Services
from agor_reactive.transport.scripted import ScriptedLink
from tests.services import table


def test_the_page_of_services_is_up_to_date() -> None:
    assert table.PAGE.read_text("utf-8") == table.page(), "run python -m tests.services.table"


def typed_paths() -> dict[str, str]:
    """The paths that type checkers know, each with the hint of its service."""
    return {
        path: inspect.signature(overload).return_annotation
        for overload in get_overloads(Services.service)
        for path in get_args(get_type_hints(overload, vars(inspect.getmodule(Services)))["path"])
    }


def test_every_known_path_is_typed() -> None:
    assert typed_paths().keys() == set(table.paths())


def test_a_service_has_a_row_or_is_said_to_have_none_on_record() -> None:
    for path in table.paths():
        untyped = typed_paths()[path] == "Service[Kind, Any, Any, Any]" or path == "gateway"
        assert untyped == (facts_of(path).model is None), path


async def test_answers_that_are_no_rows_are_typed(link: ScriptedLink) -> None:
    link.on_call("find", "health", lambda given: {"status": "ok", "buildSha": "x", "features": {"multiUser": True}})
    link.on_call("create", "session-streams", lambda given: {"session_id": table.SOME_ID, "subscribed": True})
    link.on_call("remove", "session-streams", lambda given: {"session_id": given[0], "subscribed": False})
    link.on_call("create", "sessions/:id/stop", lambda given: {"success": False, "reason": "idle"})
    link.on_call("find", "sessions/:id/genealogy", lambda given: {"session": {"session_id": "s"}, "children": []})
    link.on_call(
        "create", "sessions/:id/permission-decision", lambda given: {"success": False, "alreadyResolved": True}
    )
    link.on_call("create", "authentication/refresh", lambda given: {"accessToken": "x.y.z"})
    async with agor.create_client(link=link) as client:
        health = await client.service("health").find()
        assert health.well
        assert health.build_sha == "x"
        assert health.features is not None
        assert health.features.multi_user
        joined = await client.service("session-streams").create({"session_id": "s"})
        assert (joined.session_id, joined.subscribed) == (table.SOME_ID, True)
        left = await client.service("session-streams").remove(joined.session_id)
        assert (left.session_id, left.subscribed) == (table.SOME_ID, False)
        stopped = await client.sessions.stop(table.SOME_ID)
        assert (stopped.success, stopped.reason, stopped["reason"]) == (False, "idle", "idle")
        assert repr(stopped) == "StopAnswer(success=False, reason='idle')"
        family = await client.sessions.genealogy(table.SOME_ID)
        assert family.session is not None
        assert family.session.session_id == "s"
        taken = await client.sessions.permission_decision(table.SOME_ID, "r", True, task_id="t", wait=False)
        assert taken.already_resolved
        assert (await client.service("authentication/refresh").create({"refreshToken": "r"})).access_token == "x.y.z"


async def test_an_answer_that_is_no_object_where_one_is_due_is_a_named_error(link: ScriptedLink) -> None:
    link.on_call("*", "*", lambda given: [1])
    async with agor.create_client(link=link) as client:
        for asking in (
            client.service("health").find(),
            client.sessions.stop(table.SOME_ID),
            client.sessions.genealogy(table.SOME_ID),
        ):
            with pytest.raises(ProtocolError):
                await asking


@pytest.mark.parametrize("path", SERVICES)
def test_every_method_says_what_it_does_and_takes_a_timeout(path: str) -> None:
    for name, method in {**vars(Service), **table.operation_methods(path)}.items():
        if isinstance(method, OperationMethod | PagedMethod):
            made = method.operation if isinstance(method, OperationMethod) else method.pages
            assert method.__doc__, name
            for option in ("timeout", "max_retries"):
                parameter = inspect.signature(made).parameters[option]
                assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
                assert parameter.default is None


# The bodies of these are documented.
DOCUMENTED = {
    "sessions": {"prompt", "ask", "stop", "queue", "fork", "spawn", "genealogy", "permission_decision"}
    | {"initialize", "archive", "unarchive"},
    "tasks": {"run", "wait", "complete", "fail", "create_many", "tell"},
    "messages": {"find_by_session", "find_by_task", "find_by_range", "create_many", "tell"},
    "repos": {"local", "create_branch", "remove_branch"},
    "health": {"find"},
}


@pytest.mark.parametrize("path", SERVICES)
def test_a_method_with_an_undocumented_body_says_so(path: str) -> None:
    for name, method in table.operation_methods(path).items():
        assert isinstance(method, OperationMethod)
        given = [
            one
            for one in inspect.signature(method.operation).parameters
            if one not in ("self", "timeout", "max_retries")
        ]
        says_more = bool(given) and not (len(given) == 1 and given[0].endswith("_id"))  # than which row
        said = "undocumented" in (method.__doc__ or "")
        assert said == (says_more and name not in DOCUMENTED.get(path, ())), name


def test_hints_of_inputs_and_rows_can_be_read() -> None:
    for overload in get_overloads(Services.service):
        assert get_args(get_type_hints(overload, vars(inspect.getmodule(Services)))["return"])


@pytest.fixture
def link() -> ScriptedLink:
    return ScriptedLink()


OWN_ROUTES: list[tuple[str, str, tuple[Any, ...], dict[str, Any], tuple[str, str, tuple[Any, ...]]]] = [
    ("boards", "to_blob", ("b",), {}, ("toBlob", "boards", ({"id": "b", "boardId": "b"},))),
    ("boards", "clone", ("b", "n"), {}, ("clone", "boards", ({"id": "b", "boardId": "b", "name": "n"},))),
    ("boards", "clone", ({"x": 1},), {}, ("clone", "boards", ({"x": 1},))),
    ("boards", "from_yaml", ({"text": "a: 1"},), {}, ("fromYaml", "boards", ({"text": "a: 1"},))),
    ("users", "get_git_environment", ({"x": 1},), {}, ("getGitEnvironment", "users", ({"x": 1},))),
    ("branches", "logs", ({"x": 1},), {}, ("find", "branches/logs", ({"x": 1},))),
    ("branches", "archive_or_delete", ("b", {"x": 1}), {}, ("create", "branches/b/archive-or-delete", ({"x": 1},))),
    ("repos", "clone", ({"x": 1},), {}, ("create", "repos/clone", ({"x": 1},))),
    ("board-comments", "reply", ("c", {"x": 1}), {}, ("create", "board-comments/c/reply", ({"x": 1},))),
    ("boards", "from_yaml", ("a: 1",), {}, ("fromYaml", "boards", ({"yaml": "a: 1"},))),
    ("users", "get_git_environment", ("u",), {}, ("getGitEnvironment", "users", ({"userId": "u"},))),
    ("repos", "local", ("/r",), {"slug": "a/b"}, ("create", "repos/local", ({"path": "/r", "slug": "a/b"},))),
    ("repos", "clone", ("u",), {}, ("create", "repos/clone", ({"url": "u"},))),
    ("repos", "remove_branch", ("r", "a"), {}, ("remove", "repos/r/branches/a", (None,))),
    ("branches", "health", ("b",), {}, ("find", "branches/b/health", ())),
    (
        "branches",
        "archive_or_delete",
        ("b",),
        {"metadata": "delete"},
        (
            "create",
            "branches/b/archive-or-delete",
            ({"metadataAction": "delete", "filesystemAction": "preserved"},),
        ),
    ),
    ("schedules", "run_now", ("s",), {}, ("create", "schedules/s/run-now", ({},))),
    (
        "board-comments",
        "toggle_reaction",
        ("c", "+1"),
        {"user_id": "u"},
        ("create", "board-comments/c/toggle-reaction", ({"emoji": "+1", "user_id": "u"},)),
    ),
    ("messages", "submit_widget", ("w", {"a": 1}), {}, ("create", "widgets/w/submit", ({"a": 1},))),
    ("messages", "dismiss_widget", ("w",), {}, ("create", "widgets/w/dismiss", ({},))),
    ("messages", "resolve_widget_oauth", ("w",), {}, ("create", "widgets/w/oauth-resolve", ({},))),
    ("branches", "filesystem_status", ("b",), {}, ("find", "branches/b/filesystem-status", ())),
    ("branches", "clean", ("b", {"a": 1}), {}, ("create", "branches/b/clean", ({"a": 1},))),
    ("branches", "retry_provisioning", ("b",), {}, ("create", "branches/b/retry-provisioning", ({},))),
    ("branches", "permissions", ("b",), {}, ("find", "branches/b/permissions", ())),
    ("branches", "update_environment", ({"a": 1},), {}, ("updateEnvironment", "branches", ({"a": 1},))),
    ("boards", "permissions", ("b",), {}, ("find", "boards/b/permissions", ())),
    ("board-comments", "reposition", ("c", {"a": 1}), {}, ("create", "board-comments/c/reposition", ({"a": 1},))),
    ("users", "sync_avatars", (), {}, ("syncAvatars", "users", ({},))),
    ("users", "set_primary_teammate", ({"a": 1},), {}, ("setPrimaryTeammate", "users", ({"a": 1},))),
    ("kb/namespaces", "save_with_acl", ({"a": 1},), {}, ("saveWithAcl", "kb/namespaces", ({"a": 1},))),
    ("mcp-servers", "oauth_start", ({"a": 1},), {}, ("create", "mcp-servers/oauth-start", ({"a": 1},))),
    ("kb/documents", "put_document", ({"a": 1},), {}, ("putDocument", "kb/documents", ({"a": 1},))),
    ("gateway", "route_message", ({"a": 1},), {}, ("routeMessage", "gateway", ({"a": 1},))),
    ("kb/namespaces", "set_acl", ({"a": 1},), {}, ("setAcl", "kb/namespaces", ({"a": 1},))),
    ("tasks", "create_many", ([{"model": "m"}],), {}, ("create", "tasks/bulk", ([{"model": "m"}],))),
    ("messages", "tell", ("e", {"a": 1}), {}, ("create", "messages/streaming", ({"event": "e", "data": {"a": 1}},))),
]


@pytest.mark.parametrize(
    ("path", "name", "args", "options", "call"), OWN_ROUTES, ids=[f"{case[0]}-{case[1]}" for case in OWN_ROUTES]
)
async def test_methods_go_where_they_should(
    link: ScriptedLink, path: str, name: str, args: Any, options: Any, call: Any
) -> None:
    link.on_call("*", "*", lambda given: {"ok": True})
    async with agor.create_client(link=link) as client:
        await getattr(client.service(path), name)(*args, **options)
    assert link.calls == [call]


async def test_answers_of_routes_are_typed(link: ScriptedLink) -> None:
    link.on_call("create", "branches/:id/start", lambda given: {"branch_id": "b"})
    link.on_call("create", "board-comments/:id/reply", lambda given: {"comment_id": "c"})
    link.on_call("create", "repos/local", lambda given: {"repo_id": "r"})
    async with agor.create_client(link=link) as client:
        assert isinstance(await client.service("branches").start("b"), Branch)
        assert isinstance(await client.service("board-comments").reply("c", "x", created_by="u"), BoardComment)
        assert isinstance(await client.service("repos").local("/r"), Repo)


async def test_an_older_daemon_is_asked_by_its_own_names(link: ScriptedLink) -> None:
    link.on_call("create", "worktrees/:id/:deed", lambda given: {"worktree_id": "w"})
    link.on_call("create", "repos/:id/worktrees", lambda given: {"worktree_id": "w"})
    async with agor.create_client(link=link) as client:
        assert isinstance(await client.service("branches").restart("w"), Worktree)
        assert isinstance(await client.service("worktrees").restart("w"), Worktree)
        assert isinstance(await client.service("repos").create_branch("r", "w"), Worktree)
        with pytest.raises(NotFound):
            await client.service("branches").health("w")
    assert [call[1] for call in link.calls[:3]] == ["branches/w/restart", "worktrees/w/restart", "worktrees/w/restart"]


async def test_an_event_that_comes_without_its_service_is_heard_all_the_same(link: ScriptedLink) -> None:
    async with agor.create_client(link=link) as client:
        received: list[Any] = []
        client.service("repos").on("repo:cloneError", received.append)
        link.emit("repo:cloneError", {"slug": "a/b"})
        assert received == [{"slug": "a/b"}]


def test_rest_has_no_events() -> None:
    with agor.create_rest_client() as client, pytest.raises(UsageError, match="live client"):
        client.service("tasks").on("created", print)  # type: ignore[misc]

"""A refusal that means "this daemon has no such route" names the daemons that have it; every other refusal stays."""

from __future__ import annotations

import re
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.calls.effects import Call
from agor_reactive.calls.versions import OFFERED, is_missing_route, offer_of
from agor_reactive.errors import (
    BadRequest,
    CallTimeout,
    DaemonError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    OutcomeUnknown,
    UsageError,
)
from agor_reactive.transport.codec import daemon_error
from agor_reactive.transport.scripted import ScriptedLink
from tests.calls.strict_daemon import SID

PAGE = "<!DOCTYPE html><html><head><title>Error</title></head><body><pre>Cannot POST /x/y</pre></body></html>"
MISSING = {
    "socket": daemon_error({"name": "NotFound", "message": "Service 'x/y' not found", "code": 404}),
    "page": daemon_error(PAGE, status=404),
    "json": daemon_error({"name": "NotFound", "message": "Page not found", "code": 404}, status=404),
    "method": daemon_error({"name": "MethodNotAllowed", "message": "Method 'create' not allowed", "code": 405}),
}
OTHER = [
    daemon_error({"name": "NotFoundError", "message": f"Session not found: {SID}", "code": "NOT_FOUND"}),
    daemon_error({"name": "NotFound", "message": "Permission request not found", "code": 404}),
    daemon_error({"name": "GeneralError", "message": "Session not found: x", "code": 500}, status=500),
    daemon_error({"name": "Forbidden", "message": "no", "code": 403}),
    daemon_error({"name": "BadRequest", "message": "validation failed", "code": 400}),
]


@pytest.mark.parametrize("error", MISSING.values(), ids=MISSING)
def test_a_missing_route_is_told_from_a_missing_row(error: DaemonError) -> None:
    assert is_missing_route(error)
    assert not any(is_missing_route(other) for other in OTHER)


async def refused(error: Exception, ask: Any) -> Exception:
    """What a call ends in when the daemon refuses it with `error`."""
    link = ScriptedLink()

    def refuse(args: tuple[Any, ...]) -> Any:
        raise error

    link.on_call("*", "*", refuse)
    async with agor.create_client(link=link) as client:
        with pytest.raises(agor.AgorError) as caught:
            await ask(client)
    return caught.value


CASES: dict[str, tuple[Any, str]] = {
    "tasks in bulk": (lambda client: client.tasks.create_many([{"session_id": "s"}]), "13 August 2026"),
    "messages in bulk": (lambda client: client.service("messages/bulk").create([{}]), "one by one"),
    "config": (lambda client: client.service("config").find(), "June 2026"),
    "context": (lambda client: client.service("context").find(), "June 2026"),
    "owners": (lambda client: client.service("branches/b/owners").find(), "branches/:id/permissions"),
    "group grants": (lambda client: client.service("boards/b/group-grants").create({}), "boards/:id/permissions"),
    "restart": (lambda client: client.service("sessions/s/restart-cli").create({}), "June 2026"),
    "update": (lambda client: client.service("messages").update("m", {}), "Use patch"),
    "initialize": (lambda client: client.sessions.initialize(SID, expected_user_id="u"), r"0\.25\.2"),
    "archive all": (lambda client: client.sessions.archive(SID, include_children=True), r"0\.25\.2"),
    "me": (lambda client: client.users.me(), r"0\.26"),
    "clean": (lambda client: client.service("branches").clean("b"), r"0\.26"),
    "counts": (lambda client: client.service("session-counts").find(), r"0\.26"),
}


@pytest.mark.parametrize("shape", MISSING)
@pytest.mark.parametrize("case", CASES)
async def test_what_this_daemon_lacks_names_the_daemons_that_have_it(case: str, shape: str) -> None:
    ask, words = CASES[case]
    error = await refused(MISSING[shape], ask)
    assert type(error) is UsageError
    assert re.search(words, str(error)), str(error)
    assert error.__cause__ is MISSING[shape]


@pytest.mark.parametrize("case", CASES)
async def test_every_other_refusal_stays_what_it_is(case: str) -> None:
    for other in OTHER if case != "restart" else [one for one in OTHER if not isinstance(one, BadRequest)]:
        assert await refused(other, CASES[case][0]) is other


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda client: client.service("messages/bulk").create([{}]), "Bulk Message create is not supported"),
        (lambda client: client.service("messages").create_many([{}]), "Bulk Message create is not supported"),
        (lambda client: client.tasks.create_many([{}]), "Task creation requires one task"),
        (lambda client: client.service("tasks").create([{}]), "Task creation requires one task"),
    ],
)
async def test_a_bad_request_that_means_it_is_explained_too(ask: Any, message: str) -> None:
    error = await refused(BadRequest(message, name="BadRequest", code=400), ask)
    assert type(error) is UsageError
    assert "13 August 2026" in str(error)


async def test_a_custom_method_that_is_never_answered_says_which_daemons_know_it() -> None:
    for method, kind in (("findBySession", CallTimeout), ("createMany", OutcomeUnknown)):
        error = await refused(
            kind("no answer in time"), lambda client, m=method: client.service("messages").call(m, {})
        )
        assert type(error) is kind
        assert "13 August 2026" in str(error)
    slow = CallTimeout("no answer in time")
    assert await refused(slow, lambda client: client.service("config").find()) is slow


async def test_what_all_daemons_have_is_refused_as_it_is() -> None:
    missing = MISSING["socket"]
    assert await refused(missing, lambda client: client.service("kb/graph").find()) is missing
    assert await refused(missing, lambda client: client.service("sessions").get(SID)) is missing


@pytest.mark.parametrize("archived", [True, False])
async def test_archive_is_a_patch_where_there_is_no_route(archived: bool) -> None:
    link, patches = ScriptedLink(), []

    def patched(args: tuple[Any, ...]) -> Any:
        patches.append(args)
        return {"session_id": SID, "archived": archived}

    link.on_call("patch", "sessions", patched)
    async with agor.create_client(link=link) as client:
        done = await (client.sessions.archive(SID) if archived else client.sessions.unarchive(SID))
    assert patches == [(SID, {"archived": archived})]
    assert done.session is not None
    assert (done.session.archived, done.count, len(done.affected_sessions)) == (archived, 1, 1)


async def test_archive_goes_by_the_route_where_there_is_one() -> None:
    link = ScriptedLink()
    answer = {
        "session": {"session_id": SID},
        "affectedSessions": [{"session_id": SID}, {"session_id": "c"}],
        "count": 2,
    }
    link.on_call("create", "sessions/:id/archive", lambda args: answer)
    async with agor.create_client(link=link) as client:
        done = await client.sessions.archive(SID, include_children=True)
    assert (done.count, done.session.session_id if done.session else None) == (2, SID)
    assert link.calls == [("create", f"sessions/{SID}/archive", ({"includeChildren": True},))]


async def test_a_refused_archive_is_no_reason_to_patch() -> None:
    for other in (Forbidden("no", code=403), NotFound("Session not found: x", code="NOT_FOUND")):
        assert await refused(other, lambda client: client.sessions.archive(SID)) is other


async def test_initialize_answers_the_session_and_its_first_task() -> None:
    link = ScriptedLink()
    task = {"task_id": "t", "status": "dispatching"}
    link.on_call("create", "sessions/:id/initialize", lambda args: {"sessionId": SID, "task": task})
    async with agor.create_client(link=link) as client:
        made = await client.sessions.initialize(SID, expected_user_id="u", mcp_server_ids=("m",), prompt="Go")
        assert (made.session_id, made.task.status if made.task else None) == (SID, "dispatching")
        link.on_call("create", "sessions/:id/initialize", lambda args: {"sessionId": SID})
        assert (await client.sessions.initialize(SID, expected_user_id="u")).task is None
    assert [args for _, _, args in link.calls] == [
        ({"expectedUserId": "u", "mcpServerIds": ["m"], "prompt": "Go"},),
        ({"expectedUserId": "u"},),
    ]


async def test_me_tells_whose_credential_it_is() -> None:
    link = ScriptedLink()
    answer = {"user": {"user_id": "u", "email": "a@b.test"}, "role": "member", "auth_strategy": "api-key", "new": 1}
    link.on_call("find", "api/v1/user/me", lambda args: answer)
    async with agor.create_client(link=link) as client:
        me = await client.users.me()
    assert me.user is not None
    assert (me.user.email, me.role, me.auth_strategy, me["new"]) == ("a@b.test", "member", "api-key", 1)


def test_a_method_is_offered_by_one_entry_only() -> None:
    calls = [
        Call(method, offer.path.replace(":id", "x"))
        for offer in OFFERED
        for method in offer.methods or ("find", "get", "create", "patch", "remove")
    ]
    assert {call for call in calls if sum(offer.fits(call) for offer in OFFERED) > 1} == set()
    assert offer_of(Call("find", "messages")) is None
    assert offer_of(Call("create", "sessions/x/prompt")) is None


def test_method_not_allowed_of_a_method_that_all_have_stays() -> None:
    assert is_missing_route(MethodNotAllowed("no", code=405))
    assert offer_of(Call("patch", "messages")) is None

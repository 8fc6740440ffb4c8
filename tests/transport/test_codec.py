"""Frames, acks and errors: every shape becomes one of our errors, without secrets."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agor_reactive.errors import (
    AmbiguousId,
    BadRequest,
    Conflict,
    DaemonError,
    Forbidden,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    ServerError,
    TooManyRequests,
    Unavailable,
    UsageError,
)
from agor_reactive.models import Task, row_from_wire
from agor_reactive.transport.codec import arguments, checked_frame, daemon_error, dumps, read_ack
from agor_reactive.transport.redaction import REDACTED, redact, scrub
from tests.transport.shapes import SQL, SQL_REST, json_values


def test_the_query_comes_last_and_is_left_out_when_absent() -> None:
    assert arguments("find", "/tasks/", ()) == ["find", "tasks"]
    assert arguments("find", "tasks", (None,)) == ["find", "tasks"]
    assert arguments("get", "tasks", ("t", {"a": 1})) == ["get", "tasks", "t", {"a": 1}]
    assert arguments("remove", "authentication", (None, {})) == ["remove", "authentication", None, {}]
    assert arguments("patch", "tasks", ("t", {"s": 1}, None)) == ["patch", "tasks", "t", {"s": 1}]
    assert arguments("findByTask", "messages", ({"task_id": "t"},)) == ["findByTask", "messages", {"task_id": "t"}]


@pytest.mark.parametrize(
    ("method", "service", "args"),
    [
        ("get", "tasks", ("t", {}, {})),
        ("get", "tasks", ()),
        ("create", "tasks", ()),
        ("get", "tasks", ("",)),
        ("update", "tasks", (None, {})),
        ("find", "", ()),
        ("find", "sessions//prompt", ()),
        ("find", "sessions/../users", ()),
    ],
)
def test_a_call_the_daemon_could_not_read_is_refused_here(method: str, service: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError):
        arguments(method, service, args)


def test_a_frame_over_the_limit_is_refused_and_one_at_the_limit_is_not() -> None:
    size = len(dumps(["create", "tasks", {"p": ""}])) + 16
    checked_frame("create", "tasks", ({"p": "x" * (1000 - size)},), max_payload=1000)
    with pytest.raises(PayloadTooLarge):
        checked_frame("create", "tasks", ({"p": "x" * (1001 - size)},), max_payload=1000)


def test_size_is_measured_in_bytes() -> None:
    with pytest.raises(PayloadTooLarge):
        checked_frame("create", "tasks", ({"p": "é" * 500},), max_payload=1000)


def test_rows_go_out_as_the_wire_has_them() -> None:
    wire = {"task_id": "t", "session_id": "s", "status": "zork", "odd": {"a": [1]}}
    assert json.loads(dumps(row_from_wire(Task, wire))) == wire


def test_dates_and_sets_have_a_json_form() -> None:
    stamp = datetime(2026, 1, 2, tzinfo=UTC)
    assert json.loads(dumps({"at": stamp, "ids": {"b", "a"}})) == {"at": "2026-01-02T00:00:00.000Z", "ids": ["a", "b"]}


def test_acks_are_pairs_on_success_and_single_values_on_failure() -> None:
    assert read_ack((None, {"a": 1})) == {"a": 1}
    assert read_ack((None, None)) is None
    assert read_ack((None,)) is None
    assert read_ack(()) is None
    with pytest.raises(DaemonError):
        read_ack(({"message": "no"},))
    with pytest.raises(DaemonError):
        read_ack(("plain text",))
    with pytest.raises(DaemonError):
        read_ack((False,))


PLAIN = [
    ({"name": "NotAuthenticated", "message": "Not authenticated", "code": 401}, None, NotAuthenticated),
    ({"name": "Forbidden", "message": "You need admin access to create users", "code": 403}, None, Forbidden),
    ({"message": "Session not found: ffff", "code": "NOT_FOUND", "name": "NotFoundError"}, None, NotFound),
    ({"message": "User not found: ffff", "stack": "Error\n at x"}, None, NotFound),
    ({"name": "GeneralError", "message": "Session not found: ffff", "code": 500}, 500, NotFound),
    ({"name": "GeneralError", "message": "Permission request x not found", "code": 500}, 500, NotFound),
    ({"name": "NotFound", "message": "Service 'nope' not found", "code": 404}, None, NotFound),
    (
        {"name": "BadRequest", "message": "validation failed", "code": 400, "data": [{"a": 1}]},
        400,
        BadRequest,
    ),
    ({"name": "MethodNotAllowed", "message": "Method 'find' not allowed", "code": 405}, None, MethodNotAllowed),
    ({"name": "Conflict", "message": "Task cannot be run", "code": 409}, 409, Conflict),
    ({"message": "slow down", "code": 429}, 429, TooManyRequests),
    ({"message": "Prompt required", "stack": "Error: …"}, None, ServerError),
    ({"name": "RepositoryError", "message": "Session must have a branch_id"}, None, ServerError),
    ({"message": "JWT type is not valid for daemon API authentication", "stack": "…"}, None, NotAuthenticated),
    ({"name": "GeneralError", "message": "JWT type is not valid for daemon API …", "code": 500}, 500, NotAuthenticated),
    ({"message": "Invalid or expired executor token"}, None, NotAuthenticated),
    ({"message": "upstream", "code": "503"}, None, Unavailable),
    ({"message": "teapot", "code": 418}, None, BadRequest),
    ({"message": "what", "code": True}, None, ServerError),
    ("<!DOCTYPE html><pre>Cannot GET /nope</pre>", 404, NotFound),
    ("<html>Bad Gateway</html>", 502, Unavailable),
    ("", 500, ServerError),
    (None, None, ServerError),
    ({}, None, ServerError),
    ([1, 2], 403, Forbidden),
]


@pytest.mark.parametrize(("body", "status", "kind"), PLAIN)
def test_every_shape_of_an_error_has_one_of_our_names(body: Any, status: int | None, kind: type[DaemonError]) -> None:
    error = daemon_error(body, status=status)
    assert type(error) is kind
    assert str(error)
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        assert str(error) == body["message"]


def test_an_ambiguous_id_lists_its_matches_over_both_ways() -> None:
    matches = ["01970a3f-0000-7000-8000-000000000001", "01970a3f-0000-7000-8000-000000000002"]
    said = f"Ambiguous ID prefix '01970a3f' for Session (2 matches: {', '.join(matches)})"
    socket = daemon_error({"stack": "…", "message": said, "name": "AmbiguousIdError", "matches": matches})
    rest = daemon_error({"name": "GeneralError", "message": said, "code": 500}, status=500)
    for error in (socket, rest):
        assert isinstance(error, AmbiguousId)
        assert list(error.matches) == matches


def test_a_forced_password_change_keeps_its_data() -> None:
    data = {"code": "PASSWORD_CHANGE_REQUIRED", "user_id": "u"}
    error = daemon_error({"message": "Password change required. Please update your password.", "data": data})
    assert isinstance(error, Forbidden)
    assert error.data == data


@pytest.mark.parametrize("body", [SQL, SQL_REST, {"message": "Failed to save: " + SQL["message"]}])
def test_sql_its_parameters_and_stacks_reach_nothing(body: dict[str, Any]) -> None:
    error = daemon_error(body)
    notified = f"{error} {error!r} {error.data} {error.args}"
    for secret in ("insert into", "hidden words", "at Repo", "SELECT"):
        assert secret not in notified
    assert "database" in str(error)
    assert isinstance(error, ServerError)


@pytest.mark.parametrize("name", ["status", "statusCode"])
@pytest.mark.parametrize(
    ("number", "kind"), [(404, NotFound), (401, NotAuthenticated), (409, Conflict), (429, TooManyRequests)]
)
def test_an_error_without_a_code_is_what_its_status_says(name: str, number: int, kind: type[DaemonError]) -> None:
    error = daemon_error({name: number})
    assert (type(error), error.code) == (kind, number)
    with pytest.raises(kind):
        read_ack(({name: number, "message": "no"},))


def test_what_else_an_error_carries_is_its_data() -> None:
    error = daemon_error({"message": "x", "code": "NOT_FOUND", "resourceType": "Session", "id": "f", "stack": "…"})
    assert error.data == {"resourceType": "Session", "id": "f"}
    assert error.code == "NOT_FOUND"


@given(st.lists(json_values, max_size=3))
def test_any_ack_is_a_result_or_a_daemon_error(ack: list[Any]) -> None:
    with suppress(DaemonError):
        read_ack(ack)


@given(json_values, st.none() | st.integers(min_value=100, max_value=599))
def test_any_error_body_is_a_daemon_error(body: Any, status: int | None) -> None:
    assert isinstance(daemon_error(body, status=status), DaemonError)


# ---- redaction ----

KEY = "agor_sk_0123456789abcdef"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.sig-nature_1"


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("api/v1/user/api-keys created", {"rawKey": KEY, "key": {"id": "k"}}),
        ("authentication/refresh created", {"accessToken": JWT, "refreshToken": JWT}),
        ("authentication created", {"anything": "at all"}),
        ("config/resolve-api-key created", {"value": "sk-provider"}),
    ],
)
def test_topics_that_carry_secrets_show_nothing(topic: str, payload: Any) -> None:
    assert redact(topic, payload) == REDACTED


def test_secrets_are_taken_out_of_copies_wherever_they_are() -> None:
    payload = {
        "session_id": "s",
        "mcp_token": JWT,
        "env": [{"ANTHROPIC_API_KEY": "sk-ant", "GITHUB_TOKEN": "ghp"}],
        "note": f"use {KEY} and {JWT}!",
        "max_tokens": 5,
        "flags": {"OPENAI_API_KEY": False},
    }
    clean = redact("sessions created", payload)
    assert payload["mcp_token"] == JWT
    assert clean == {
        "session_id": "s",
        "mcp_token": REDACTED,
        "env": [{"ANTHROPIC_API_KEY": REDACTED, "GITHUB_TOKEN": REDACTED}],
        "note": f"use {REDACTED} and {REDACTED}!",
        "max_tokens": 5,
        "flags": {"OPENAI_API_KEY": False},
    }


def test_what_has_no_secret_is_the_very_same_object() -> None:
    payload = {"a": [1, {"b": "text"}], "c": None}
    assert redact("tasks patched", payload) is payload
    chunk = {"chunk": "whatever"}
    assert redact("messages streaming:chunk", chunk) is chunk


@given(json_values)
@settings(max_examples=60)
def test_redaction_never_fails_and_keeps_clean_things_as_they_are(payload: Any) -> None:
    before = json.dumps(payload)
    clean = scrub(payload)
    assert json.dumps(payload) == before
    assert scrub(clean) is clean or scrub(clean) == clean


def test_redaction_survives_any_depth() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    assert scrub(deep) is not deep

"""`approve_if` and `PermissionNeeded.requests` of clients that do not await."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.models.outcome import Done, PermissionNeeded
from agor_reactive.policies import Decided, approve_if
from tests.docs.test_code_blocks import daemon as served

SOON = 20.0


@pytest.fixture
def session(daemon: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    url, key = daemon["AGOR_DAEMON_URL"], daemon["AGOR_API_KEY"]
    with agor.create_rest_client(url, api_key=key) as client:
        branch = client.service("branches").find()[0]
        row: Any = {"branch_id": branch.branch_id, "agentic_tool": "claude-code"}
        yield url, key, client.service("sessions").create(row).session_id


daemon = served


def test_a_blocking_handle_has_policies_and_an_observable(session: tuple[str, str, str]) -> None:
    url, key, session_id = session
    threads: set[str] = set()
    lines: list[Decided] = []
    with agor.connect(url, api_key=key) as client, client.retain(session_id) as handle:
        handle.ready(SOON)

        def allowed(request: Any) -> bool:
            threads.add(threading.current_thread().name)
            return bool(client.service("sessions").get(request.session_id).session_id)  # a blocking call

        received: list[Any] = []
        subscription = handle.permissions.subscribe(received.append)
        with approve_if(handle, allowed, audit=lines.append):
            assert isinstance(handle.ask("[permission]", timeout=SOON, at_permission=False), Done)
        subscription.dispose()
        assert [type(request) for request in received] == [agor.BlockingPermission]
    assert [(line.verdict, line.outcome) for line in lines] == [("approved", "approved")]
    assert "agor-reactive" not in threads


def test_a_rest_client_answers_what_an_outcome_needs(session: tuple[str, str, str]) -> None:
    url, key, session_id = session
    with agor.create_rest_client(url, api_key=key) as client:
        outcome = client.sessions.ask(session_id, "[permission]", timeout=SOON)
        assert isinstance(outcome, PermissionNeeded)
        assert outcome.requests[0].approve().success is True
        assert isinstance(client.tasks.wait(outcome.task.task_id, timeout=SOON), Done)

"""Every kind of refusal, over both transports, as one of our errors."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from agor_reactive.errors import (
    AmbiguousId,
    BadRequest,
    Conflict,
    DaemonError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
)
from tests.contract.daemons import Daemon
from tests.contract.scene import Scene, message_row, tried

MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("service", ["sessions", "tasks", "messages", "boards"])
@pytest.mark.parametrize("deed", ["get", "patch", "remove"])
async def test_a_row_that_is_not_there_is_not_found_over_the_socket(
    client: Any, service: str, deed: str, daemon: Daemon
) -> None:
    change: dict[str, Any] = {"metadata": {}} if service in ("tasks", "messages") else {"description": "x"}
    extra = (change,) if deed == "patch" else ()
    refusals: tuple[type[DaemonError], ...] = (NotFound,)
    if deed == "patch" and service in ("tasks", "messages") and not daemon.bare:
        # Newer daemons first look at what a member may change, then at the row.
        refusals = (NotFound, Forbidden, BadRequest)
    with pytest.raises(refusals):
        await getattr(client.service(service), deed)(MISSING, *extra)


@pytest.mark.parametrize("service", ["sessions", "tasks", "messages", "boards"])
def test_a_row_that_is_not_there_is_not_found_over_rest(rest: Any, service: str) -> None:
    with pytest.raises(NotFound):
        rest.service(service).get(MISSING)
    with pytest.raises(NotFound):
        rest.service(service).remove(MISSING)


async def test_prompting_stopping_and_running_what_is_not_there_is_not_found(client: Any, arest: Any) -> None:
    for one in (client, arest):
        with pytest.raises(NotFound):
            await one.sessions.prompt(MISSING, "Hello?")
        with pytest.raises(NotFound):
            await one.sessions.stop(MISSING)
        with pytest.raises(NotFound):
            await one.tasks.run(MISSING)


async def test_a_service_that_is_not_there_is_not_found(client: Any, arest: Any) -> None:
    with pytest.raises(NotFound):
        await client.service("no-such-service").find()
    with pytest.raises(NotFound):
        await arest.service("no-such-service").find()


async def test_a_method_the_service_has_not_is_not_allowed(client: Any, arest: Any) -> None:
    for one in (client, arest):
        with pytest.raises(MethodNotAllowed):
            await one.service("sessions/x/prompt").find()


async def test_a_query_outside_its_schema_is_a_bad_request(client: Any, arest: Any) -> None:
    for one in (client, arest):
        with pytest.raises(BadRequest):
            await one.service("sessions").find(query={"$limit": 10_001})
        with pytest.raises(BadRequest):
            await one.service("sessions").find(query={"status": "no-such-status"})
    with pytest.raises(BadRequest):
        await client.service("sessions").find(query={"status": {"$in": ["idle"]}})


async def test_a_session_without_a_workspace_is_refused(client: Any) -> None:
    with pytest.raises(DaemonError, match="must have a"):
        await client.service("sessions").create({"title": "nowhere", "agentic_tool": "claude-code"})


async def test_short_ids_read_what_full_ids_read(client: Any, arest: Any, scene: Scene) -> None:
    session = await scene.session()
    bare = session.session_id.replace("-", "")
    for one in (client, arest):
        assert (await one.service("sessions").get(bare[:24])).session_id == session.session_id
        assert (await one.service("sessions").get(session.session_id[:23])).session_id == session.session_id


async def test_an_ambiguous_short_id_lists_its_matches(client: Any, arest: Any, scene: Scene) -> None:
    # The first digits of an id are its minute: some pair of these shares eight of them.
    made = [(await scene.session()).session_id for _ in range(3)]
    prefix = next(one[:8] for one in made if sum(other.startswith(one[:8]) for other in made) > 1)
    for one in (client, arest):
        with pytest.raises(AmbiguousId) as caught:
            await one.service("sessions").get(prefix)
        assert {other for other in made if other.startswith(prefix)} <= set(caught.value.matches)


async def test_a_prompt_without_words_is_refused(client: Any, scene: Scene) -> None:
    session = await scene.session()
    with pytest.raises(DaemonError):
        await client.service(f"sessions/{session.session_id}/prompt").create({})
    assert (await client.service("sessions").get(session.session_id)).status == "idle"


async def test_only_a_created_task_on_an_idle_session_can_be_run(client: Any, arest: Any, scene: Scene) -> None:
    session = await scene.session()
    running = await scene.running_task(session.session_id)
    waiting = await scene.waiting_task(session.session_id)
    for one in (client, arest):
        for task in (running, waiting):
            with pytest.raises(Conflict):
                await one.tasks.run(task.task_id)


async def test_an_oversize_prompt_is_refused_before_it_is_sent_and_the_link_stays_up(client: Any, scene: Scene) -> None:
    session = await scene.session()
    epoch = client.status.epoch
    with pytest.raises(PayloadTooLarge):
        await client.sessions.prompt(session.session_id, "x" * 1_000_001)
    assert client.status.epoch == epoch
    page = await client.service("tasks").find(query={"session_id": session.session_id})
    assert page.total == 0


async def test_a_permission_request_nobody_made_is_not_found(client: Any, scene: Scene) -> None:
    session = await scene.session()
    decision = {
        "remember": False,
        "scope": "once",
        "decidedBy": "x",
        "requestId": str(uuid.uuid4()),
        "allow": True,
        "taskId": str(uuid.uuid4()),
    }
    with pytest.raises(NotFound):
        await client.service(f"sessions/{session.session_id}/permission-decision").create(decision)


async def test_only_an_executor_asks_for_permission_on_newer_daemons(client: Any, scene: Scene, daemon: Daemon) -> None:
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    asked = {"request_id": str(uuid.uuid4()), "tool_name": "Bash", "tool_input": {}, "status": "pending"}
    row = message_row(session.session_id, 1_000, "May I?", task_id=task.task_id, role="system")
    _, refusal = await tried(client.service("messages").create({**row, "type": "permission_request", "content": asked}))
    assert refusal is None or isinstance(refusal, Forbidden)
    if daemon.api_version is not None:
        assert (refusal is None) is daemon.bare

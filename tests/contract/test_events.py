"""The events that a client receives: its own and other users', but no secrets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import agor_reactive as agor
from tests.contract.daemons import Daemon, absent_since
from tests.contract.scene import HOLD, Scene, message_row
from tests.contract.waiting import eventually


class Listener:
    """Every event that a client receives, in order."""

    def __init__(self, client: Any) -> None:
        self.events: list[Any] = []
        self.subscription = client.events.subscribe(self.events.append)

    def topics(self, *, session_id: str | None = None) -> list[str]:
        return [event.topic for event in self.events if session_id is None or _session(event.payload) == session_id]

    def payloads(self, topic: str, session_id: str) -> list[Any]:
        return [
            event.payload for event in self.events if event.topic == topic and _session(event.payload) == session_id
        ]

    async def receives(self, topic: str, session_id: str, **fields: Any) -> Any:
        """Wait for that event of the session with those fields; returns its payload."""

        def found() -> list[Any]:
            rows = self.payloads(topic, session_id)
            return [row for row in rows if all(row.get(name) == value for name, value in fields.items())]

        return (await eventually(found, what=f"{topic} {fields}"))[0]


def _session(payload: Any) -> Any:
    return payload.get("session_id") if isinstance(payload, dict) else None


@pytest.fixture
def listener(client: Any) -> Iterator[Listener]:
    one = Listener(client)
    yield one
    one.subscription.dispose()


async def test_ones_own_event_comes_once(client: Any, scene: Scene, listener: Listener, daemon: Daemon) -> None:
    """Before the answer on older daemons; newer ones answer first."""
    received: list[str] = []
    client.service("sessions").on("created", lambda row: received.append(row.session_id))
    session = await scene.session()
    if daemon.bare:
        assert received == [session.session_id]
    await eventually(lambda: session.session_id in received)
    await client.service("sessions").patch(session.session_id, {"title": "after"})
    await listener.receives("sessions patched", session.session_id, title="after")
    assert received == [session.session_id]
    assert listener.topics(session_id=session.session_id) == ["sessions created", "sessions patched"]


async def test_off_ends_the_listening_and_only_for_the_one_who_left(client: Any, scene: Scene) -> None:
    first: list[Any] = []
    second: list[Any] = []
    third: list[Any] = []
    service = client.service("sessions")
    leave = service.on("created", first.append)
    service.on("created", second.append)
    service.on("created", third.append)
    await scene.session()
    await eventually(lambda: len(third) == 1)
    leave()
    service.off("created", second.append)
    await scene.session()
    await eventually(lambda: len(third) == 2)
    assert [len(first), len(second)] == [1, 1]


async def test_changes_of_rows_reach_another_client(client: Any, scene: Scene, daemon: Daemon) -> None:
    async with agor.create_client(daemon.url, **daemon.credentials()) as other:
        listener = Listener(other)
        session = await scene.session()
        await client.service("sessions").patch(session.session_id, {"title": "changed"})
        await client.service("sessions").remove(session.session_id)
        notified = ["sessions created", "sessions patched", "sessions removed"]
        await eventually(lambda: listener.topics(session_id=session.session_id) == notified)


async def test_a_prompt_emits_its_task_its_message_and_its_session(
    client: Any, scene: Scene, listener: Listener, daemon: Daemon
) -> None:
    """All before the answer on older daemons; on newer ones the task runs once its executor is there."""
    session = await scene.session()
    task = await client.sessions.prompt(session.session_id, HOLD)
    if daemon.bare:
        topics = listener.topics(session_id=session.session_id)
        assert {"tasks created", "tasks patched", "messages created", "sessions patched"} <= set(topics)
    created = await listener.receives("tasks created", session.session_id, task_id=task.task_id)
    if daemon.api_version == "handshake":
        assert created["status"] == "dispatching"
    await listener.receives("messages created", session.session_id, role="user", task_id=task.task_id)
    await listener.receives("sessions patched", session.session_id, status="running")
    running = await listener.receives("tasks patched", session.session_id, status="running")
    assert running["full_prompt"] == HOLD


async def test_a_queued_prompt_emits_queued_once(client: Any, scene: Scene, listener: Listener, daemon: Daemon) -> None:
    """Older daemons emit `queued` instead of `created`, newer ones first `created`, then `queued`."""
    session = await scene.session()
    await scene.running_task(session.session_id)
    task = await client.sessions.prompt(session.session_id, HOLD)
    await listener.receives("tasks queued", session.session_id, task_id=task.task_id)
    topics = [
        event.topic
        for event in listener.events
        if isinstance(event.payload, dict) and event.payload.get("task_id") == task.task_id
    ]
    added = [topic for topic in topics if topic in ("tasks created", "tasks queued")]
    if daemon.api_version is None:
        assert added in (["tasks queued"], ["tasks created", "tasks queued"])
    else:
        assert added == (["tasks queued"] if daemon.bare else ["tasks created", "tasks queued"])


async def test_a_session_is_idle_before_its_task_is_completed(client: Any, scene: Scene, listener: Listener) -> None:
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    before = len(listener.events)
    await scene.complete(task.task_id)
    await listener.receives("tasks patched", session.session_id, status="completed")
    wanted = {"sessions patched": "idle", "tasks patched": "completed"}
    order = [
        event.topic
        for event in listener.events[before:]
        if _session(event.payload) == session.session_id and event.payload.get("status") == wanted.get(event.topic)
    ]
    # A real daemon may say that the session is idle a second time, after the task.
    assert order[:2] == ["sessions patched", "tasks patched"]


async def test_bulk_routes_emit_each_row_under_their_own_name(
    client: Any, scene: Scene, listener: Listener, daemon: Daemon
) -> None:
    session = await scene.session()
    rows = [message_row(session.session_id, index, f"{index}") for index in range(2)]
    with absent_since(daemon, "creating messages in bulk"):
        await client.service("messages/bulk").create(rows)
    await eventually(lambda: listener.topics(session_id=session.session_id).count("messages/bulk created") == 2)
    assert "messages created" not in listener.topics(session_id=session.session_id)


async def test_removing_a_session_emits_nothing_of_its_rows(client: Any, scene: Scene, listener: Listener) -> None:
    session = await scene.session()
    await scene.waiting_task(session.session_id)
    await scene.save(session.session_id, 0, "Hi")
    await client.service("sessions").remove(session.session_id)
    await listener.receives("sessions removed", session.session_id)
    removed = [topic for topic in listener.topics(session_id=session.session_id) if topic.endswith(" removed")]
    assert removed == ["sessions removed"]


async def test_what_was_posted_is_relayed_as_it_is(client: Any, scene: Scene, listener: Listener) -> None:
    session = await scene.session()
    async with agor.retain_reactive_session(client, session.session_id, task_hydration="none") as handle:
        await handle.ready()
        extra = {"session_id": session.session_id, "message_id": str(uuid.uuid4()), "zork": {"deep": [1, None, True]}}
        await scene.say("streaming:start", **extra)
        await eventually(lambda: listener.payloads("messages streaming:start", session.session_id) == [extra])
        await scene.say("no-such-event", **extra)
        await scene.say("streaming:end", **extra)
        await eventually(lambda: "messages streaming:end" in listener.topics())
    assert "messages no-such-event" not in listener.topics()


async def test_no_secret_ever_passes_through_the_events(
    client: Any, scene: Scene, listener: Listener, daemon: Daemon
) -> None:
    async with (
        agor.create_client(daemon.url) as other,
        agor.create_async_rest_client(daemon.url) as nobody,
    ):
        minted = await other.authenticate(**daemon.any_login())
        secrets = [daemon.api_key, minted.access_token]
        if minted.refresh_token:
            fresh = await nobody.service("authentication/refresh").create({"refreshToken": minted.refresh_token})
            tokens = fresh if isinstance(fresh, dict) else fresh.to_wire()
            secrets += [minted.refresh_token, tokens["accessToken"], tokens["refreshToken"]]
    session = await scene.session()
    if token := getattr(session, "mcp_token", None):
        secrets.append(token)
    await eventually(lambda: listener.topics(session_id=session.session_id))
    notified = "\n".join(f"{event!r} {event.topic} {event.payload!r}" for event in listener.events)
    assert [secret for secret in secrets if secret in notified] == []


async def test_a_listener_that_raises_harms_no_other(client: Any, scene: Scene) -> None:
    received: list[Any] = []

    def broken(_row: Any) -> None:
        raise RuntimeError("a listener of the user's")

    client.service("sessions").on("created", broken)
    client.service("sessions").on("created", received.append)
    await scene.session()
    await scene.session()
    await eventually(lambda: len(received) == 2)

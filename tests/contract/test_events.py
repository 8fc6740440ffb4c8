"""What a listening client hears: its own deeds before their answers, everybody else's, and secrets never."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import agor_reactive as agor
from tests.contract.daemons import Daemon
from tests.contract.scene import Scene, message_row
from tests.contract.waiting import eventually


class Ear:
    """Every event that a client hears, in order."""

    def __init__(self, client: Any) -> None:
        self.events: list[Any] = []
        self.subscription = client.events.subscribe(self.events.append)

    def topics(self, *, session_id: str | None = None) -> list[str]:
        return [event.topic for event in self.events if session_id is None or _session(event.payload) == session_id]

    def payloads(self, topic: str, session_id: str) -> list[Any]:
        return [
            event.payload for event in self.events if event.topic == topic and _session(event.payload) == session_id
        ]


def _session(payload: Any) -> Any:
    return payload.get("session_id") if isinstance(payload, dict) else None


@pytest.fixture
def ear(client: Any) -> Iterator[Ear]:
    one = Ear(client)
    yield one
    one.subscription.dispose()


async def test_ones_own_event_comes_before_the_answer(client: Any, scene: Scene, ear: Ear) -> None:
    heard: list[str] = []
    client.service("sessions").on("created", lambda row: heard.append(row.session_id))
    session = await scene.session()
    assert heard == [session.session_id]
    assert ear.topics(session_id=session.session_id) == ["sessions created"]


async def test_off_ends_the_listening_and_only_for_the_one_who_left(client: Any, scene: Scene) -> None:
    first: list[Any] = []
    second: list[Any] = []
    third: list[Any] = []
    service = client.service("sessions")
    leave = service.on("created", first.append)
    service.on("created", second.append)
    service.on("created", third.append)
    await scene.session()
    leave()
    service.off("created", second.append)
    await scene.session()
    assert [len(first), len(second), len(third)] == [1, 1, 2]


async def test_changes_of_rows_reach_another_client(client: Any, scene: Scene, daemon: Daemon) -> None:
    async with agor.create_client(daemon.url, api_key=daemon.api_key) as other:
        ear = Ear(other)
        session = await scene.session()
        await client.service("sessions").patch(session.session_id, {"title": "changed"})
        await client.service("sessions").remove(session.session_id)
        told = ["sessions created", "sessions patched", "sessions removed"]
        await eventually(lambda: ear.topics(session_id=session.session_id) == told)


async def test_a_prompt_tells_of_its_task_message_and_session(client: Any, scene: Scene, ear: Ear) -> None:
    session = await scene.session()
    await client.sessions.prompt(session.session_id, "[slow] Say nothing.")
    topics = ear.topics(session_id=session.session_id)
    for topic in ("tasks created", "tasks patched", "messages created", "sessions patched"):
        assert topic in topics
    running = next(row for row in ear.payloads("tasks patched", session.session_id) if row["status"] == "running")
    assert running["full_prompt"] == "[slow] Say nothing."


async def test_a_queued_prompt_tells_of_queued_and_not_of_created(client: Any, scene: Scene, ear: Ear) -> None:
    session = await scene.session()
    await scene.running_task(session.session_id)
    before = len(ear.topics(session_id=session.session_id))
    await client.sessions.prompt(session.session_id, "[slow] Say nothing.")
    topics = ear.topics(session_id=session.session_id)[before:]
    assert "tasks queued" in topics
    assert "tasks created" not in topics


async def test_a_session_rests_before_its_task_is_told_completed(client: Any, scene: Scene, ear: Ear) -> None:
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    before = len(ear.events)
    await scene.complete(task.task_id)
    wanted = {"sessions patched": "idle", "tasks patched": "completed"}
    order = [
        event.topic
        for event in ear.events[before:]
        if _session(event.payload) == session.session_id and event.payload.get("status") == wanted.get(event.topic)
    ]
    assert order == ["sessions patched", "tasks patched"]


async def test_bulk_routes_tell_of_each_row_under_their_own_name(client: Any, scene: Scene, ear: Ear) -> None:
    session = await scene.session()
    rows = [message_row(session.session_id, index, f"{index}") for index in range(2)]
    await client.service("messages/bulk").create(rows)
    assert ear.topics(session_id=session.session_id).count("messages/bulk created") == 2
    assert "messages created" not in ear.topics(session_id=session.session_id)


async def test_removing_a_session_tells_of_nothing_but_the_session(client: Any, scene: Scene, ear: Ear) -> None:
    session = await scene.session()
    await scene.waiting_task(session.session_id)
    await scene.save(session.session_id, 0, "Hi")
    before = len(ear.topics(session_id=session.session_id))
    await client.service("sessions").remove(session.session_id)
    assert ear.topics(session_id=session.session_id)[before:] == ["sessions removed"]


async def test_what_was_posted_is_relayed_as_it_is(client: Any, scene: Scene, ear: Ear) -> None:
    session = await scene.session()
    async with agor.retain_reactive_session(client, session.session_id, task_hydration="none") as handle:
        await handle.ready()
        extra = {"session_id": session.session_id, "message_id": str(uuid.uuid4()), "zork": {"deep": [1, None, True]}}
        await scene.say("streaming:start", **extra)
        await eventually(lambda: ear.payloads("messages streaming:start", session.session_id) == [extra])
        await scene.say("no-such-event", **extra)
        await scene.say("streaming:end", **extra)
        await eventually(lambda: "messages streaming:end" in ear.topics())
    assert "messages no-such-event" not in ear.topics()


async def test_a_stream_is_heard_without_joining_or_not_at_all(client: Any, scene: Scene, daemon: Daemon) -> None:
    """Older daemons tell everybody, newer ones those who joined; nobody is told half."""
    session = await scene.session()
    async with agor.create_client(daemon.url, api_key=daemon.api_key) as other:
        ear = Ear(other)
        message = str(uuid.uuid4())
        await scene.say("streaming:start", session_id=session.session_id, message_id=message)
        for sequence in range(3):
            await scene.say(
                "streaming:chunk", session_id=session.session_id, message_id=message, chunk="x", sequence=sequence
            )
        await client.service("sessions").patch(session.session_id, {"title": "after"})
        await eventually(lambda: ear.payloads("sessions patched", session.session_id))
        assert len(ear.payloads("messages streaming:chunk", session.session_id)) in (0, 3)


async def test_no_secret_ever_passes_through_the_events(client: Any, scene: Scene, ear: Ear, daemon: Daemon) -> None:
    async with agor.create_client(daemon.url) as other:
        minted = await other.authenticate(strategy="api-key", api_key=daemon.api_key)
        secrets = [daemon.api_key, minted.access_token]
        if minted.refresh_token:
            fresh = await other.service("authentication/refresh").create({"refreshToken": minted.refresh_token})
            tokens = fresh if isinstance(fresh, dict) else fresh.to_wire()
            secrets += [minted.refresh_token, tokens["accessToken"], tokens["refreshToken"]]
    session = await scene.session()
    if token := getattr(session, "mcp_token", None):
        secrets.append(token)
    await eventually(lambda: ear.topics(session_id=session.session_id))
    told = "\n".join(f"{event!r} {event.topic} {event.payload!r}" for event in ear.events)
    assert [secret for secret in secrets if secret in told] == []


async def test_a_listener_that_raises_harms_no_other(client: Any, scene: Scene) -> None:
    heard: list[Any] = []

    def broken(_row: Any) -> None:
        raise RuntimeError("a listener of the user's")

    client.service("sessions").on("created", broken)
    client.service("sessions").on("created", heard.append)
    await scene.session()
    await scene.session()
    assert len(heard) == 2

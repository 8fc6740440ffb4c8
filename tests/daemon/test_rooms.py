"""Today's version: the receivers of a session's stream events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx2
import pytest

from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon
from agor_reactive.daemon.events import STREAM_EVENTS

from .conftest import Open, Watcher, bearer, log_in

Start = Callable[..., Awaitable[EmbeddedDaemon]]


@pytest.fixture
def api_version() -> ApiVersionName:
    return "handshake"


@pytest.fixture
async def member(daemon: EmbeddedDaemon, connect: Open) -> Watcher:
    """A socket of a user who owns none of the sessions."""
    admin = await connect()
    await admin.ok("create", "users", {"email": "m@x.test", "password": "secret-1", "role": "member"})
    token = (await log_in(daemon, strategy="local", email="m@x.test", password="secret-1"))["accessToken"]
    return await connect(login=False, headers=bearer(token))


def streamed(watcher: Watcher) -> set[str]:
    return STREAM_EVENTS & set(watcher.names())


async def test_members_of_the_room_and_the_owners_sockets_hear_the_stream_others_do_not(
    daemon: EmbeddedDaemon, connect: Open, member: Watcher
) -> None:
    owner, second, service = await connect(), await connect(), None
    service = await connect(login=False, headers=bearer(daemon.service_token))
    session_id = await owner.new_session(daemon)
    task = await owner.prompt(session_id, "Go.")
    for watcher in (owner, second, service, member):
        await watcher.ended(task["task_id"])
    everything = {"messages streaming:chunk", "messages thinking:end", "tasks tool:complete"}
    for watcher in (owner, second, service):
        assert everything <= streamed(watcher)
    assert streamed(member) == set()
    assert member.of("messages created") == owner.of("messages created")
    short = session_id.replace("-", "")[:24]
    joined = await member.ok("create", "session-streams", {"session_id": short})
    assert joined == {"session_id": session_id, "subscribed": True}
    task = await owner.prompt(session_id, "Again.")
    await member.ended(task["task_id"])
    assert everything <= streamed(member)


async def test_a_socket_that_announced_capability_gets_no_copies_and_joins_by_itself(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    capable, plain = await connect(), await connect()
    answer = await capable.ok("create", "session-streams", {"capability": True})
    assert answer == {"session_id": "", "subscribed": False}
    session_id = await capable.new_session(daemon)
    for expected in (False, True):
        task = await capable.prompt(session_id, "Go. [tools:0]")
        for watcher in (capable, plain):
            await watcher.ended(task["task_id"])
        assert bool(streamed(capable)) == expected
        assert streamed(plain)
        await capable.ok("create", "session-streams", {"session_id": session_id})


async def test_an_owner_in_the_room_hears_each_chunk_once(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    await watcher.ok("create", "session-streams", {"session_id": session_id})
    task = await watcher.prompt(session_id, "Count. [tools:0] [chunks:30]")
    await watcher.ended(task["task_id"])
    assert [row["sequence"] for row in watcher.of("messages streaming:chunk")] == list(range(30))


async def test_who_left_hears_no_more(daemon: EmbeddedDaemon, connect: Open, member: Watcher) -> None:
    owner = await connect()
    session_id = await owner.new_session(daemon)
    await member.ok("create", "session-streams", {"session_id": session_id})
    for _ in range(2):
        left = await member.ok("remove", "session-streams", session_id)
        assert left == {"session_id": session_id, "subscribed": False}
    task = await owner.prompt(session_id, "Go.")
    await member.ended(task["task_id"])
    assert streamed(member) == set()


async def test_every_stream_event_names_its_task_and_its_session(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    for prompt in ("Go. [tools:1]", "Fail. [fail]"):
        task = await watcher.prompt(session_id, prompt)
        await watcher.ended(task["task_id"])
    payloads = [payload for name, payload in watcher.received if name in STREAM_EVENTS]
    assert payloads
    assert all(payload["task_id"] and payload["session_id"] == session_id for payload in payloads)
    assert watcher.of("messages streaming:error")


async def test_a_posted_stream_event_reaches_its_session_only_and_one_without_a_session_services(
    daemon: EmbeddedDaemon, connect: Open, member: Watcher
) -> None:
    owner = await connect()
    service = await connect(login=False, headers=bearer(daemon.service_token))
    session_id = await owner.new_session(daemon)
    for data in ({"session_id": session_id, "chunk": "a"}, {"chunk": "b"}):
        await service.ok("create", "messages/streaming", {"event": "streaming:chunk", "data": data})
    await owner.ok("patch", "sessions", session_id, {"title": "last"})
    for watcher in (owner, service, member):
        await watcher.until(lambda watcher=watcher: watcher.of("sessions patched"))
    received = [[row["chunk"] for row in each.of("messages streaming:chunk")] for each in (service, owner, member)]
    assert received == [["a", "b"], ["a"], []]


async def test_joining_needs_a_session_and_a_socket(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    missing = await watcher.fault("create", "session-streams", {"session_id": "ffffffff"})
    assert missing["code"] == "NOT_FOUND"
    assert (await watcher.fault("create", "session-streams", {}))["code"] == 400
    async with httpx2.AsyncClient(base_url=daemon.url, headers={"X-API-Key": daemon.api_key or ""}) as http:
        assert (await http.post("/session-streams", json={"session_id": "x"})).status_code == 400


@pytest.mark.parametrize("version", ["worktrees", "branches"])
async def test_older_versions_know_no_rooms(start: Start, connect: Open, version: ApiVersionName) -> None:
    daemon = await start(api_version=version)
    watcher = await connect(daemon)
    fault = await watcher.fault("create", "session-streams", {"session_id": "x"})
    assert (fault["code"], fault["message"]) == (404, "Service 'session-streams' not found")

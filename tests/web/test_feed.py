"""One mirror and one encoded stream for all browsers of a session; a slow or hidden one gets one patch, no backlog."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agor_reactive.web import connection
from agor_reactive.web.feed import Feed, SessionFeed
from benchmarks.comms import Clock, Page
from tests.contract.waiting import eventually
from tests.core.build import SID, message_row, task_row
from tests.session.world import World
from tests.web.scene import next_message, scene


class Reader:
    """A browser that takes what is due when it is asked to."""

    def __init__(self, feed: SessionFeed, view: str) -> None:
        self.feed, self.view = feed, view
        self.seq: int | None = None
        self.document: Any = None
        self.page = Page()
        self.answers: list[Any] = []
        self.messages = 0
        self.dues = 0
        feed.join(self)

    def due(self) -> None:
        self.dues += 1

    def answer(self, message: bytes) -> None:
        self.answers.append(json.loads(message))

    def say(self, op: str, **more: Any) -> None:
        self.feed.receive({"op": op, "view": self.view, **more})

    def take(self) -> Page:
        while (text := self.feed.next_message(self)) is not None:
            self.messages += 1
            self.page.receive(json.loads(text))
        return self.page


class Stage:
    def __init__(self, world: World, feed: SessionFeed, clock: Clock, encoded: list[Any]) -> None:
        self.world, self.feed, self.clock, self.encoded = world, feed, clock, encoded

    def reader(self, view: str) -> Reader:
        found = Reader(self.feed, view)
        found.say("sync")
        return found

    async def chunks(self, first: int, last: int, *, look: list[Reader] = []) -> None:  # noqa: B006
        for number in range(first, last):
            self.world.chunk(f"{number} 𝄞 ", number)
            await self.world.settle(turns=2)
            self.clock.advance(0.1)
            for reader in look:
                reader.take()


@asynccontextmanager
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    world, clock, encoded = World(), Clock(), []
    real = Feed._encode

    def counted(self: Any, after: Any, changes: Any) -> bytes:
        encoded.append(after)
        return real(self, after, changes)

    monkeypatch.setattr(Feed, "_encode", counted)
    await world.link.open()
    handle = world.registry.retain(SID)
    await handle.ready()
    feed = SessionFeed(handle, changeable=True, timers=clock)
    yield Stage(world, feed, clock, encoded)
    feed.close()
    await world.settle()
    assert world.registry.sessions == ()
    await world.registry.close()


async def test_fifty_browsers_cost_as_many_encodings_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(monkeypatch) as s:
        readers = [s.reader(str(number)) for number in range(50)]
        for reader in readers:
            reader.take()
        assert s.encoded.count(None) == 1
        before = len(s.encoded)
        await s.chunks(0, 30, look=readers)
        assert len(s.encoded) - before <= 31
        assert s.feed._handle.entry.snapshots.subscription_count == 1
        pages = [reader.take() for reader in readers]
        assert pages[0].text().endswith("29 𝄞 ")
        assert {page.text() for page in pages} == {pages[0].text()}


async def test_a_slow_browser_gets_one_patch_to_the_newest_state(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(monkeypatch) as s:
        fast, slow = s.reader("fast"), s.reader("slow")
        fast.take()
        slow.take()
        await s.chunks(0, 40, look=[fast])
        s.world.emit("messages streaming:end", message_id="mx", sequence=40)
        s.world.link.emit("messages created", message_row("mx", "t1", 2, content="all of it"))
        s.world.link.emit("tasks patched", task_row("t1", "completed", second=1))
        await s.world.settle()
        s.clock.advance(1)
        assert slow.messages == 1
        assert slow.dues > 40
        for page in (fast.take(), slow.take()):
            assert page.text().endswith("all of it")
        assert slow.messages == 2
        assert fast.messages > 40
        assert (fast.page.tasks, fast.page.parts, fast.page.head) == (slow.page.tasks, slow.page.parts, slow.page.head)


async def test_a_hidden_browser_gets_nothing_and_without_one_in_sight_nothing_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stage(monkeypatch) as s:
        one, other = s.reader("one"), s.reader("other")
        one.take()
        other.take()
        other.say("rest")
        await s.chunks(0, 10, look=[one, other])
        assert other.messages == 1
        one.say("rest")
        latest = s.feed._handle.entry.snapshots
        assert latest.subscription_count == 0
        await s.chunks(10, 20, look=[one, other])
        one.say("wake")
        other.say("wake")
        assert one.take().text() == other.take().text()
        assert other.page.text().endswith("19 𝄞 ")
        assert other.messages == 2


async def test_what_one_person_opens_is_read_for_all_and_opened_for_that_one_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stage(monkeypatch) as s:
        one, other = s.reader("one"), s.reader("other")
        one.say("open", task="t0")
        await s.world.settle()
        s.clock.advance(1)
        for reader in (one, other):
            page = reader.take()
            assert page.parts["t0"]["m0/text"][1] == "content of m0"
            assert [row["shown"] for row in page.tasks.values()] == [False, True]


async def test_an_answer_goes_to_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(monkeypatch) as s:
        one, other = s.reader("one"), s.reader("other")
        one.say("tool", task="t1", tool="u1")
        one.say("stop", action="a")
        await s.world.settle()
        assert [answer["op"] for answer in one.answers] == ["tool", "done"]
        assert other.answers == []
        assert one.answers[1]["action"] == "a"


async def test_a_browser_that_begins_late_has_the_clock_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(monkeypatch) as s:
        s.feed._clock = lambda: 1.0
        first = json.loads(str(s.feed.next_message(s.reader("one"))))
        s.feed._clock = lambda: 60.0
        late = json.loads(str(s.feed.next_message(s.reader("other"))))
        assert (first["now"], late["now"]) == (1_000, 60_000)
        assert {**first, "now": 0} == {**late, "now": 0}


# ---- over sockets


async def test_browsers_share_a_mirror_that_ends_with_the_last() -> None:
    async with scene() as s:
        async with s.socket() as one, s.socket() as other:
            for socket in (one, other):
                await socket.send('{"op": "sync"}')
                assert (await next_message(socket))["op"] == "snapshot"
            assert s.app.viewers == {s.session_id: 2}
            assert len(s.client.registry.sessions) == 1
            await one.close()
            await eventually(lambda: s.app.viewers == {s.session_id: 1})
        await eventually(lambda: s.app.viewers == {})
        assert s.client.registry.sessions == ()
        async with s.socket() as again:
            await again.send('{"op": "sync"}')
            assert (await next_message(again))["op"] == "snapshot"


async def test_a_browser_that_confirms_nothing_is_sent_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_UNCONFIRMED", 3)
    async with scene(speed=20) as s, s.socket() as socket, s.socket() as other:
        for one in (socket, other):
            await one.send('{"op": "sync"}')
        await next_message(other)
        await s.client.sessions.prompt(s.session_id, "Tell me [say:" + "word " * 2_000 + "END]")
        last, text = 0, ""
        while not text.endswith("END"):
            message = await next_message(other, "patch")
            last = message["seq"]
            await other.send(json.dumps({"op": "seen", "seq": last}))
            for parts in message.get("parts", {}).values():
                text = [entry[4] for entry in parts["put"] if len(entry) > 4][-1] or text
        seqs = [(await next_message(socket))["seq"] for _ in range(3)]
        assert seqs[-1] < last
        await socket.send(json.dumps({"op": "seen", "seq": seqs[-1]}))
        message = await next_message(socket)
        assert (message["after"], message["seq"] >= last) == (seqs[-1], True)

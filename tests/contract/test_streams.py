"""Streams through the reactive session: text, thinking and tools as they are written, driven without an agent."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

import agor_reactive as agor
from tests.contract.daemons import Daemon, absent_since
from tests.contract.scene import Scene, message_row
from tests.contract.waiting import eventually

MANY = 3_000
MANY_OVER_REST = 1_000  # a service posts them: each is a request of its own


class Watched:
    """A session with a running task, watched by a handle; posts events for one message."""

    def __init__(self, scene: Scene, handle: Any, session: Any, task: Any) -> None:
        self.scene = scene
        self.handle = handle
        self.session_id = session.session_id
        self.task_id = task.task_id
        self.message_id = str(uuid.uuid4())

    @property
    def ids(self) -> dict[str, str]:
        return {"session_id": self.session_id, "message_id": self.message_id, "task_id": self.task_id}

    @property
    def stream(self) -> Any:
        return self.handle.state.get_streaming_message(self.message_id)

    async def say(self, event: str, **data: Any) -> None:
        await self.scene.say(event, **self.ids, **data)

    async def chunks(self, *numbered: tuple[int | None, str]) -> None:
        for sequence, chunk in numbered:
            number = {} if sequence is None else {"sequence": sequence}
            await self.say("streaming:chunk", chunk=chunk, **number)

    async def text_is(self, text: str) -> None:
        await eventually(lambda: self.stream is not None and self.stream.text == text, what=f"text is {text!r}")


@pytest.fixture
async def watched(client: Any, scene: Scene) -> AsyncIterator[Watched]:
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    async with agor.retain_reactive_session(client, session.session_id, task_hydration="lazy") as handle:
        await handle.ready()
        yield Watched(scene, handle, session, task)


async def test_a_reply_is_written_and_saved(watched: Watched) -> None:
    await watched.say("streaming:start", role="assistant", timestamp="2026-01-01T00:00:00.000Z")
    await eventually(lambda: watched.stream is not None and watched.stream.streaming)
    await watched.chunks((0, "Hel"), (1, "lo, "), (2, "world"))
    await watched.text_is("Hello, world")
    await watched.say("streaming:end", sequence=3)
    await eventually(lambda: watched.stream is not None and not watched.stream.streaming)
    assert watched.stream.complete
    assert watched.stream.task_id == watched.task_id
    saved = await watched.scene.save(
        watched.session_id,
        1_000,
        "Hello, world",
        message_id=watched.message_id,
        task_id=watched.task_id,
        role="assistant",
    )
    await eventually(lambda: watched.stream is None)
    messages = watched.handle.state.get_task_messages(watched.task_id)
    assert saved.message_id in {message.message_id for message in messages}


async def test_numbered_chunks_are_put_in_order_and_repeats_dropped(watched: Watched) -> None:
    await watched.say("streaming:start")
    await watched.chunks((0, "a"), (2, "c"), (1, "b"), (1, "b"), (2, "c"), (4, "e"), (3, "d"))
    await watched.text_is("abcde")
    await watched.say("streaming:end", sequence=5)
    await eventually(lambda: watched.stream is not None and watched.stream.complete and not watched.stream.streaming)


async def test_whatever_the_order_of_arrival_the_text_is_the_same(watched: Watched) -> None:
    for order in itertools.permutations(range(3)):
        watched.message_id = str(uuid.uuid4())
        await watched.chunks(*((number, "xyz"[number]) for number in order))
        await watched.text_is("xyz")
        assert watched.stream.complete


async def test_unnumbered_chunks_keep_the_order_of_arrival(watched: Watched) -> None:
    await watched.say("streaming:start")
    await watched.chunks((None, "a"), (None, "b"), (None, "b"))
    await watched.text_is("abb")


async def test_a_chunk_without_its_start_opens_the_stream_under_the_running_task(watched: Watched) -> None:
    await watched.scene.say(
        "streaming:chunk", session_id=watched.session_id, message_id=watched.message_id, chunk="a", sequence=0
    )
    await watched.text_is("a")
    assert watched.stream.task_id == watched.task_id
    assert watched.stream.complete


async def test_a_hole_and_a_missing_end_are_said(watched: Watched) -> None:
    await watched.say("streaming:start")
    await watched.chunks((1, "b"))
    await watched.text_is("b")
    assert not watched.stream.complete
    await watched.chunks((0, "a"))
    await watched.text_is("ab")
    assert watched.stream.complete
    await watched.say("streaming:end", sequence=3)
    await eventually(lambda: watched.stream is not None and not watched.stream.complete)


async def test_a_second_start_keeps_the_text(watched: Watched) -> None:
    await watched.say("streaming:start")
    await watched.chunks((0, "kept"))
    await watched.say("streaming:start")
    await watched.chunks((1, "!"))
    await watched.text_is("kept!")


async def test_thinking_and_text_of_one_message_end_apart(watched: Watched) -> None:
    await watched.say("thinking:start")
    await watched.say("thinking:chunk", chunk="hm")
    await watched.say("thinking:chunk", chunk="m")
    await eventually(lambda: watched.stream is not None and watched.stream.thinking == "hmm")
    assert watched.stream.is_thinking
    await watched.say("streaming:start")
    await watched.chunks((0, "Aha"))
    await watched.say("thinking:end")
    await eventually(lambda: watched.stream is not None and not watched.stream.is_thinking)
    await watched.text_is("Aha")
    assert watched.stream.streaming
    assert watched.stream.thinking == "hmm"
    await watched.say("streaming:end", sequence=1)
    await eventually(lambda: watched.stream is not None and not watched.stream.streaming)


async def test_an_error_of_the_stream_is_shown_and_its_text_kept(watched: Watched) -> None:
    await watched.say("streaming:start")
    await watched.chunks((0, "half a"))
    await watched.say("streaming:error", error="the model hung up")
    await eventually(lambda: watched.stream is not None and watched.stream.error == "the model hung up")
    assert (watched.stream.text, watched.stream.streaming) == ("half a", False)


async def test_when_the_task_ends_text_stays_marked_ended_and_empty_streams_go(watched: Watched) -> None:
    empty = str(uuid.uuid4())
    await watched.say("streaming:start")
    await watched.chunks((0, "partial"))
    await watched.scene.say("thinking:start", session_id=watched.session_id, task_id=watched.task_id, message_id=empty)
    await eventually(lambda: watched.handle.state.get_streaming_message(empty))
    await watched.scene.complete(watched.task_id)
    await eventually(lambda: watched.stream is not None and watched.stream.settled)
    assert (watched.stream.text, watched.stream.streaming) == ("partial", False)
    await eventually(lambda: watched.handle.state.get_streaming_message(empty) is None)


async def test_streams_of_another_session_are_not_ours(watched: Watched) -> None:
    other = await watched.scene.session()
    before = dict(watched.handle.state.streaming_messages)
    foreign = {"session_id": other.session_id, "message_id": watched.message_id}
    await watched.scene.say("streaming:chunk", **foreign, chunk="no", sequence=0)
    await watched.say("streaming:start")
    await watched.chunks((0, "ours"))
    await watched.text_is("ours")
    assert before == {}


async def test_a_tool_starts_once_and_is_complete_when_its_result_is_saved(watched: Watched, client: Any) -> None:
    """`tool:complete` says that the call has been written; the tool runs after that."""
    ids = {"session_id": watched.session_id, "task_id": watched.task_id, "tool_use_id": "toolu_1"}

    def tools() -> list[tuple[Any, ...]]:
        found = watched.handle.state.get_task_tools(watched.task_id)
        return [(tool.tool_use_id, tool.tool_name, tool.status) for tool in found]

    await watched.scene.tell("tool:start", **ids, tool_name="Bash")
    await watched.scene.tell("tool:start", **ids, tool_name="Bash")
    await eventually(lambda: tools() == [("toolu_1", "Bash", "executing")])
    topics: list[str] = []
    client.events.subscribe(lambda event: topics.append(event.topic))
    await watched.scene.tell("tool:complete", **ids)
    await eventually(lambda: "tasks tool:complete" in topics)
    assert tools() == [("toolu_1", "Bash", "executing")]
    for index, (role, block) in enumerate(tool_use_and_result("toolu_1"), start=1_000):
        fields = {"task_id": watched.task_id, "role": role, "content": [block]}
        await watched.scene.save(watched.session_id, index, "tool", **fields)
    await eventually(lambda: tools() == [("toolu_1", "Bash", "complete")])


async def test_no_tool_is_left_executing_when_its_task_has_ended(watched: Watched) -> None:
    ids = {"session_id": watched.session_id, "task_id": watched.task_id, "tool_use_id": "toolu_2"}
    await watched.scene.tell("tool:start", **ids, tool_name="Read")
    await eventually(lambda: watched.handle.state.get_task_tools(watched.task_id))
    await watched.scene.complete(watched.task_id)
    await eventually(lambda: [t.status for t in watched.handle.state.get_task_tools(watched.task_id)] == ["complete"])


async def test_one_who_comes_late_sees_the_same_tools_from_saved_messages(watched: Watched, daemon: Daemon) -> None:
    for index, (role, block) in enumerate(tool_use_and_result("toolu_3"), start=1_000):
        fields = {"task_id": watched.task_id, "role": role, "content": [block]}
        await watched.scene.save(watched.session_id, index, "tool", **fields)
    await eventually(lambda: [t.status for t in watched.handle.state.get_task_tools(watched.task_id)] == ["complete"])
    async with (
        agor.create_client(daemon.url, **daemon.credentials()) as other,
        agor.retain_reactive_session(other, watched.session_id, task_hydration="eager") as late,
    ):
        await late.ready()
        assert late.state.get_task_tools(watched.task_id) == watched.handle.state.get_task_tools(watched.task_id)


def tool_use_and_result(tool_use_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Role and content block of the two messages that a tool leaves."""
    use = {"type": "tool_use", "id": tool_use_id, "name": "Bash", "input": {"command": "ls"}}
    result = {"type": "tool_result", "tool_use_id": tool_use_id, "content": "a.txt"}
    return [("assistant", use), ("user", result)]


async def test_messages_made_in_bulk_are_seen(watched: Watched, daemon: Daemon) -> None:
    rows = [message_row(watched.session_id, 1_000 + index, f"{index}", task_id=watched.task_id) for index in (1, 2, 3)]
    with absent_since(daemon, "creating messages in bulk"):
        await watched.scene.service("messages/bulk").create(rows)
    wanted = {row["message_id"] for row in rows}
    await eventually(lambda: wanted <= {m.message_id for m in watched.handle.state.get_task_messages(watched.task_id)})


@pytest.mark.timeout(180, func_only=True)
async def test_thousands_of_numbered_chunks_arrive_whole_and_in_order(watched: Watched, daemon: Daemon) -> None:
    many = MANY_OVER_REST if daemon.access.service_token else MANY
    seen: list[int] = []
    stop = watched.handle.subscribe(lambda state: seen.append(state.revision))
    await watched.say("streaming:start")
    for first in range(0, many, 50):
        # Posted together, so they race: their numbers put them right.
        batch = range(first, first + 50)
        await asyncio.gather(*(watched.chunks((number, f"{number} ")) for number in batch))
    await watched.say("streaming:end", sequence=many)
    await eventually(lambda: watched.stream is not None and not watched.stream.streaming, 20)
    assert watched.stream.text == "".join(f"{number} " for number in range(many))
    assert watched.stream.complete
    assert seen == sorted(seen)
    stop()

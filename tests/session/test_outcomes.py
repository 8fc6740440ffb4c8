"""What came of a prompt, told by a mirror: text that was never saved, permissions that were denied, tasks that stop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agor_reactive.errors import Forbidden, UsageError
from agor_reactive.models.outcome import Done, Failed, Outcome, Stopped, TimedOut
from agor_reactive.session import prompt_and_wait
from agor_reactive.session.handles import SessionHandle
from tests.core.build import SID, message_row, stamp, task_row
from tests.session.world import World, ready


async def waiting(hydration: str = "lazy") -> tuple[World, SessionHandle, asyncio.Future[Outcome]]:
    world = World()
    world.messages = [message_row("u1", "t1", type="user", role="user", content="Count.")]
    await world.link.open()
    handle = world.registry.retain(SID, task_hydration=hydration)
    await handle.ready()
    return world, handle, asyncio.ensure_future(handle.wait("t1"))


def write(world: World, text: str, message_id: str = "mx", *, second: int | None = 50) -> None:
    ids = {"message_id": message_id, "task_id": "t1"}
    began = {} if second is None else {"timestamp": stamp(second)}
    world.emit("messages streaming:start", **ids, role="assistant", **began)
    for sequence, piece in enumerate(text.split("|")):
        world.emit("messages streaming:chunk", **ids, chunk=piece, sequence=sequence)


def save(world: World, row: dict[str, Any]) -> None:
    world.messages.append(row)
    world.link.emit("messages created", dict(row))


def end(world: World, status: str, **more: Any) -> None:
    world.tasks[-1] = task_row("t1", status, second=1, **more)
    world.link.emit("tasks patched", dict(world.tasks[-1]))


@pytest.mark.parametrize(("status", "kind"), [("stopped", Stopped), ("failed", Failed), ("timed_out", TimedOut)])
@pytest.mark.parametrize("hydration", ["none", "lazy", "eager", "preview"])
async def test_a_reply_that_was_never_saved_is_given_as_far_as_it_came(
    status: str, kind: type[Outcome], hydration: str
) -> None:
    world, handle, asked = await waiting(hydration)
    write(world, "One, |two")
    if status == "failed":
        world.emit("messages streaming:error", message_id="mx", task_id="t1", error="overloaded")
    end(world, status)
    outcome = await asked
    assert type(outcome) is kind
    assert outcome.text == outcome.partial == "One, two"
    assert [message.message_id for message in outcome.messages] == ["u1"]
    handle.release()


async def test_what_was_saved_of_a_stopped_reply_is_its_text() -> None:
    world, handle, asked = await waiting()
    write(world, "One, |two")
    save(world, message_row("mx", "t1", 1, content="One, two, thr"))
    end(world, "stopped")
    outcome = await asked
    assert (outcome.text, outcome.partial) == ("One, two, thr", "")
    handle.release()


@pytest.mark.parametrize(
    ("second", "text"),
    [(50, "Then this"), (2, "First that."), (None, "First that.")],
    ids=["later", "earlier", "unknown"],
)
async def test_the_last_reply_counts_be_it_saved_or_not(second: int | None, text: str) -> None:
    world, handle, asked = await waiting()
    save(world, message_row("m1", "t1", 10, content="First that."))
    write(world, "Then |this", "m2", second=second)
    end(world, "stopped")
    assert (await asked).text == text
    handle.release()


async def test_time_that_is_up_gives_what_there_is_so_far_and_a_done_task_what_is_saved() -> None:
    world, handle, asked = await waiting()
    write(world, "So |far")
    late = await handle.wait("t1", timeout=0.01)
    assert isinstance(late, TimedOut)
    assert late.text == "So far"
    save(world, message_row("mx", "t1", 1, content="So far, so good."))
    end(world, "completed")
    outcome = await asked
    assert isinstance(outcome, Done)
    assert outcome.text == "So far, so good."
    handle.release()


@pytest.mark.parametrize("timeout", [-1, True, "5", float("nan")])
async def test_a_time_limit_that_is_none_is_refused_before_anything_is_sent(timeout: Any) -> None:
    world, handle = await ready()
    before = len(world.link.calls)
    for use in (handle.ask, handle.wait):
        with pytest.raises(UsageError, match="timeout is a number of seconds"):
            await use("t1", timeout=timeout)
    assert len(world.link.calls) == before
    handle.release()


async def test_a_task_that_is_stopping_has_not_ended() -> None:
    world, handle, asked = await waiting()
    write(world, "One")
    end(world, "stopping")
    await world.settle()
    assert not asked.done()
    world.emit("messages streaming:chunk", message_id="mx", task_id="t1", chunk=", two", sequence=1)
    assert not handle.state.streaming_messages["mx"].settled
    end(world, "stopping")
    await world.settle()
    assert not asked.done()
    end(world, "stopped")
    assert (await asked).text == "One, two"
    handle.release()


@pytest.mark.parametrize("status", ["stopped", "failed", "timed_out"])
async def test_a_reply_whose_task_leaves_the_window_while_its_messages_are_read_is_given(status: str) -> None:
    world, handle, asked = await waiting("preview")
    write(world, "One, |two")
    await world.settle(lambda: handle.state.get_streaming_messages("t1"))
    world.link.hold("find", "messages")
    before = len(world.calls("messages"))
    end(world, status)
    await world.settle(lambda: len(world.calls("messages")) > before)
    world.tasks.append(task_row("t2", second=2))
    world.link.emit("tasks created", dict(world.tasks[-1]))
    await world.settle(lambda: handle.state.get_task("t1") is None)
    assert handle.state.get_task("t1") is None
    world.link.release("find", "messages")
    outcome = await asked
    assert outcome.text == outcome.partial == "One, two"
    handle.release()


def refuse_messages(world: World) -> None:
    def refuse(args: object) -> object:
        raise Forbidden("not your messages", code=403)

    world.link.on_call("find", "messages", refuse)


async def test_when_the_messages_of_an_ended_task_are_refused_those_of_the_mirror_are_given() -> None:
    world, handle, asked = await waiting("eager")
    save(world, message_row("m1", "t1", 1, content="All is well."))
    await world.settle(lambda: len(handle.state.get_task_messages("t1")) == 2)
    refuse_messages(world)
    end(world, "completed")
    outcome = await asked
    assert isinstance(outcome, Done)
    assert outcome.text == "All is well."
    assert [message.message_id for message in outcome.messages] == ["u1", "m1"]
    handle.release()


async def test_when_the_messages_of_an_ended_task_are_refused_and_none_are_here_the_refusal_is_raised() -> None:
    world, handle, asked = await waiting("none")
    refuse_messages(world)
    end(world, "completed")
    with pytest.raises(Forbidden, match="not your messages"):
        await asked
    handle.release()


async def test_a_task_that_the_mirror_does_not_hold_is_read_until_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prompt_and_wait, "LOOK", 0.001)
    world, handle, other = await waiting()
    other.cancel()
    statuses = iter(["running", "running", "completed"])
    world.link.on_call("get", "tasks", lambda args: task_row(args[0], next(statuses)))
    async with asyncio.timeout(5):
        assert isinstance(await handle.wait("t77"), Done)
    assert len(world.calls("tasks", "get")) == 3
    handle.release()

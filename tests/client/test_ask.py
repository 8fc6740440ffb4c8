"""To prompt and to wait: each end its own outcome, told by the mirror or found by looking."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.calls.drivers import AsyncDriver
from agor_reactive.calls.effects import Call
from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon
from agor_reactive.errors import (
    CallTimeout,
    CannotConnect,
    ConnectionLost,
    Forbidden,
    HandleDisposed,
    NotFound,
    Unavailable,
)
from agor_reactive.models import Message, Task, freeze
from agor_reactive.models.outcome import (
    Done,
    Failed,
    InputNeeded,
    Outcome,
    PermissionNeeded,
    Stopped,
    TimedOut,
    outcome_of,
)
from agor_reactive.services import SessionService, TaskService
from agor_reactive.session.permissions import PendingPermission

SOON = 20.0

# prompt, what comes of it
ENDS: list[tuple[str, type[Outcome]]] = [
    ("[say:All is well.]", Done),
    ("[fail]", Failed),
    ("[crash]", Failed),
    ("[tools:2] Look around.", Done),
]


@pytest.mark.parametrize(("prompt", "end"), ENDS, ids=["done", "failed", "crashed", "tools"])
@pytest.mark.parametrize("hydration", ["none", "lazy", "preview"])
async def test_a_handle_answers_with_what_came_of_a_prompt(
    client: agor.Client, session_id: str, prompt: str, end: type[Outcome], hydration: Any
) -> None:
    async with agor.retain_reactive_session(client, session_id, task_hydration=hydration) as handle:
        outcome = await handle.ask(prompt, timeout=SOON)
    assert type(outcome) is end
    assert outcome.task.ended
    assert [message.index for message in outcome.messages] == sorted(message.index for message in outcome.messages)
    if prompt.startswith("[say"):
        assert outcome.text == "All is well."
        assert outcome.messages[0].role == "user"
    if isinstance(outcome, Failed):
        assert outcome.reason


@pytest.mark.parametrize(("prompt", "end"), ENDS[:2], ids=["done", "failed"])
async def test_rest_finds_out_by_looking(
    rest: agor.AsyncRestClient, session_id: str, prompt: str, end: type[Outcome]
) -> None:
    outcome = await rest.sessions.ask(session_id, prompt, timeout=SOON)
    assert type(outcome) is end
    assert outcome.task.ended
    assert outcome.messages


async def test_a_plain_script_asks_too(daemon: EmbeddedDaemon, session_id: str) -> None:
    def script() -> Outcome:
        with agor.create_rest_client(daemon.url, api_key=daemon.api_key) as client:
            return client.sessions.ask(session_id, "[say:Yes.]", timeout=SOON)

    outcome = await asyncio.to_thread(script)
    assert isinstance(outcome, Done)
    assert outcome.text == "Yes."


async def test_a_queued_prompt_waits_for_its_turn(client: agor.Client, session_id: str) -> None:
    async with agor.retain_reactive_session(client, session_id) as handle:
        first, second = await asyncio.gather(
            handle.ask("[say:One.]", timeout=SOON), handle.ask("[say:Two.]", timeout=SOON)
        )
    assert sorted([first.was_queued, second.was_queued]) == [False, True]
    assert {first.text, second.text} == {"One.", "Two."}


async def test_a_stopped_task_is_stopped(client: agor.Client, rest: agor.AsyncRestClient, session_id: str) -> None:
    async with agor.retain_reactive_session(client, session_id) as handle:
        asking = asyncio.ensure_future(handle.ask("[slow]", timeout=SOON))
        looking = asyncio.ensure_future(rest.tasks.wait((await running(client, session_id)).task_id, timeout=SOON))
        await client.sessions.stop(session_id)
        outcomes = await asyncio.gather(asking, looking)
    assert [type(outcome) for outcome in outcomes] == [Stopped, Stopped]


async def running(client: agor.Client, session_id: str) -> Task:
    async with asyncio.timeout(SOON):
        while True:
            for task in await client.service("tasks").find({"session_id": session_id}):
                if task.status == "running":
                    return task
            await asyncio.sleep(0)


async def test_time_is_up_and_the_task_goes_on(
    client: agor.Client, rest: agor.AsyncRestClient, session_id: str
) -> None:
    async with agor.retain_reactive_session(client, session_id) as handle:
        outcome = await handle.ask("[slow]", timeout=0.3)
        assert isinstance(outcome, TimedOut)
        assert not outcome.task.ended
        assert isinstance(await rest.tasks.wait(outcome.task.task_id, timeout=0.0), TimedOut)
        assert not (await client.service("tasks").get(outcome.task.task_id)).ended
        await client.sessions.stop(session_id)
        assert isinstance(await handle.wait(outcome.task.task_id, timeout=SOON), Stopped)


async def test_a_task_that_waits_for_permission_is_taken_up_again_once_it_has_it(
    client: agor.Client, rest: agor.AsyncRestClient, session_id: str
) -> None:
    async with agor.retain_reactive_session(client, session_id) as handle:
        notified: list[PendingPermission] = []
        handle.permissions.subscribe(notified.append)
        outcome = await handle.ask("[permission]", timeout=SOON)
        assert isinstance(outcome, PermissionNeeded)
        (request,) = outcome.requests
        assert [pending.request_id for pending in notified] == [request.request_id]
        assert isinstance(await rest.tasks.wait(outcome.task.task_id, timeout=SOON), PermissionNeeded)
        polled = await rest.tasks.wait(outcome.task.task_id, timeout=SOON)
        assert isinstance(polled, PermissionNeeded)
        assert (await request.approve())["success"] is True
        assert (await polled.requests[0].deny("too late")).already_resolved is True
        assert (await notified[0].deny()).already_resolved is True
        assert isinstance(await handle.wait(outcome.task.task_id, timeout=SOON), Done)
        late: list[PendingPermission] = []
        handle.permissions.subscribe(late.append)
        await handle.resync()
        assert late == []


async def test_who_subscribes_late_is_told_what_waits(client: agor.Client, session_id: str) -> None:
    async with agor.retain_reactive_session(client, session_id) as handle:
        outcome = await handle.ask("[permission]", timeout=SOON)
        notified: list[PendingPermission] = []
        await handle.resync()
        handle.permissions.subscribe(notified.append)
        assert [pending.task_id for pending in notified] == [outcome.task.task_id]
        assert notified[0].tool_name
        assert (await notified[0].deny(reason="not now"))["success"] is True
        ended = await handle.wait(outcome.task.task_id, timeout=SOON)
        assert ended.task.ended


async def test_waiting_outlasts_a_drop_of_the_link(
    client: agor.Client, daemon: EmbeddedDaemon, session_id: str
) -> None:
    async with agor.retain_reactive_session(client, session_id) as handle:
        asking = asyncio.ensure_future(handle.ask("[slow]", timeout=SOON))
        await running(client, session_id)
        await daemon.cut_all()
        async with agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as rest:
            await rest.sessions.stop(session_id)
        assert isinstance(await asking, Stopped)


async def test_a_session_that_goes_away_ends_the_wait(client: agor.Client, session_id: str) -> None:
    async with agor.retain_reactive_session(client, session_id) as handle:
        asking = asyncio.ensure_future(handle.ask("[slow]", timeout=SOON))
        await running(client, session_id)
        await client.service("sessions").remove(session_id)
        with pytest.raises(NotFound):
            await asking


async def test_letting_go_of_the_handle_ends_the_wait(client: agor.Client, session_id: str) -> None:
    handle = agor.retain_reactive_session(client, session_id)
    asking = asyncio.ensure_future(handle.ask("[slow]", timeout=SOON))
    await running(client, session_id)
    handle.release()
    with pytest.raises(HandleDisposed):
        await asking
    await client.sessions.stop(session_id)


async def test_cancelling_leaves_nothing_behind(client: agor.Client, session_id: str) -> None:
    async with agor.retain_reactive_session(client, session_id) as handle:
        await handle.ready()
        before = (handle.entry.snapshots.subscription_count, handle.entry.events.subscription_count)
        asking = asyncio.ensure_future(handle.ask("[slow]"))
        await running(client, session_id)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await client.sessions.stop(session_id)
        assert (handle.entry.snapshots.subscription_count, handle.entry.events.subscription_count) == before


async def test_looking_gets_more_seldom_and_knows_the_time(api_version: ApiVersionName) -> None:
    """By an injected clock: no daemon, no waiting."""
    now, pauses, looks = [0.0], [], 0

    async def call(wanted: Call, timeout: float | None) -> Any:
        nonlocal looks
        looks += 1
        return {"total": 0, "data": []} if wanted.method == "find" else {"task_id": "t", "status": "running"}

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    tasks: Any = TaskService("tasks", AsyncDriver(call, sleep=sleep, clock=lambda: now[0]))
    assert isinstance(await tasks.wait("t", timeout=3600), TimedOut)
    assert pauses[:3] == pytest.approx([0.1, 0.15, 0.225])
    assert max(pauses) == 5.0
    assert sum(pauses) == pytest.approx(3600)
    assert looks < 750


def test_a_request_that_the_tasks_row_holds_is_among_those_to_answer() -> None:
    held = {"request_id": "r", "tool_name": "Bash", "tool_input": {"command": "ls"}}
    task = Task.model_validate({"task_id": "t", "status": "awaiting_permission", "permission_request": held})
    outcome = outcome_of(task, (), was_queued=False)
    assert isinstance(outcome, PermissionNeeded)
    assert [(request.request_id, request.tool_name) for request in outcome.requests] == [("r", "Bash")]
    answered = Message(
        message_id="m", type="permission_request", content=freeze({"request_id": "r", "status": "approved"})
    )
    assert not outcome_of(task, (answered,), was_queued=False).requests  # type: ignore[attr-defined]


class Flaky:
    """A daemon on a clock of its own: the task is seen as `answers` say, an error is raised, the last one repeats."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.now = 0.0

    async def call(self, wanted: Call, timeout: float | None) -> Any:
        if wanted.method == "create":
            return {"task_id": "t", "status": "running"}
        if wanted.method == "find":
            return {"total": 0, "data": []}
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"task_id": "t", "status": answer}

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def service(self, kind: Any, path: str) -> Any:
        return kind(path, AsyncDriver(self.call, sleep=self.sleep, clock=lambda: self.now))


AWAY = [CannotConnect("refused"), ConnectionLost("cut"), Unavailable("restarting", code=503), CallTimeout("slow")]


async def test_looking_outlasts_a_daemon_that_is_away_for_a_while() -> None:
    daemon = Flaky("running", *AWAY, "running", "completed")
    assert isinstance(await daemon.service(TaskService, "tasks").wait("t"), Done)


async def test_a_daemon_that_stays_away_is_told_after_a_while() -> None:
    daemon = Flaky("running", CannotConnect("refused"))
    with pytest.raises(CannotConnect):
        await daemon.service(TaskService, "tasks").wait("t")
    assert 30 < daemon.now < 120


async def test_time_that_is_up_while_the_daemon_is_away_is_no_error_for_who_knows_the_task() -> None:
    daemon = Flaky(CannotConnect("refused"))
    asked = daemon.service(SessionService, "sessions").ask("01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d", "hi", timeout=3.0)
    outcome = await asked
    assert isinstance(outcome, TimedOut)
    assert outcome.task.task_id == "t"
    with pytest.raises(CannotConnect):
        await daemon.service(TaskService, "tasks").wait("t", timeout=3.0)


async def test_a_refusal_while_looking_is_told_at_once() -> None:
    daemon = Flaky("running", Forbidden("no", code=403))
    with pytest.raises(Forbidden):
        await daemon.service(TaskService, "tasks").wait("t")
    assert daemon.now < 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("completed", Done),
        ("failed", Failed),
        ("stopped", Stopped),
        ("timed_out", TimedOut),
        ("awaiting_permission", PermissionNeeded),
        ("awaiting_input", InputNeeded),
        ("running", TimedOut),
        ("of tomorrow", TimedOut),
    ],
)
def test_every_status_has_its_own_kind_of_end(status: str, kind: type[Outcome]) -> None:
    asked = Message(message_id="m", type="input_request", content={"request_id": "r", "status": "pending"})
    outcome = outcome_of(Task(task_id="t", status=status), (asked,), was_queued=False)
    assert type(outcome) is kind
    assert outcome.text == ""
    if isinstance(outcome, InputNeeded):
        assert [request.request_id for request in outcome.requests] == ["r"]

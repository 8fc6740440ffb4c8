"""Requests for permission on a page: shown as what they are, answered while they wait, then said how."""

from __future__ import annotations

from typing import Any

from agor_reactive.errors import ServerError
from benchmarks.comms import Clock, Comms
from tests.adapters.ipywidgets.scene import shown
from tests.core.build import message_row, stamp, task_row
from tests.session.world import World

ASKED = {
    "request_id": "r1",
    "status": "pending",
    "tool_name": "Bash",
    "tool_input": {"command": "ls\n-l", "timeout": 5},
}


def asking(**content: Any) -> dict[str, Any]:
    return message_row("m9", "t1", 9, type="permission_request", role="system", content={**ASKED, **content})


def world_that_asks(answer: Any = None) -> tuple[World, list[Any]]:
    world, answers = World(), []
    world.tasks[-1] = task_row("t1", "awaiting_permission", second=1)
    world.messages.append(asking())

    def decided(args: tuple[Any, ...]) -> Any:
        answers.append(args[0])
        if answer is not None:
            return answer(args)
        status = "approved" if args[0]["allow"] else "denied"
        world.messages[-1] = asking(status=status)
        return {"success": True}

    world.link.on_call("create", "sessions/:id/permission-decision", decided)
    return world, answers


async def test_a_request_says_who_asks_to_use_what_on_which_input(comms: Comms, clock: Clock) -> None:
    world, _ = world_that_asks()
    async with shown(comms, clock, world) as scene:
        fields, text = scene.page.parts["t1"]["request/r1"]
        assert fields == {
            "kind": "request",
            "request": "r1",
            "who": "codex asks to use",
            "name": "Bash",
            "state": "pending",
            "outcome": "",
            "when": None,
        }
        assert text == "command:\nls\n-l\n\ntimeout: 5"


async def test_approve_and_deny_reach_the_daemon_and_what_became_of_it_is_shown(comms: Comms, clock: Clock) -> None:
    for op, status, words in (("approve", "approved", "Approved by 01234567, this once"), ("deny", "denied", "Denied")):
        world, answers = world_that_asks()
        async with shown(comms, clock, world) as scene:
            scene.say(op, request="r1", action="a")
            await world.settle()
            assert next(message for message in scene.new() if message["op"] == "done")["error"] is None
            assert [(answer["requestId"], answer["allow"]) for answer in answers] == [("r1", op == "approve")]
            by = {"approved_by": "01234567-aaaa", "approved_at": stamp(70)} if op == "approve" else {}
            world.link.emit("messages patched", asking(status=status, scope="once", **by))
            page = await scene.look()
            fields, text = page.parts["t1"]["request/r1"]
            assert (fields["state"], fields["outcome"]) == (status, words)
            assert text.startswith("command:")
            scene.say(op, request="r1", action="b")
            await world.settle()
            assert scene.new() == [{"op": "done", "action": "b", "error": "This request was already answered."}]


async def test_an_answer_that_the_daemon_refuses_is_told_in_words(comms: Comms, clock: Clock) -> None:
    def broken(args: Any) -> Any:
        raise ServerError("Permission request r1 not found")

    late = {"success": False, "alreadyResolved": True, "message": "Permission request was already denied"}
    for answer, words in ((broken, "not found"), (lambda args: late, "was already denied")):
        world, _ = world_that_asks(answer)
        async with shown(comms, clock, world) as scene:
            scene.say("approve", request="r1", action="a")
            await world.settle()
            assert words in scene.new()[-1]["error"]
            assert (await scene.look()).parts["t1"]["request/r1"][0]["state"] == "pending"


async def test_a_request_whose_task_is_over_can_not_be_answered(comms: Comms, clock: Clock) -> None:
    world, answers = world_that_asks()
    async with shown(comms, clock, world) as scene:
        world.link.emit("tasks patched", task_row("t1", "stopped", second=1))
        fields, _ = (await scene.look()).parts["t1"]["request/r1"]
        assert (fields["state"], fields["outcome"]) == ("unanswered", "Not answered: the task is stopped")
        scene.say("approve", request="r1", action="a")
        await world.settle()
        assert answers == []


async def test_a_request_with_prompts_behind_it_is_read_when_the_view_opens(comms: Comms, clock: Clock) -> None:
    world, _ = world_that_asks()
    world.tasks.append(task_row("t2", "queued", second=2, queue_position=1))
    async with shown(comms, clock, world, task_hydration="none") as scene:
        assert (await scene.look()).parts["t1"]["request/r1"][0]["state"] == "pending"


async def test_the_request_of_an_older_daemon_is_in_the_row_of_its_task(comms: Comms, clock: Clock) -> None:
    world, answers = world_that_asks()
    world.messages.pop()
    row = {**ASKED, "requested_at": stamp(3)}
    world.tasks[-1] = task_row("t1", "awaiting_permission", second=1, permission_request=row)
    async with shown(comms, clock, world) as scene:
        assert scene.page.parts["t1"]["request/r1"][0]["name"] == "Bash"
        scene.say("deny", request="r1", action="a")
        await world.settle()
        assert [answer["allow"] for answer in answers] == [False]


async def test_a_saved_notebook_says_what_was_asked(comms: Comms, clock: Clock) -> None:
    world, _ = world_that_asks()
    async with shown(comms, clock, world) as scene:
        await scene.look()
        assert "? permission to use Bash: pending" in scene.view.text


async def test_questions_of_an_agent_are_shown_with_their_options_and_answers(comms: Comms, clock: Clock) -> None:
    world = World()
    question = {"question": "Which shelf?", "options": [{"label": "Top"}, {"label": "<b>Bottom</b>"}]}
    content = {"request_id": "q1", "status": "answered", "questions": [question], "answers": {"Which shelf?": "Top"}}
    world.messages.append(message_row("m9", "t1", 9, type="input_request", role="system", content=content))
    async with shown(comms, clock, world) as scene:
        fields, text = scene.page.parts["t1"]["m9/note"]
        assert fields["kind"] == "note"
        assert text == "Question (answered):\nWhich shelf?\n  · Top\n  · <b>Bottom</b>\n  Answer: Top"

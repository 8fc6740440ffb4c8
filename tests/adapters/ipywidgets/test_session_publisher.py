"""What a page is told: a snapshot at first, numbered patches of what changed after; and what it asks for is done."""

from __future__ import annotations

from typing import Any

from agor_reactive.adapters.page.patch import EMPTY, patch
from agor_reactive.errors import BadRequest
from benchmarks.comms import Clock, Comms, Page
from tests.adapters.ipywidgets.scene import Shown, shown
from tests.core.build import SID, message_row, task_row
from tests.session.world import World


def fresh(scene: Shown) -> Page:
    """A page that begins now, from a snapshot."""
    scene.new()
    scene.say("sync", "another")
    page = Page()
    for message in scene.new():
        if message["op"] == "snapshot":
            page.receive(message)
    scene.say("bye", "another")
    return page


async def test_a_page_begins_with_all_of_it_and_the_newest_task_open(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        page = scene.page
        assert list(page.tasks) == ["t0", "t1"]
        assert [row["shown"] for row in page.tasks.values()] == [False, True]
        assert list(page.parts) == ["t1"]
        assert page.text() == "content of m1"
        assert page.head["link"] == "live"


async def test_text_travels_once_and_the_page_is_what_a_late_page_gets(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        world, said = scene.world, ""
        for number in range(60):
            piece = f"piece {number} 𝄞 "
            said += piece
            world.chunk(piece, number)
            if number % 7 == 0:
                await scene.look(0.05)
        world.emit("messages streaming:end", message_id="mx", sequence=60)
        page = await scene.look()
        assert page.text() == "content of m1" + said
        late = fresh(scene)
        assert (late.tasks, late.parts, late.head, late.queue) == (page.tasks, page.parts, page.head, page.queue)


async def test_a_saved_message_takes_the_place_of_its_stream_without_being_sent_again(
    comms: Comms, clock: Clock
) -> None:
    async with shown(comms, clock) as scene:
        scene.world.chunk("all of it", 0)
        await scene.look()
        scene.world.emit("messages streaming:end", message_id="mx", sequence=1)
        scene.world.link.emit("messages created", message_row("mx", "t1", 2, content="all of it"))
        await scene.world.settle()
        clock.advance(1)
        patches = scene.new()
        assert "all of it" not in str(patches)
        for message in patches:
            scene.page.receive(message)
        assert scene.page.parts["t1"]["mx/text"] == ({"kind": "text", "live": False}, "all of it")


async def test_text_that_changes_in_the_middle_is_cut_and_continued(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.world.chunk("𝄞 Work\r", 0)
        assert (await scene.look()).text().endswith("𝄞 Work")
        scene.world.chunk("Done", 1)
        assert (await scene.look()).text() == "content of m1" + "Done"


async def test_b29_a_hundred_chunks_to_one_of_five_messages_send_only_that_message(comms: Comms, clock: Clock) -> None:
    world = World()
    world.messages += [message_row(f"m{number}", "t1", number) for number in range(2, 7)]
    async with shown(comms, clock, world) as scene:
        for number in range(100):
            world.chunk(f"{number} ", number)
            await world.settle(turns=2)
            clock.advance(0.05)
        sent = scene.new()
        assert len(sent) > 10
        assert {key for message in sent for key, *_ in message["parts"]["t1"]["put"]} == {"mx/text"}
        assert {key for message in sent for key in message} == {"op", "seq", "now", "parts"}


async def test_an_old_task_is_read_when_it_is_opened_and_not_before(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        assert not scene.handle.state.is_task_loaded("t0")
        scene.say("open", task="t0")
        page = await scene.look()
        assert page.parts["t0"]["m0/text"][1] == "content of m0"
        assert page.tasks["t0"]["loaded"]


async def test_a_task_that_cannot_be_read_says_so_and_can_be_asked_for_again(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        undo = scene.world.link.on_call("find", "messages", refuse)
        scene.say("open", task="t0")
        page = await scene.look()
        assert "could not be loaded: not now" in page.tasks["t0"]["fault"]
        undo()
        scene.say("open", task="t0")
        page = await scene.look()
        assert page.tasks["t0"]["fault"] is None
        assert page.parts["t0"]["m0/text"][1] == "content of m0"


def refuse(args: Any) -> Any:
    raise BadRequest("not now")


async def test_input_and_result_of_a_tool_come_on_demand(comms: Comms, clock: Clock) -> None:
    world = World()
    use = {"type": "tool_use", "id": "u1", "name": "Bash", "input": {"command": "ls\n-l", "timeout": 5}}
    result = {"type": "tool_result", "tool_use_id": "u1", "content": [{"type": "text", "text": "\x1b[1ma.txt"}]}
    world.messages += [message_row("m2", "t1", 2, content=[use]), message_row("m3", "t1", 3, content=[result])]
    async with shown(comms, clock, world) as scene:
        fields, _ = scene.page.parts["t1"]["tool/u1"]
        assert fields == {
            "kind": "tool",
            "tool": "u1",
            "name": "Bash",
            "state": "complete",
            "brief": "ls␊-l",
            "why": "",
            "took": "1.0 s",
            "began": None,
            "run": None,
        }
        assert "a.txt" not in str(scene.page.parts)
        scene.say("tool", task="t1", tool="u1")
        answer = scene.new()[-1]
        assert answer["input"] == "command:\nls\n-l\n\ntimeout: 5"
        assert answer["result"] == "a.txt"
        assert answer["diff"] == ""


async def test_an_edit_comes_with_its_diff(comms: Comms, clock: Clock) -> None:
    world = World()
    given = {"file_path": "a.py", "old_string": "x\ny", "new_string": "x\nz"}
    use = {"type": "tool_use", "id": "u1", "name": "Edit", "input": given}
    world.messages.append(message_row("m2", "t1", 2, content=[use]))
    async with shown(comms, clock, world) as scene:
        scene.say("tool", task="t1", tool="u1")
        assert scene.new()[-1]["diff"] == "  x\n- y\n+ z"


async def test_prompt_stop_and_cancel_reach_the_daemon_and_are_answered(comms: Comms, clock: Clock) -> None:
    world = World()
    world.tasks.append(task_row("t2", "queued", second=2, full_prompt="later", queue_position=1))
    asked: list[Any] = []
    world.link.on_call("create", "sessions/:id/stop", lambda args: asked.append(args) or {"success": True})
    world.link.on_call("remove", "tasks", lambda args: asked.append(args) or {})
    world.registry.prompt = prompted(asked)
    async with shown(comms, clock, world) as scene:
        assert scene.page.queue == (("t2", "later"),)
        assert scene.page.head["busy"]
        scene.say("prompt", text="and this", action="a")
        scene.say("stop", action="b")
        scene.say("cancel", task="t2", action="c")
        await world.settle()
        assert sorted(message["action"] for message in scene.new() if message["op"] == "done") == ["a", "b", "c"]
        assert asked == [(SID, "and this"), ({},), ("t2",)]


def prompted(asked: list[Any]) -> Any:
    async def prompt(session_id: str, text: str) -> Any:
        asked.append((session_id, text))

    return prompt


async def test_an_action_that_fails_is_answered_with_its_error(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.world.link.on_call("create", "sessions/:id/stop", refuse)
        scene.say("stop", action="a")
        await scene.world.settle()
        assert scene.new() == [{"op": "done", "action": "a", "error": "not now"}]


async def test_what_is_missing_and_that_the_link_is_down_are_said_plainly(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.world.chunk("middle", 5)
        page = await scene.look()
        assert "beginning of this reply is missing" in page.parts["t1"]["mx/missing"][1]
        scene.world.link.drop()
        page = await scene.look()
        assert page.head["link"] == "reconnecting"
        assert "Reconnecting" in page.head["notes"][0][1]
        scene.world.link.restore()
        page = await scene.look()
        assert page.head["link"] == "live"
        assert page.head["notes"] == []


async def test_why_a_task_failed_is_said_once(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.world.chunk("so far", 0)
        scene.world.emit("messages streaming:error", message_id="mx", error="overloaded")
        scene.world.link.emit("tasks patched", task_row("t1", "failed", second=1, error_message="overloaded"))
        page = await scene.look()
        assert [text for _, text in page.parts["t1"].values()].count("overloaded") == 1
        scene.world.link.emit("tasks patched", task_row("t1", "failed", second=1, error_message="out of credit"))
        page = await scene.look()
        assert page.parts["t1"]["error"][1] == "out of credit"


async def test_what_happened_out_of_sight_is_kept_once_a_page_looks_again(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.say("bye")
        scene.world.link.emit("messages created", message_row("m2", "t1", 2, content="the last word"))
        scene.world.link.emit("tasks patched", task_row("t1", "completed", second=1))
        await scene.look()
        assert "the last word" not in scene.view.text
        scene.say("sync", "later")
        assert "the last word" in scene.view.text


async def test_a_released_handle_leaves_what_was_seen_and_says_so(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.handle.release()
        page = await scene.look()
        assert page.text() == "content of m1"
        assert "released" in page.head["notes"][0][1]
        assert "content of m1" in scene.view.text
        scene.say("sync", "late")
        assert scene.new()[-1]["op"] == "snapshot"


async def test_a_handle_released_while_another_holds_the_session_is_not_live(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        assert (scene.page.head["link"], scene.page.head["open"]) == ("live", True)
        async with scene.world.registry.retain(SID):
            scene.handle.release()
            scene.say("prompt", text="more", action="a")
            await scene.world.settle()
            done = next(message for message in scene.new() if message["op"] == "done")
            assert done["error"] == "The handle was released. Retain the session again."
            assert "passing" not in done
            head = fresh(scene).head
            assert (head["link"], head["open"]) == ("released", False)
            assert "released" in head["notes"][0][1]


async def test_a_removed_session_is_unavailable_and_takes_no_prompt(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.world.emit("sessions removed")
        head = (await scene.look()).head
        assert (head["link"], head["linkTone"], head["open"]) == ("unavailable", "bad", False)


async def test_an_error_of_the_link_is_in_user_words_and_passes(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.world.link.drop()
        scene.say("stop", action="a")
        await scene.world.settle()
        done = next(message for message in scene.new() if message["op"] == "done")
        assert done["passing"] is True
        assert done["error"].startswith("Not connected to the daemon.")


async def test_messages_that_could_not_be_loaded_are_loaded_after_a_reconnect(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        undo = scene.world.link.on_call("find", "messages", refuse)
        scene.say("open", task="t0")
        assert (await scene.look()).tasks["t0"]["fault"]
        undo()
        scene.world.link.drop()
        await scene.look()
        scene.world.link.restore()
        page = await scene.look()
        assert page.tasks["t0"]["fault"] is None
        assert page.parts["t0"]["m0/text"][1] == "content of m0"


async def test_unknown_and_malformed_words_of_a_page_change_nothing(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        for words in ({}, [], None, "sync", {"op": 5}, {"op": "nonsense"}, {"op": "open"}, {"op": "prompt", "text": 5}):
            scene.view.receive(words)
        scene.say("tool", task="nowhere", tool=7)
        await scene.world.settle()
        assert [message["op"] for message in scene.new()] == ["tool"]


def test_a_patch_of_nothing_is_nothing() -> None:
    assert patch(EMPTY, EMPTY) == {"queue": ()}

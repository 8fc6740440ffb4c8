"""In what order a task's parts stand, and how its prompt is read."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.comms import Clock, Comms, Page
from tests.adapters.ipywidgets.scene import Shown, shown
from tests.adapters.ipywidgets.test_requests import ASKED
from tests.core.build import message_row, stamp, task_row
from tests.session.world import World

WRITTEN, REQUEST = "mx/text", "request/r1"


def requested(second: int, status: str = "pending") -> dict[str, Any]:
    content = {**ASKED, "status": status}
    return message_row(
        "m9", "t1", 9, type="permission_request", role="system", content=content, timestamp=stamp(second)
    )


def order(page: Page) -> list[str]:
    return [key for key in page.parts["t1"] if key in (WRITTEN, REQUEST)]


def begins(scene: Shown, when: str | None) -> None:
    """Text begins to be written, at a time that is told or not."""
    scene.world.emit("messages streaming:start", message_id="mx", task_id="t1", timestamp=when)
    scene.world.chunk("Before I do, ", 0)


@pytest.mark.parametrize("notified", [True, False])
async def test_text_being_written_stands_above_a_request_that_came_later(
    comms: Comms, clock: Clock, notified: bool
) -> None:
    async with shown(comms, clock) as scene:
        begins(scene, stamp(20) if notified else None)
        await scene.look()
        scene.world.link.emit("messages created", requested(30))
        scene.world.chunk("a word.", 1)
        assert order(await scene.look()) == [WRITTEN, REQUEST]
        # Answered, it stays where it is; text that begins now comes after it.
        scene.world.link.emit("messages patched", requested(30, "approved"))
        assert order(await scene.look()) == [WRITTEN, REQUEST]
        scene.world.emit("messages streaming:start", message_id="my", task_id="t1", timestamp=stamp(40))
        scene.world.chunk("Done.", 0, "my")
        page = await scene.look()
        assert list(page.parts["t1"])[-3:] == [WRITTEN, REQUEST, "my/text"]


async def test_text_that_begins_after_a_request_stands_below_it(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.world.link.emit("messages created", requested(30))
        begins(scene, stamp(40))
        assert order(await scene.look()) == [REQUEST, WRITTEN]


async def test_text_being_written_stands_above_the_request_in_the_row_of_its_task(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        begins(scene, stamp(20))
        row = task_row("t1", "awaiting_permission", second=1, permission_request={**ASKED, "requested_at": stamp(30)})
        scene.world.link.emit("tasks patched", row)
        assert order(await scene.look()) == [WRITTEN, REQUEST]


LINES = "Fix the report:\n\n  1. dates\n  2. sums <b>now</b>\r\n\x1b[31mand\x1b[0m say so"


def prompted(prompt: str, **fields: Any) -> World:
    world = World()
    world.tasks[-1] = task_row("t1", "completed", second=1, full_prompt=prompt)
    world.messages[-1] = message_row("m1", "t1", role="user", type="user", content=prompt, **fields)
    return world


async def test_a_prompt_of_several_lines_is_read_whole_inside_its_task(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock, prompted(LINES)) as scene:
        row = scene.page.tasks["t1"]
        assert "\n" not in row["prompt"]
        assert row["whole"] is False
        parts = scene.page.parts["t1"]
        assert parts == {
            "prompt": ({"kind": "whole"}, "Fix the report:\n\n  1. dates\n  2. sums <b>now</b>\nand say so")
        }


@pytest.mark.parametrize("prompt", ["word " * 400, "x" * 5_000])
async def test_a_long_prompt_is_read_whole_inside_its_task_though_it_is_one_line(
    comms: Comms, clock: Clock, prompt: str
) -> None:
    async with shown(comms, clock, prompted(prompt)) as scene:
        assert scene.page.tasks["t1"]["whole"] is False
        assert scene.page.parts["t1"]["prompt"][1] == prompt.strip()
        assert len(scene.page.parts["t1"]) == 1, "once"


async def test_a_short_prompt_is_read_in_the_heading_and_nowhere_else(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock, prompted("Run the tests.")) as scene:
        assert scene.page.tasks["t1"]["whole"] is True
        assert scene.page.parts.get("t1", {}) == {}


async def test_a_prompt_whose_message_is_not_saved_yet_is_read_all_the_same(comms: Comms, clock: Clock) -> None:
    world = prompted(LINES)
    world.messages.pop()
    async with shown(comms, clock, world) as scene:
        assert "prompt" in scene.page.parts["t1"]


async def test_what_the_user_said_besides_the_prompt_is_shown(comms: Comms, clock: Clock) -> None:
    world = prompted("Run the tests.")
    world.messages.append(message_row("m2", "t1", 1, role="user", type="user", content="Go on."))
    async with shown(comms, clock, world) as scene:
        assert scene.page.parts["t1"] == {"m2/user": ({"kind": "user"}, "Go on.")}


async def test_the_saved_text_keeps_the_lines_of_a_prompt(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock, prompted(LINES)) as scene:
        assert (
            "> Fix the report:\n>\n>   1. dates\n>   2. sums <b>now</b>\n> and say so   [completed" in scene.view.text
        )

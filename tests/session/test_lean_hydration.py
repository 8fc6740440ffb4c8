"""The lean hydration (rows 54 to 65 of the cases): a window of recent tasks, history without the payload of tools where
the daemon offers it, full detail and older pages on demand; and the preview, which holds the newest task only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agor_reactive.core import SessionState
from agor_reactive.errors import NotConnected, ServerError
from tests.core.build import SID, message_row, saved, task_row
from tests.session.world import World

TOOL = [{"type": "tool_use", "id": "u", "name": "Bash", "input": {"command": "ls"}}]


def done(n: int) -> dict[str, Any]:
    return task_row(f"t{n:02}", "completed", second=n)


class Lean(World):
    """A daemon that leaves tool blocks out when asked to, as newer ones do; with `rooms=False` an older one."""

    def __init__(self, count: int, **options: bool) -> None:
        super().__init__(**options)
        self.tasks = [done(n) for n in range(1, count + 1)]
        self.messages = [message_row(f"p{n:02}", f"t{n:02}", 0) for n in range(1, count + 1)]
        self.messages += [message_row(f"u{n:02}", f"t{n:02}", 1, content=TOOL) for n in range(1, count + 1)]
        self.lean = options.get("rooms", True)

    def _messages(self, args: tuple[Any, ...]) -> Any:
        rows = [m for m in self.messages if args[0].get("task_id") in (None, m["task_id"])]
        if self.lean and args[0].get("transcript") == "lean":
            rows = [row for row in rows if isinstance(row["content"], str)]
        return self.page(None, rows, args[0])

    def message_queries(self) -> list[tuple[str, bool]]:
        return [
            (args[0].get("task_id", ""), "transcript" in args[0])
            for _, service, args in self.link.calls
            if service == "messages"
        ]


async def opened(count: int, hydration: str = "lean", **options: bool) -> tuple[Lean, Any]:
    world = Lean(count, **options)
    await world.link.open()
    handle = world.registry.retain(SID, task_hydration=hydration)
    await handle.ready()
    return world, handle


def ids(state: SessionState) -> list[str]:
    return [task.task_id for task in state.tasks]


def named(first: int, last: int) -> list[str]:
    return [f"t{n:02}" for n in range(first, last + 1)]


async def test_a58_ten_recent_tasks_their_history_without_tools_and_older_pages_on_demand() -> None:
    world, handle = await opened(24)
    assert ids(handle.state) == named(15, 24)
    assert handle.state.has_older_tasks
    assert set(handle.state.loaded_task_ids) == {"t24"}, "the newest is whole"
    assert [m.message_id for m in handle.state.messages_by_task["t15"]] == ["p15"]
    assert not handle.state.get_task_tools("t15")
    detail = [handle.load_task_messages("t20") for _ in range(2)]
    before = len(world.message_queries())
    rows = await asyncio.gather(*detail)
    assert len(world.message_queries()) == before + 1
    assert [m.message_id for m in rows[0]] == ["p20", "u20"]
    assert handle.state.is_task_loaded("t20")
    reads = len(world.calls("sessions", "get")), len(world.calls(f"sessions/{SID}/tasks/queue"))
    pages = await asyncio.gather(handle.load_older_tasks(), handle.load_older_tasks())
    assert pages[0] is pages[1]
    assert ids(handle.state) == named(5, 24)
    assert (len(world.calls("sessions", "get")), len(world.calls(f"sessions/{SID}/tasks/queue"))) == reads
    await world.settle(lambda: "t05" in handle.state.messages_by_task)
    await handle.load_older_tasks()
    assert ids(handle.state) == named(1, 24)
    assert not handle.state.has_older_tasks
    assert await handle.load_older_tasks() is handle.state
    assert handle.state.is_task_loaded("t20")
    handle.release()


async def test_a57_the_running_task_is_read_whole_older_ones_are_not() -> None:
    world = Lean(12)
    world.tasks.append(task_row("t13", "running", second=13))
    world.messages.append(message_row("u13", "t13", 1, content=TOOL))
    await world.link.open()
    handle = world.registry.retain(SID, task_hydration="lean")
    await handle.ready()
    assert set(handle.state.loaded_task_ids) == {"t13"}
    assert [tool.tool_use_id for tool in handle.state.get_task_tools("t13")] == ["u"]
    assert ("t13", False) in world.message_queries()
    assert ("t12", True) in world.message_queries()
    handle.release()


async def test_a55_a_done_task_behind_many_that_wait_is_there_with_its_messages() -> None:
    for hydration in ("lean", "preview"):
        world = Lean(1)
        world.tasks += [task_row(f"q{n:02}", "queued", second=100 + n, queue_position=n) for n in range(23)]
        await world.link.open()
        handle = world.registry.retain(SID, task_hydration=hydration)
        await handle.ready()
        assert handle.state.get_task("t01") is not None
        assert [m.message_id for m in handle.state.messages_by_task["t01"]] == ["p01", "u01"]
        assert len(handle.state.queued_tasks) == 23
        handle.release()


async def test_a54_reader_and_preview_are_apart_and_the_preview_slides() -> None:
    world, reader = await opened(24)
    preview = world.registry.retain(SID, task_hydration="preview")
    await preview.ready()
    assert ids(preview.state) == ["t24"]
    await reader.load_older_tasks()
    await reader.load_task_messages("t10")
    assert len(reader.state.tasks) == 20
    reader.release()
    await world.settle()
    assert not reader.state.tasks
    assert not reader.state.messages_by_task
    assert ids(preview.state) == ["t24"]
    assert ("leave", SID) not in world.room_calls()
    world.link.emit("tasks created", task_row("t25", "running", second=25))
    world.link.emit("messages created", message_row("p25", "t25"))
    assert ids(preview.state) == ["t25"]
    assert set(preview.state.messages_by_task) == {"t25"}
    assert set(preview.state.loaded_task_ids) == {"t25"}
    assert preview.state.has_older_tasks
    preview.release()
    assert not preview.state.tasks


async def test_a61_after_an_absence_the_window_has_no_hole_and_reaches_as_far_as_before() -> None:
    world, handle = await opened(24)
    world.link.drop()
    world.tasks += [done(n) for n in range(25, 50)]
    world.messages += [message_row(f"p{n:02}", f"t{n:02}", 0) for n in range(25, 50)]
    world.link.restore()
    await world.settle(lambda: len(handle.state.tasks) == 35, turns=400)
    assert ids(handle.state) == named(15, 49)
    await handle.load_older_tasks()
    assert ids(handle.state) == named(5, 49)
    await handle.load_older_tasks()
    assert len(handle.state.tasks) == 49
    handle.release()


async def test_a59_a_detail_load_that_fails_leaves_the_history_and_a_resync_reads_whole_only_what_was_expanded() -> (
    None
):
    world, handle = await opened(12)

    def broken(args: tuple[Any, ...]) -> Any:
        raise ServerError("disk full", code=500)

    undo = world.link.on_call("find", "messages", broken)
    with pytest.raises(ServerError):
        await handle.load_task_messages("t05")
    assert [m.message_id for m in handle.state.messages_by_task["t05"]] == ["p05"]
    assert "disk full" in (handle.state.error or "")
    undo()
    await handle.load_task_messages("t05")
    assert handle.state.error is None
    before = len(world.message_queries())
    await handle.resync()
    queries = world.message_queries()[before:]
    assert sorted(task for task, lean in queries if not lean) == ["t05", "t12"]
    assert [m.message_id for m in handle.state.messages_by_task["t05"]] == ["p05", "u05"]
    handle.release()


async def test_a63_a_lean_answer_does_not_downgrade_a_task_that_was_expanded_meanwhile() -> None:
    world, handle = await opened(12)
    world.link.hold("find", "messages")
    resync = asyncio.ensure_future(handle.resync())
    await world.settle(lambda: any("transcript" in call.args[0] for call in world.link.pending), turns=300)
    load = asyncio.ensure_future(handle.load_task_messages("t05"))
    await world.settle()
    world.link.release()
    await load
    await resync
    assert [m.message_id for m in handle.state.messages_by_task["t05"]] == ["p05", "u05"]
    assert handle.state.is_task_loaded("t05")
    handle.release()


async def test_a62_a_task_with_tools_seen_live_is_read_whole_and_the_session_removed_is_the_end() -> None:
    world, handle = await opened(3)
    world.emit("tasks tool:start", task_id="t02", tool_use_id="u", tool_name="Bash")
    before = len(world.message_queries())
    await handle.resync()
    assert ("t02", False) in world.message_queries()[before:]
    world.emit("messages streaming:start", message_id="mx", task_id="t03")
    world.link.emit("sessions removed", {"session_id": SID})
    assert handle.state.terminal
    assert not handle.state.messages_by_task
    world.chunk("late", 0)
    assert not handle.state.streaming_messages
    handle.release()


async def test_a60_a_task_that_awaits_permission_counts_as_at_work_and_a_live_patch_beats_a_detail_fetch() -> None:
    world = Lean(3)
    world.tasks[-1] = task_row("t03", "awaiting_permission", second=3)
    await world.link.open()
    handle = world.registry.retain(SID, task_hydration="lean")
    await handle.ready()
    assert handle.state.is_task_loaded("t03")
    world.link.hold("find", "messages")
    load = asyncio.ensure_future(handle.load_task_messages("t03"))
    await world.settle(lambda: world.link.pending)
    world.link.emit("messages patched", {**world.messages[2], "content": "patched"})
    world.link.emit("messages created", message_row("n03", "t03", 2))
    world.link.release()
    await load
    assert handle.state.messages_by_task["t03"][0].content == "patched"
    assert [m.message_id for m in handle.state.messages_by_task["t03"]] == ["p03", "u03", "n03"]
    handle.release()


async def test_an_older_daemon_has_the_same_surface_with_the_newest_task_loaded() -> None:
    world, handle = await opened(24, rooms=False)
    assert ids(handle.state) == named(15, 24)
    assert set(handle.state.messages_by_task) == {"t24"}
    assert not any(lean for _, lean in world.message_queries())
    await handle.load_older_tasks()
    assert len(handle.state.tasks) == 20
    handle.release()


async def test_what_changes_in_an_old_task_outside_the_window_leaves_no_hole() -> None:
    world, handle = await opened(24)
    before = handle.state
    world.link.emit("tasks patched", {**done(3), "tool_use_count": 7})
    assert handle.state is before
    world.link.emit("tasks patched", {**done(20), "tool_use_count": 7})
    assert handle.state.get_task("t20")["tool_use_count"] == 7
    handle.release()


async def test_older_tasks_while_the_link_is_down_or_drops_is_said() -> None:
    world, handle = await opened(24)
    world.link.hold("find", "tasks")
    page = asyncio.ensure_future(handle.load_older_tasks())
    await world.settle(lambda: world.link.pending)
    world.link.drop()
    with pytest.raises(NotConnected):
        await page
    with pytest.raises(NotConnected):
        await handle.load_older_tasks()
    handle.release()


async def test_a_task_removed_while_away_is_gone_from_the_window_and_older_ones_are_kept() -> None:
    world, handle = await opened(24)
    await handle.load_older_tasks()
    world.link.drop()
    world.tasks = [task for task in world.tasks if task["task_id"] != "t20"]
    world.link.restore()
    await world.settle(lambda: handle.state.get_task("t20") is None, turns=400)
    assert ids(handle.state) == [task_id for task_id in named(4, 24) if task_id != "t20"]
    assert saved("tasks", done(20)).topic == "tasks created"
    handle.release()


async def test_the_oldest_task_of_a_grown_window_removed_while_away_is_gone() -> None:
    world, handle = await opened(24)
    for n in range(25, 28):
        world.tasks.append(done(n))
        world.link.emit("tasks created", done(n))
    assert ids(handle.state) == named(15, 27)
    world.link.drop()
    world.tasks = [task for task in world.tasks if task["task_id"] != "t15"]
    world.link.restore()
    await world.settle(lambda: not handle.state.loading and handle.state.connected, turns=400)
    assert ids(handle.state) == named(16, 27)
    handle.release()


async def test_a_preview_learns_that_a_task_at_work_ended_while_it_was_away_though_a_newer_one_came() -> None:
    world, handle = await opened(3, "preview")
    world.tasks.append(task_row("t04", "running", second=4))
    world.link.emit("tasks created", world.tasks[-1])
    assert ids(handle.state) == ["t04"]
    world.tasks.append(task_row("t05", "created", second=5))
    world.link.emit("tasks created", world.tasks[-1])
    assert ids(handle.state) == ["t04", "t05"], "at work, and the newest"
    await handle.resync()
    assert ids(handle.state) == ["t04", "t05"]
    world.link.drop()
    world.tasks[3] = task_row("t04", "completed", second=4)
    world.link.restore()
    await world.settle(lambda: not handle.state.loading and handle.state.connected, turns=400)
    assert ids(handle.state) == ["t05"]
    handle.release()


@pytest.mark.parametrize("hydration", ["preview", "lean"])
async def test_when_all_that_was_shown_is_removed_the_next_older_ones_are_read(hydration: str) -> None:
    world, handle = await opened(24, hydration)
    shown = ids(handle.state)
    for task_id in shown:
        world.tasks = [task for task in world.tasks if task["task_id"] != task_id]
        world.link.emit("tasks removed", {"task_id": task_id, "session_id": SID})
    await world.settle(lambda: len(handle.state.tasks) and not handle.state.loading, turns=400)
    assert ids(handle.state) == named(25 - 2 * len(shown), 24 - len(shown))
    assert handle.state.is_task_loaded(ids(handle.state)[-1])
    handle.release()


async def test_what_empties_the_window_while_it_is_read_has_it_read_again() -> None:
    world, handle = await opened(3, "preview")
    world.link.hold("find", f"sessions/{SID}/tasks/queue")
    resync = asyncio.ensure_future(handle.resync())
    await world.settle(lambda: [call.service for call in world.link.pending] == [f"sessions/{SID}/tasks/queue"])
    world.tasks.pop()
    world.link.emit("tasks removed", {"task_id": "t03", "session_id": SID})
    world.link.release()
    await resync
    await world.settle(lambda: len(handle.state.tasks) and not handle.state.loading, turns=400)
    assert ids(handle.state) == ["t02"]
    handle.release()


async def test_a_task_that_slides_out_of_a_preview_while_its_messages_load_is_not_kept() -> None:
    world, handle = await opened(3, "preview")
    world.link.hold("find", "messages")
    load = asyncio.ensure_future(handle.load_task_messages("t03"))
    await world.settle(lambda: world.link.pending)
    world.tasks.append(done(4))
    world.link.emit("tasks created", done(4))
    assert ids(handle.state) == ["t04"]
    world.link.release()
    assert [m.message_id for m in await load] == ["p03", "u03"], "who asked has it all the same"
    assert set(handle.state.loaded_task_ids) == {"t04"}
    assert "t03" not in handle.state.tools_by_task
    handle.release()


async def test_a_task_outside_the_window_is_read_for_who_asks_and_not_kept() -> None:
    _, handle = await opened(24)
    assert [m.message_id for m in await handle.load_task_messages("t03")] == ["p03", "u03"]
    assert not handle.state.is_task_loaded("t03")
    handle.release()


async def test_a_session_of_more_than_twenty_thousand_tasks_still_gives_its_newest() -> None:
    world, handle = await opened(0)
    world.tasks = [done(n) for n in range(1, 12_001)]
    await handle.resync()
    assert len(handle.state.tasks) == 10
    assert handle.state.tasks[-1].task_id == "t12000"
    handle.release()

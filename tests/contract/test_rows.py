"""Rows: create, get, patch, remove and find of each kind; pages; the parts of a query that every daemon applies."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.errors import BadRequest, DaemonError, Forbidden, NotFound
from tests.contract.daemons import Daemon, absent_since
from tests.contract.scene import Scene, after_a_board_was_removed, message_row, tried

MORE_THAN_A_PAGE = 130


async def test_a_session_is_made_read_changed_and_removed(client: Any, scene: Scene) -> None:
    made = await scene.session(title="first")
    assert (made.status, made.title, made.tasks, made.archived) == ("idle", "first", (), False)
    read = await client.service("sessions").get(made.session_id)
    assert read.title == "first"
    changed = await client.service("sessions").patch(made.session_id, {"title": "second"})
    assert (changed.session_id, changed.title) == (made.session_id, "second")
    assert (await client.service("sessions").get(made.session_id)).title == "second"
    removed = await client.service("sessions").remove(made.session_id)
    assert removed.session_id == made.session_id
    with pytest.raises(NotFound):
        await client.service("sessions").get(made.session_id)


async def test_a_task_is_made_read_and_changed(client: Any, scene: Scene, daemon: Daemon) -> None:
    """By a member on older daemons; on newer ones only by its executor."""
    session = await scene.session()
    made = await scene.waiting_task(session.session_id, "Later.")
    assert (made.status, made.full_prompt, made.session_id) == ("created", "Later.", session.session_id)
    if daemon.api_version == "handshake":
        with pytest.raises(Forbidden):
            await client.service("tasks").patch(made.task_id, {"status": "completed"})
        assert (await client.service("tasks").get(made.task_id)).status == "created"
    await scene.patch_task(made.task_id, status="completed")
    assert (await client.service("tasks").get(made.task_id)).status == "completed"


async def test_a_task_created_running_makes_its_session_run_or_is_refused(
    client: Any, scene: Scene, daemon: Daemon
) -> None:
    """Older daemons take any status of a new task; newer ones take only `created`."""
    session = await scene.session()
    row = {"session_id": session.session_id, "full_prompt": "Nothing runs this.", "status": "running"}
    _, refusal = await tried(client.service("tasks").create(row))
    if daemon.api_version is not None:
        assert (refusal is None) is daemon.bare
    if refusal is None:
        status, tasks = "running", 1
    else:
        assert isinstance(refusal, BadRequest)
        status, tasks = "idle", 0
    assert (await client.service("sessions").get(session.session_id)).status == status
    page = await client.service("tasks").find(query={"session_id": session.session_id})
    assert page.total == tasks


async def test_a_message_keeps_the_id_its_client_chose_and_its_content(
    client: Any, scene: Scene, daemon: Daemon
) -> None:
    session = await scene.session()
    task = await scene.waiting_task(session.session_id)
    row = message_row(session.session_id, 0, "Hi", task_id=task.task_id, role="assistant")
    row["content"] = [
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"deep": [1]}},
    ]
    made = await client.service("messages").create(row)
    assert made.message_id == row["message_id"]
    read = await client.service("messages").get(row["message_id"])
    assert read.content[1]["input"]["deep"] == (1,)
    changes = {"content": "Ho", "content_preview": "Ho"}
    changed, refusal = await tried(client.service("messages").patch(row["message_id"], changes))
    if refusal is None:
        assert changed.content == "Ho"
    else:  # newer daemons let a member change few fields of a message
        assert isinstance(refusal, BadRequest | Forbidden)
        assert not daemon.bare
    await client.service("messages").remove(row["message_id"])
    with pytest.raises(NotFound):
        await client.service("messages").get(row["message_id"])


async def test_a_message_created_twice_is_refused_without_sql(client: Any, scene: Scene) -> None:
    session = await scene.session()
    row = message_row(session.session_id, 0, "Hi")
    await client.service("messages").create(row)
    with pytest.raises(DaemonError) as caught:
        await client.service("messages").create(row)
    assert "insert" not in f"{caught.value} {caught.value.data}".lower()


async def test_a_message_without_an_id_is_given_one_or_refused_without_sql(
    client: Any, scene: Scene, daemon: Daemon
) -> None:
    """Older daemons need the client's id; newer ones choose one."""
    session = await scene.session()
    row = message_row(session.session_id, 0, "Hi")
    del row["message_id"]
    made, refusal = await tried(client.service("messages").create(row))
    if refusal is None:
        assert not daemon.bare
        assert made.message_id
    else:
        assert daemon.api_version != "handshake"
        assert "insert" not in f"{refusal} {refusal.data}".lower()


async def test_several_messages_are_made_at_once(client: Any, scene: Scene, daemon: Daemon) -> None:
    session = await scene.session()
    rows = [message_row(session.session_id, index, f"row {index}") for index in range(3)]
    with absent_since(daemon, "creating messages in bulk"):
        made = await client.service("messages/bulk").create(rows)
    assert [row["message_id"] for row in rows] == [_field(row, "message_id") for row in made]
    page = await client.service("messages").find(query={"session_id": session.session_id})
    assert [message.index for message in page] == [0, 1, 2]


async def test_several_tasks_are_made_at_once_with_their_author(client: Any, scene: Scene, daemon: Daemon) -> None:
    session = await scene.session()
    rows = [
        {"task_id": str(uuid.uuid4()), "session_id": session.session_id, "full_prompt": "Bulk.", "status": "completed"}
        for _ in range(2)
    ]
    with absent_since(daemon, "creating tasks in bulk"):
        made = await client.service("tasks/bulk").create([{**row, "created_by": session.created_by} for row in rows])
    with pytest.raises(DaemonError, match="created_by"):
        await client.service("tasks/bulk").create([{**row, "task_id": str(uuid.uuid4())} for row in rows])
    assert [_field(row, "task_id") for row in made] == [row["task_id"] for row in rows]


def _field(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, dict) else getattr(row, name)


async def test_a_board_is_made_read_changed_and_removed(client: Any, scene: Scene, daemon: Daemon) -> None:
    made = await scene.board(name="contract board")
    assert (await client.service("boards").get(made.board_id)).name == "contract board"
    assert (await client.service("boards").patch(made.board_id, {"name": "renamed"})).name == "renamed"
    epoch = client.status.epoch
    await client.service("boards").remove(made.board_id)
    if not daemon.bare:
        await after_a_board_was_removed(client, epoch)
    with pytest.raises(NotFound):
        await client.service("boards").get(made.board_id)


async def test_removing_a_session_takes_its_tasks_and_messages_along(client: Any, scene: Scene) -> None:
    session = await scene.session()
    task = await scene.waiting_task(session.session_id)
    message = await scene.save(session.session_id, 0, "Hi")
    await client.service("sessions").remove(session.session_id)
    with pytest.raises(NotFound):
        await client.service("tasks").get(task.task_id)
    with pytest.raises(NotFound):
        await client.service("messages").get(message.message_id)


async def test_rest_makes_and_removes_the_same_rows(arest: Any, client: Any, daemon: Daemon) -> None:
    epoch = client.status.epoch
    board = await arest.service("boards").create({"name": "over rest"})
    daemon.boards.append(board.board_id)
    assert (await arest.service("boards").get(board.board_id)).name == "over rest"
    assert (await arest.service("boards").patch(board.board_id, {"name": "changed"})).name == "changed"
    await arest.service("boards").remove(board.board_id)
    if not daemon.bare:
        await after_a_board_was_removed(client, epoch)
    with pytest.raises(NotFound):
        await arest.service("boards").get(board.board_id)


# ---- finds ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def five(scene: Scene) -> list[Any]:
    """Five boards of one name, oldest first."""
    name = f"contract {uuid.uuid4()}"
    boards = []
    for number in range(5):
        boards.append(await scene.board(name=name, description=f"{number}"))
    return boards


async def test_a_page_tells_total_limit_and_skip(client: Any, five: list[Any]) -> None:
    page = await client.service("boards").find(query={"name": five[0].name, "$limit": 2, "$skip": 1})
    assert (page.total, page.limit, page.skip, len(page), len(page.data)) == (5, 2, 1, 2, 2)


async def test_a_limit_of_nothing_still_counts(client: Any, five: list[Any]) -> None:
    page = await client.service("boards").find(query={"name": five[0].name, "$limit": 0})
    assert (page.total, len(page)) == (5, 0)


@pytest.mark.parametrize("direction", [1, -1])
async def test_a_sort_is_honoured_where_a_filter_leaves_it_to_the_daemon(
    client: Any, five: list[Any], direction: int
) -> None:
    query = {"name": five[0].name, "$sort": {"board_id": direction}}
    page = await client.service("boards").find(query=query)
    ids = [board.board_id for board in page]
    assert ids == sorted(ids, reverse=direction < 0)


async def test_a_selection_leaves_out_the_other_fields(client: Any, five: list[Any]) -> None:
    page = await client.service("boards").find(query={"name": five[0].name, "$select": ["board_id", "name"]})
    assert {board.name for board in page} == {five[0].name}
    assert all("description" not in board.to_wire() for board in page)


async def test_find_all_walks_every_page(client: Any, five: list[Any]) -> None:
    rows = await client.service("boards").find_all(query={"name": five[0].name, "$limit": 2})
    assert {row.board_id for row in rows} == {board.board_id for board in five}
    assert len(rows) == 5


async def test_rest_finds_what_the_socket_finds(client: Any, arest: Any, five: list[Any]) -> None:
    query = {"name": five[0].name, "$limit": 3, "$sort": {"board_id": -1}}
    live, plain = await asyncio.gather(
        client.service("boards").find(query=query), arest.service("boards").find(query=query)
    )
    assert [row.board_id for row in live] == [row.board_id for row in plain]
    assert (live.total, live.limit) == (plain.total, plain.limit)
    everything = await arest.service("boards").find_all(query={"name": five[0].name, "$limit": 2})
    assert len(everything) == 5


async def test_tasks_of_a_session_are_found_with_limit_and_skip(client: Any, scene: Scene) -> None:
    session = await scene.session()
    other = await scene.session()
    made = [(await scene.waiting_task(session.session_id, f"{n}")).task_id for n in range(3)]
    await scene.waiting_task(other.session_id)
    page = await client.service("tasks").find(query={"session_id": session.session_id})
    assert (page.total, {task.task_id for task in page}) == (3, set(made))
    some = await client.service("tasks").find(query={"session_id": session.session_id, "$limit": 1, "$skip": 2})
    assert (some.total, len(some)) == (3, 1)


async def test_the_tasks_of_a_session_are_filtered_everywhere_and_sorted_by_newer_daemons(
    client: Any, arest: Any, scene: Scene, daemon: Daemon
) -> None:
    """Older daemons ignore every filter and sort beside the session; rows that do not belong are left out here."""
    session = await scene.session()
    running = await scene.running_task(session.session_id)
    waiting = await scene.waiting_task(session.session_id)
    mine = {"session_id": session.session_id}
    oldest_first = [running.task_id, waiting.task_id]
    for one in (client, arest):
        created = await one.service("tasks").find(query={**mine, "status": "created"})
        assert [task.task_id for task in created] == [waiting.task_id]
        page = await one.service("tasks").find(query={**mine, "$sort": {"created_at": -1}})
        order = [task.task_id for task in page]
        if daemon.api_version is None:
            assert sorted(order) == sorted(oldest_first)
        else:
            assert order == (oldest_first if daemon.bare else oldest_first[::-1])


async def test_a_limit_of_messages_above_the_most_is_lowered_or_taken_never_lost(
    client: Any, arest: Any, scene: Scene, daemon: Daemon
) -> None:
    """Newer daemons answer a page of 100, at most of 1,000; older ones answer everything."""
    session = await scene.session()
    for index in range(MORE_THAN_A_PAGE):
        await scene.save(session.session_id, index, f"{index}")
    query = {"session_id": session.session_id}
    for one in (client, arest):
        page = await one.service("messages").find(query=query)
        assert page.total == MORE_THAN_A_PAGE
        assert [message.index for message in page] == list(range(len(page)))
        large = await one.service("messages").find(query={**query, "$limit": 5_000})
        if daemon.api_version == "handshake":
            assert (len(page), page.limit, large.limit) == (100, 100, 1_000)
        elif daemon.bare:
            assert len(page) == MORE_THAN_A_PAGE
        assert len(large) == MORE_THAN_A_PAGE
        everything = await one.service("messages").find_all(query=query)
        assert [message.index for message in everything] == list(range(MORE_THAN_A_PAGE))
    async with agor.retain_reactive_session(client, session.session_id, task_hydration="eager") as handle:
        await handle.ready()
        assert handle.state.error is None


async def test_messages_of_a_task_are_found_in_order_of_index(client: Any, scene: Scene) -> None:
    session = await scene.session()
    task = await scene.waiting_task(session.session_id)
    for index in (2, 0, 1):
        await scene.save(session.session_id, index, f"{index}", task_id=task.task_id)
    await scene.save(session.session_id, 3, "of no task")
    page = await client.service("messages").find(query={"task_id": task.task_id})
    assert [message.index for message in page] == [0, 1, 2]


async def test_messages_over_rest_are_found_all_or_limited(arest: Any, scene: Scene) -> None:
    session = await scene.session()
    for index in range(4):
        await scene.save(session.session_id, index, f"{index}")
    everything = await arest.service("messages").find_all(query={"session_id": session.session_id})
    assert [message.index for message in everything] == [0, 1, 2, 3]
    some = await arest.service("messages").find(query={"session_id": session.session_id, "$limit": 2})
    assert (some.total, [message.index for message in some]) == (4, [0, 1])


async def test_sessions_are_filtered_by_status_and_archive(client: Any, scene: Scene) -> None:
    session = await scene.session()
    await scene.running_task(session.session_id)
    running = await client.service("sessions").find(query={"status": "running", "$limit": 1000})
    assert session.session_id in {row.session_id for row in running}
    assert {row.status for row in running} == {"running"}
    archived = await client.service("sessions").find(query={"archived": True, "$limit": 1000})
    assert session.session_id not in {row.session_id for row in archived}

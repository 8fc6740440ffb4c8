"""Small facts that a mutation run found untested (`python -m tests.mutation`)."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest

from agor_reactive.core import events as e
from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.parse import OWN_TOPICS, parse_payload
from agor_reactive.core.tables import MessageBucket, TaskTable
from agor_reactive.models import Session, row_from_wire
from tests.core.build import SID, Mirror, as_tasks, chunk, hydrated, message_row, saved, session_row, start, task_row


def test_a_bucket_knows_how_many_messages_it_has() -> None:
    first, second = (MessageEntry.from_payload(message_row(name, "t1")) for name in ("m1", "m2"))
    assert first is not None
    assert second is not None
    one = MessageBucket([]).with_new(first)
    two = one.with_new(second)
    other = one.with_new(second)  # the place after the first is taken: this one has a list for itself
    assert [len(one), len(two), len(other)] == [1, 2, 2]
    assert [len(one.entries), len(two.entries), len(other.entries)] == [1, 2, 2]


@pytest.mark.parametrize("task_id", ["", 5, None, ["t1"]])
def test_a_chunk_whose_task_is_no_id_is_of_no_task(task_id: Any) -> None:
    chunk = {"session_id": SID, "message_id": "m1", "chunk": "x", "sequence": 0, "task_id": task_id}
    event = parse_payload("messages streaming:chunk", chunk)
    assert isinstance(event, e.TextChunk)
    assert event.task_id is None


def test_a_newer_token_of_a_session_replaces_the_one_that_is_here() -> None:
    mirror = Mirror().up().land([], session={**session_row(), "mcp_token": "old"})
    mirror.feed(saved("sessions", session_row(title="without"), "patched"))
    assert mirror.state.session is not None
    assert mirror.state.session.mcp_token is not None
    mirror.feed(saved("sessions", {**session_row(), "mcp_token": "new"}, "patched"))
    assert mirror.state.session.to_wire(secrets=True)["mcp_token"] == "new"


def test_a_queued_task_that_the_user_loads_is_loaded_as_soon_as_it_begins() -> None:
    mirror = hydrated(tasks=[task_row("t1", "completed"), task_row("t2", "queued", second=2)])
    mirror.feed(e.LoadRequested("t2"))
    mirror.feed(saved("tasks", task_row("t2", "running", second=2), "patched"))
    assert mirror.state.is_task_loaded("t2")


@pytest.mark.parametrize("topic", ["tasks created", "tasks patched", "messages created", "sessions patched"])
def test_a_row_with_a_field_that_is_not_plain_is_validated_at_once(topic: str) -> None:
    row: dict[str, Any] = {
        "tasks": {**task_row("t1"), "created_at": None},
        "messages": {**message_row("m1", "t1"), "index": 1.0},
        "sessions": {**session_row(), "tasks": None},
    }[topic.partition(" ")[0]]
    event: Any = parse_payload(topic, row, OWN_TOPICS)
    assert isinstance(event, e.TaskSaved | e.MessageSaved | e.SessionSaved)
    assert event.entry.validated is not None


@pytest.mark.parametrize("is_read", [False, True])
def test_a_pickled_session_has_no_token_read_or_not(is_read: bool) -> None:
    payload = {**session_row(title="a"), "mcp_token": "secret-token"}
    entry = SessionRowEntry.from_payload(payload)
    assert entry is not None
    if is_read:
        assert entry.row.mcp_token is not None
    copy = pickle.loads(pickle.dumps(entry))
    assert b"secret-token" not in pickle.dumps(entry)
    assert copy.mcp_token is None
    assert copy.row == row_from_wire(Session, session_row(title="a"))


@pytest.mark.parametrize(("sent", "count"), [(3, 3), (3.0, 3), (True, None), ("3", None), (-1, None), (None, None)])
def test_the_end_of_a_text_counts_its_chunks_in_whole_numbers(sent: Any, count: int | None) -> None:
    event = parse_payload("messages streaming:end", {"session_id": SID, "message_id": "m1", "sequence": sent})
    assert isinstance(event, e.StreamEnded)
    assert event.chunk_count == count
    assert type(event.chunk_count) is type(count)


def test_a_task_that_ended_and_ends_differently_does_not_bring_back_what_its_first_end_dropped() -> None:
    mirror = hydrated()
    mirror.feed(start("m1", task_id="t1"), saved("tasks", task_row("t1", "completed"), "patched"))
    assert "m1" not in mirror.state.streaming_messages
    mirror.feed(saved("tasks", task_row("t1", "failed"), "patched"), chunk("m1", "late"))
    assert "m1" not in mirror.state.streaming_messages


def test_a_removal_of_another_message_does_not_keep_the_text_of_an_unknown_task_away() -> None:
    mirror = hydrated(messages={"t1": [message_row("m0", "t1")]})
    mirror.feed(saved("messages", message_row("m0", "t1"), "removed"))
    mirror.feed(chunk("m1", "text", 0, task_id="t2"))
    assert mirror.state.streaming_messages["m1"].text == "text"


def test_a_removed_task_that_the_read_of_the_queue_after_it_still_has_is_back() -> None:
    queued = task_row("t2", "queued", second=2, queue_position=1)
    mirror = hydrated(tasks=[task_row("t1"), queued])
    mirror.feed(saved("tasks", queued, "removed"))
    assert mirror.queue() == []
    mirror.answer("queue", tasks=[queued])
    assert mirror.queue() == ["t2"]


def test_a_tool_of_a_message_saved_while_all_is_read_again_is_still_known_afterwards() -> None:
    mirror = hydrated("none")
    mirror.feed(e.ResyncRequested())
    block = {"type": "tool_use", "id": "u1", "name": "Bash", "input": {}}
    mirror.feed(saved("messages", message_row("m1", "t1", content=[block])))
    mirror.land([task_row("t1")])
    assert [tool.tool_use_id for tool in mirror.state.get_task_tools("t1")] == ["u1"]


def test_a_text_of_no_task_becomes_that_of_the_first_chunk_that_names_one() -> None:
    mirror = hydrated(tasks=[])
    mirror.feed(chunk("m1", "a", 0))
    assert mirror.state.streaming_messages["m1"].task_id is None
    mirror.feed(chunk("m1", "b", 1, task_id="t1"), chunk("m1", "c", 2))
    assert mirror.state.streaming_messages["m1"].task_id == "t1"
    assert mirror.state.streaming_messages["m1"].text == "abc"


@pytest.mark.parametrize(("count", "shown"), [(10, 10), (11, 10), (30, 10)])
def test_a_table_shows_ten_rows_and_how_many_more_there_are(count: int, shown: int) -> None:
    text = repr(hydrated("none", [task_row(f"t{n:02}", second=n) for n in range(count)]).state.tasks)
    ids = re.findall("t[0-9]{2}(?=')", text)
    assert ids == [f"t{n:02}" for n in (*range(shown - 1), count - 1)]
    assert (f"… {count - shown} more …" in text) is (count > shown)


@pytest.mark.parametrize(("hint", "order"), [((), ["t1", "t2"]), (("t3", "t2", "t1"), ["t2", "t1"])])
def test_a_few_tasks_are_arranged_as_all_of_them_are(hint: tuple[str, ...], order: list[str]) -> None:
    entries = [TaskEntry.of(task) for task in as_tasks([task_row(f"t{n}", second=n) for n in (1, 2, 3)])]
    table = TaskTable.of(entries, hint)
    assert [entry.task_id for entry in table.arranged(entries[1::-1])] == order


def test_a_snapshot_shows_whether_it_is_being_read_and_has_an_error() -> None:
    mirror = hydrated()
    assert re.findall("loading|error", repr(mirror.state)) == []
    assert re.findall("loading|error", repr(mirror.feed(e.ResyncRequested()))) == ["loading"]
    mirror.fail("session", "forbidden")
    assert re.findall("loading|error", repr(mirror.state)) == ["error"]

"""Entries: a row validated on first access is the row that validating at once gives, and always the same object."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from agor_reactive.core import events as e
from agor_reactive.core import fold, initial_state
from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.parse import OWN_TOPICS, TOPICS, parse_payload
from agor_reactive.models import LinkStatus, Message, Session, Task, WireModel, row_from_wire
from tests.models.entities import full, instances, minimal

MODELS: dict[str, type[WireModel]] = {"Task": Task, "Message": Message, "Session": Session}
ENTRIES: dict[type[WireModel], type[Any]] = {Task: TaskEntry, Message: MessageEntry, Session: SessionRowEntry}
TOPIC_OF = {Task: "tasks patched", Message: "messages created", Session: "sessions patched"}


class Holder(BaseModel):
    """A model of somebody else's, with rows in it."""

    row: Task | Message | Session


def outcome(look: Callable[[Any], Any], row: Any) -> Any:
    """What a look gives, or the kind of its failure."""
    try:
        return look(row)
    except Exception as failure:  # noqa: BLE001 - that both fail alike is what is asked
        return type(failure)


LOOKS: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda row: row.session_id,
    "method": lambda row: row.to_wire(),
    "repr": repr,
    "str": str,
    "equal": lambda row: row == row.model_copy(),
    "hash": lambda row: hash(row) == hash(row),
    "copy": lambda row: copy.copy(row).to_wire(),
    "deepcopy": lambda row: copy.deepcopy(row).to_wire(),
    "pickle": lambda row: pickle.loads(pickle.dumps(row)).to_wire(),
    "old pickle": lambda row: pickle.loads(pickle.dumps(row, 2)).to_wire(),
    "model_dump": lambda row: row.model_dump(),
    "model_dump_json": lambda row: row.model_dump_json(),
    "model_copy": lambda row: row.model_copy(update={"session_id": "other"}).to_wire(),
    "set": lambda row: row.model_fields_set,
    "extra": lambda row: row.model_extra,
    "invalid": lambda row: row.invalid,
    "vars": vars,
    "iter": list,
    "getitem": lambda row: row["session_id"],
    "get": lambda row: row.get("no such field"),
    "dir": dir,
    "class": lambda row: row.__class__,
    "isinstance": lambda row: isinstance(row, (Task, Message, Session)),
    "change": lambda row: setattr(row, "session_id", "other"),
    "delete": lambda row: delattr(row, "session_id"),
    "held": lambda row: Holder(row=row).model_dump(),
    "held json": lambda row: Holder(row=row).model_dump_json(),
    "part_of": lambda row: type(row).part_of(row.to_wire()).to_wire(),
}


def late(model: type[WireModel], payload: dict[str, Any]) -> Any:
    """An entry that nobody has read."""
    entry = ENTRIES[model].from_payload(payload)
    assert entry is not None
    return entry


def is_read(entry: Any) -> bool:
    """Whether the row of the entry has been validated."""
    return entry.validated is not None


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("make", [minimal, full])
@pytest.mark.parametrize("entity", MODELS)
def test_the_row_of_an_entry_is_what_validating_at_once_gives(
    entity: str, make: Any, look: Callable[[Any], Any]
) -> None:
    model = MODELS[entity]
    odd = {"zork": {"a": [1, {"b": None}]}, "archived": "not a boolean", "parent_message_id": 5}
    payload = {"created_at": "", "index": 0, **make(entity), **odd}
    entry = late(model, copy.deepcopy(payload))
    assert not is_read(entry)
    assert type(entry.row) is model
    assert entry.row is entry.row
    assert outcome(look, entry.row) == outcome(look, row_from_wire(model, payload))
    assert entry.row == row_from_wire(model, payload)


@pytest.mark.parametrize("entity", MODELS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_whatever_comes_is_the_same_row_later(entity: str, data: st.DataObject) -> None:
    model = MODELS[entity]
    payload = data.draw(instances(entity))
    if data.draw(st.booleans()):
        payload[data.draw(st.sampled_from(sorted(payload)))] = data.draw(ODD)
    topic = TOPIC_OF[model]  # type: ignore[index]
    at_once = parse_payload(topic, copy.deepcopy(payload), TOPICS)
    later = parse_payload(topic, copy.deepcopy(payload), OWN_TOPICS)
    assert type(at_once) is type(later)
    if isinstance(at_once, e.Malformed):
        assert at_once == later
        return
    for known in KNOWN[model]:
        assert getattr(later.entry, known) == getattr(at_once.entry, known)  # type: ignore[union-attr]
    first, second = at_once.entry.row, later.entry.row  # type: ignore[union-attr]
    assert second.to_wire() == first.to_wire()
    assert second == first
    assert second.model_fields_set == first.model_fields_set
    assert second.invalid == first.invalid


KNOWN: dict[type[WireModel], tuple[str, ...]] = {
    Task: ("task_id", "session_id", "status", "created_at"),
    Message: ("message_id", "session_id", "task_id", "index"),
    Session: ("session_id", "mcp_token", "tasks"),
}
"""What the fold knows of a row that is not validated."""


@pytest.mark.parametrize("value", [None, 5, True, "", "text", [], ["t1", 5], {"a": 1}, ...], ids=repr)
@pytest.mark.parametrize(("model", "known"), [(model, known) for model in KNOWN for known in KNOWN[model]])
def test_a_fact_that_is_not_plain_is_taken_from_the_validated_row(
    model: type[WireModel], known: str, value: Any
) -> None:
    payload = {**full(model.__name__), known: value}
    if value is ...:
        del payload[known]
    at_once = parse_payload(TOPIC_OF[model], copy.deepcopy(payload), TOPICS)  # type: ignore[index]
    later = parse_payload(TOPIC_OF[model], payload, OWN_TOPICS)  # type: ignore[index]
    assert type(at_once) is type(later)
    if not isinstance(at_once, e.Malformed):
        for name in KNOWN[model]:
            here, there = later.entry, at_once.entry  # type: ignore[union-attr]
            assert getattr(here, name) == getattr(there, name) == getattr(here.row, name)


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(""), st.lists(st.integers(), max_size=2), st.just({"a": [{}]})
)


def test_nothing_of_a_payload_shows_before_it_is_frozen() -> None:
    payload = {
        "message_id": "m",
        "session_id": "s",
        "index": 0,
        "content": [{"type": "text", "text": "x"}],
        "more": [[1]],
    }
    row = late(Message, payload).row
    with pytest.raises(TypeError):
        row.content[0]["text"] = "other"
    with pytest.raises(TypeError):
        row.model_extra["more"][0][0] = 2
    with pytest.raises(ValueError, match="frozen"):
        row.session_id = "other"


def test_entries_are_equal_whichever_of_them_are_validated() -> None:
    payload = full("Task")

    def of(status: str) -> Any:
        return late(Task, {**payload, "status": status})

    def read(status: str) -> Any:
        return TaskEntry.of(row_from_wire(Task, {**payload, "status": status}))

    for one in (of, read):
        for other in (of, read):
            assert one("running") == other("running")
            assert (one("running") != other("running")) is False
            assert one("running") != other("stopped")
            assert (one("running") == other("stopped")) is False
        assert one("running") != "running"
        assert one("running") != None  # noqa: E711 - the fold compares with "no entry" like this


@pytest.mark.parametrize("reads", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    ("model", "missing", "null"),
    [
        (Task, {}, {"queue_position": None}),
        (Task, {"git_state": {"sha_at_start": "a"}}, {"git_state": {"sha_at_start": "a", "sha_at_end": None}}),
        (Message, {}, {"task_id": None}),
        (Session, {}, {"title": None}),
    ],
)
def test_null_differs_from_a_missing_field_whichever_of_them_are_validated(
    model: type[WireModel], missing: dict[str, Any], null: dict[str, Any], reads: tuple[bool, bool]
) -> None:
    """Their wire forms differ: which of them a snapshot holds must not depend on who has read a row before."""
    held, new = (late(model, minimal(model.__name__) | fields) for fields in (missing, null))
    for entry, read in zip((held, new), reads, strict=True):
        if read:
            assert entry.row
    assert held != new
    assert new != held


def test_comparing_entries_validates_none_of_them_where_that_is_possible() -> None:
    payload = full("Task")
    one, other = late(Task, {**payload}), late(Task, {**payload, "status": "stopped"})
    assert one != other
    assert one == late(Task, {**payload})
    assert not is_read(one)
    assert not is_read(other)
    assert TaskEntry.of(row_from_wire(Task, payload)) != other
    assert not is_read(other), "a text differs: nothing else need be known"


@pytest.mark.parametrize("entity", MODELS)
def test_a_row_that_has_been_read_lets_its_payload_go(entity: str) -> None:
    entry = late(MODELS[entity], full(entity))
    assert entry.payload is not None
    assert entry.row is entry.row
    assert entry.payload is None


def test_an_entry_with_a_token_is_as_validated_as_it_was() -> None:
    entry = late(Session, full("Session"))
    assert not is_read(entry.with_token("secret"))
    assert not is_read(entry)
    assert entry.with_token("secret").mcp_token == entry.with_token("secret").row.mcp_token == "secret"
    assert entry.row.mcp_token != "secret"
    assert entry.with_token("secret").row.mcp_token == "secret"


def test_threads_that_read_at_once_get_the_same_object() -> None:
    payload = full("Session")
    expected = row_from_wire(Session, payload).to_wire()
    for _ in range(200):
        entry = late(Session, copy.deepcopy(payload))
        found: list[Any] = []
        gate = threading.Barrier(4)

        def look(entry: Any = entry, gate: threading.Barrier = gate, found: list[Any] = found) -> None:
            gate.wait()
            found.append(entry.row)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found[0].to_wire() == expected
        assert all(row is found[0] for row in found)


def test_the_fold_validates_no_row_that_nobody_reads() -> None:
    state = fold(initial_state("s"), e.LinkChanged(LinkStatus("live", epoch=1)))
    while state.fetches:
        known = row_from_wire(Session, {"session_id": "s", "mcp_token": "secret", "last_updated": "0"})
        for fetch in state.fetches:
            rows = e.Rows(session=known if fetch.kind == "session" else None)
            state = fold(state, e.FetchAnswered(fetch.fetch_id, rows, 1.0))
    task = {"task_id": "t", "session_id": "s", "status": "created", "created_at": "2026-11-25T00:00:00Z"}
    message = {"message_id": "m", "session_id": "s", "task_id": "t", "index": 0}
    use = {"type": "tool_use", "id": "u", "name": "Bash"}
    session = {"session_id": "s", "last_updated": "1", "tasks": ["t"]}
    tool = {"session_id": "s", "task_id": "t", "tool_use_id": "u", "tool_name": "Bash"}
    for topic, payload in (
        ("tasks created", task),
        ("tasks patched", {**task, "status": "running"}),
        ("sessions patched", session),
        ("tasks tool:start", tool),
        ("messages created", {**message, "content": [use]}),
        ("messages patched", {**message, "content": [use, use]}),
        ("tasks patched", {**task, "status": "running", "model": "claude"}),
        ("sessions patched", {**session, "last_updated": "2"}),
        ("tasks patched", {**task, "status": "completed"}),
    ):
        state = fold(state, parse_payload(topic, payload, OWN_TOPICS))
    assert not is_read(state.tasks.entries["t"])
    assert not is_read(state.base.session)
    assert not any(is_read(entry) for entry in state.messages_by_task["t"].entries)
    assert type(state.tasks[0]) is Task
    assert type(state.messages_by_task["t"][0]) is Message
    assert type(state.session) is Session
    assert state.tasks[0] is state.tasks.get("t")
    assert state.session is state.session
    assert state.session is not None
    assert (state.session.mcp_token, state.session.last_updated) == ("secret", "2")
    assert state.get_task_tools("t")[0].tool_name == "Bash"

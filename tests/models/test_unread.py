"""Rows that are read when somebody looks at them: whoever looks, and however, finds the row that was meant."""

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
from agor_reactive.core.parse import OWN_TOPICS, ROW_TOPICS, TOPICS, parse_payload
from agor_reactive.models import LinkStatus, Message, Session, Task, WireModel, row_from_wire
from agor_reactive.models.unread import UNREAD, changed, differ, held_by, is_unread, unread
from tests.models.entities import full, instances, minimal

MODELS: dict[str, type[WireModel]] = {"Task": Task, "Message": Message, "Session": Session}
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


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("make", [minimal, full])
@pytest.mark.parametrize("entity", MODELS)
def test_every_look_finds_what_a_row_read_at_once_has(entity: str, make: Any, look: Callable[[Any], Any]) -> None:
    model = MODELS[entity]
    payload = {**make(entity), "zork": {"a": [1, {"b": None}]}, "archived": "not a boolean", "index": "not a number"}
    late = unread(UNREAD[model], copy.deepcopy(payload))
    assert outcome(look, late) == outcome(look, row_from_wire(model, payload))
    assert late == row_from_wire(model, payload)
    assert type(late) is model, "somebody has looked: it is a row like any other"


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
    late = parse_payload(topic, copy.deepcopy(payload), OWN_TOPICS)
    assert type(at_once) is type(late)
    if isinstance(at_once, e.Malformed):
        assert at_once == late
        return
    first, second = at_once.row, late.row  # type: ignore[union-attr]
    for known in KNOWN[model]:
        assert plain(held_by(second).get(known)) == plain(held_by(first).get(known))
    assert second.to_wire() == first.to_wire()
    assert second == first
    assert second.model_fields_set == first.model_fields_set
    assert second.invalid == first.invalid


KNOWN: dict[type[WireModel], tuple[str, ...]] = {
    Task: ("task_id", "session_id", "status"),
    Message: ("message_id", "session_id", "task_id"),
    Session: ("session_id", "mcp_token", "tasks"),
}
"""What the fold knows of a row without reading it."""


def plain(value: Any) -> Any:
    """Task ids are a list before, a tuple after, and nothing where none came."""
    return (tuple(value) if isinstance(value, list) else value) or None


@pytest.mark.parametrize("value", [None, 5, True, "", "text", [], ["t1", 5], {"a": 1}, ...], ids=repr)
@pytest.mark.parametrize(("model", "known"), [(model, known) for model in KNOWN for known in KNOWN[model]])
def test_what_the_fold_looks_at_is_plain_or_the_row_is_read(model: type[WireModel], known: str, value: Any) -> None:
    payload = {**full(model.__name__), known: value}
    if value is ...:
        del payload[known]
    at_once = parse_payload(TOPIC_OF[model], copy.deepcopy(payload), TOPICS)  # type: ignore[index]
    late = parse_payload(TOPIC_OF[model], payload, OWN_TOPICS)  # type: ignore[index]
    assert type(at_once) is type(late)
    if not isinstance(at_once, e.Malformed):
        for name in KNOWN[model]:
            here, there = held_by(late.row), held_by(at_once.row)  # type: ignore[union-attr]
            assert plain(here.get(name)) == plain(there.get(name))


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(""), st.lists(st.integers(), max_size=2), st.just({"a": [{}]})
)


def test_nothing_of_a_payload_shows_before_it_is_frozen() -> None:
    payload = {"message_id": "m", "session_id": "s", "content": [{"type": "text", "text": "x"}], "more": [[1]]}
    row = unread(UNREAD[Message], payload)
    with pytest.raises(TypeError):
        row.content[0]["text"] = "other"
    with pytest.raises(TypeError):
        row.model_extra["more"][0][0] = 2
    with pytest.raises(ValueError, match="frozen"):
        row.session_id = "other"  # type: ignore[misc]


def test_equal_whatever_of_the_two_has_been_looked_at() -> None:
    payload = full("Task")

    def of(status: str) -> Task:
        return unread(UNREAD[Task], {**payload, "status": status})

    def looked(status: str) -> Task:
        return row_from_wire(Task, {**payload, "status": status})

    for one in (of, looked):
        for other in (of, looked):
            assert one("running") == other("running")
            assert (one("running") != other("running")) is False
            assert one("running") != other("stopped")
            assert not differ(one("running"), other("running"))
            assert differ(one("running"), other("stopped"))
        assert one("running") != "running"
        assert differ(None, one("running"))


def test_to_tell_rows_apart_reads_none_of_them_where_it_can() -> None:
    payload = full("Task")
    one, other = unread(UNREAD[Task], {**payload}), unread(UNREAD[Task], {**payload, "status": "stopped"})
    assert differ(one, other)
    assert not differ(one, unread(UNREAD[Task], {**payload}))
    assert is_unread(one)
    assert is_unread(other)
    looked = row_from_wire(Task, payload)
    assert differ(looked, other)
    assert is_unread(other), "another text is there: nothing else need be known"


def test_a_changed_row_is_as_read_as_it_was() -> None:
    late = unread(UNREAD[Session], full("Session"))
    assert is_unread(changed(late, mcp_token="secret"))
    assert is_unread(late)
    assert changed(late, mcp_token="secret").mcp_token == "secret"
    assert late.mcp_token != "secret"
    assert changed(row_from_wire(Session, full("Session")), mcp_token="secret").mcp_token == "secret"


def test_threads_that_look_at_once_find_the_same() -> None:
    payload = full("Session")
    expected = row_from_wire(Session, payload).to_wire()
    for _ in range(200):
        row = unread(UNREAD[Session], copy.deepcopy(payload))
        found: list[Any] = []
        gate = threading.Barrier(4)

        def look(row: Session = row, gate: threading.Barrier = gate, found: list[Any] = found) -> None:
            gate.wait()
            found.append(row.to_wire())

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [expected] * 4


def test_the_fold_reads_no_row_that_nobody_looks_at() -> None:
    state = fold(initial_state("s"), e.LinkChanged(LinkStatus("live", epoch=1)))
    while state.asks:
        known = row_from_wire(Session, {"session_id": "s", "mcp_token": "secret", "last_updated": "0"})
        for ask in state.asks:
            rows = e.Rows(session=known if ask.kind == "session" else None)
            state = fold(state, e.AskAnswered(ask.ask_id, rows, 1.0))
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
    assert is_unread(state.tasks.get("t"))
    assert is_unread(state.session)
    assert all(is_unread(row) for row in state.messages_by_task["t"].rows)
    assert state.session is not None
    assert (state.session.mcp_token, state.session.last_updated) == ("secret", "2")
    assert state.get_task_tools("t")[0].tool_name == "Bash"


def test_topics_of_rows_are_those_that_save_one() -> None:
    assert sorted(ROW_TOPICS) == sorted(topic for topic in TOPICS if TOPICS[topic] is not OWN_TOPICS[topic])

"""Random event sequences: sessions, tasks, messages, streams with and without numbers, shuffled, repeated, with holes,
tools, queues, foreign sessions, late events, malformed payloads, and our own deeds."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agor_reactive.core import events as e
from agor_reactive.core.parse import TOPICS
from agor_reactive.models import LinkStatus, RawEvent
from tests.core.build import SID, answer_of, message_row, session_row, stamp, task_row

TASKS = ["t1", "t2", "t3"]
MESSAGES = ["m1", "m2", "m3", "m4"]
STATUSES = [
    "queued",
    "created",
    "dispatching",
    "running",
    "stopping",
    "completed",
    "failed",
    "stopped",
    "timed_out",
    "zz",
]

task_ids = st.sampled_from(TASKS)
message_ids = st.sampled_from(MESSAGES)
session_ids = st.sampled_from([SID, SID, SID, SID, "another-session"])
maybe_task = st.one_of(st.none(), task_ids)
words = st.sampled_from(["a", "bc", "", "déjà ", "\x1b[31mred\x1b[0m", "<img src=x>"])

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=8,
)

contents = st.one_of(
    words,
    st.lists(
        st.one_of(
            st.fixed_dictionaries({"type": st.just("text"), "text": words}),
            st.fixed_dictionaries({"type": st.just("tool_use"), "id": st.sampled_from(["u1", "u2"]), "name": words}),
            st.fixed_dictionaries({"type": st.just("tool_result"), "tool_use_id": st.sampled_from(["u1", "u2"])}),
            json_values,
        ),
        max_size=3,
    ),
    st.dictionaries(st.text(max_size=5), json_values, max_size=3),
)


@st.composite
def task_rows(draw: st.DrawFn) -> dict[str, Any]:
    row = task_row(draw(task_ids), draw(st.sampled_from(STATUSES)), second=draw(st.integers(0, 5)))
    row["session_id"] = draw(session_ids)
    if draw(st.booleans()):
        row["queue_position"] = draw(st.one_of(st.none(), st.integers(0, 3)))
    if draw(st.booleans()):
        row["created_at"] = draw(st.sampled_from(["", "not a time", stamp(3), "2026-11-25T01:00:03+01:00"]))
    return row


@st.composite
def message_rows(draw: st.DrawFn) -> dict[str, Any]:
    row = message_row(draw(message_ids), draw(maybe_task), draw(st.integers(0, 3)), content=draw(contents))
    row["session_id"] = draw(session_ids)
    return row


@st.composite
def session_rows(draw: st.DrawFn) -> dict[str, Any]:
    row = session_row(draw(st.permutations(TASKS)), title=draw(words))
    row["session_id"] = draw(session_ids)
    return row


@st.composite
def stream_events(draw: st.DrawFn) -> RawEvent:
    topic = draw(
        st.sampled_from(
            [
                "messages streaming:start",
                "messages streaming:chunk",
                "messages streaming:chunk",
                "messages streaming:end",
                "messages streaming:error",
                "messages thinking:start",
                "messages thinking:chunk",
                "messages thinking:end",
            ]
        )
    )
    payload: dict[str, Any] = {"session_id": draw(session_ids), "message_id": draw(message_ids)}
    task_id = draw(maybe_task)
    if task_id is not None:
        payload["task_id"] = task_id
    if topic.endswith("chunk"):
        payload["chunk"] = draw(words)
    if topic in ("messages streaming:chunk", "messages streaming:end") and draw(st.booleans()):
        payload["sequence"] = draw(st.integers(0, 6))
    if topic.endswith("error"):
        payload["error"] = draw(st.one_of(words, json_values))
    return RawEvent(topic, payload)


@st.composite
def tool_events(draw: st.DrawFn) -> RawEvent:
    payload = {"session_id": draw(session_ids), "task_id": draw(task_ids), "tool_use_id": draw(st.sampled_from("uvw"))}
    topic = draw(st.sampled_from(["tasks tool:start", "tasks tool:complete"]))
    return RawEvent(topic, {**payload, "tool_name": "Bash"} if topic.endswith("start") else payload)


verbs = st.sampled_from(["created", "patched", "updated", "removed"])


@st.composite
def row_events(draw: st.DrawFn) -> RawEvent:
    kind = draw(st.sampled_from(["tasks", "messages", "sessions"]))
    rows: Any = {"tasks": task_rows(), "messages": message_rows(), "sessions": session_rows()}[kind]
    verb = draw(verbs)
    if kind == "sessions" and verb == "removed" and draw(st.integers(0, 9)):
        verb = "patched"  # the end of everything, now and then only
    if kind == "tasks" and draw(st.booleans()):
        verb = "queued" if draw(st.booleans()) else verb
    return RawEvent(f"{kind} {verb}", draw(rows))


@st.composite
def malformed_events(draw: st.DrawFn) -> RawEvent:
    topic = draw(st.one_of(st.sampled_from(sorted(TOPICS)), st.text(max_size=10)))
    payload = draw(json_values)
    if isinstance(payload, dict) and draw(st.booleans()):
        known = {"session_id": SID, "message_id": "m1", "task_id": "t1", "tool_use_id": "u1", "chunk": "x"}
        payload = {**known, **payload, draw(st.sampled_from(sorted(known))): draw(json_values)}
    return RawEvent(topic, payload)


@st.composite
def answers(draw: st.DrawFn) -> e.FetchAnswered:
    rows = answer_of(
        session=draw(st.one_of(st.none(), session_rows())),
        tasks=draw(st.lists(task_rows(), max_size=3)),
        messages=draw(st.lists(message_rows(), max_size=3)),
    )
    return e.FetchAnswered(draw(st.integers(1, 12)), rows._replace(complete=draw(st.booleans())), 1.0)


@st.composite
def failures(draw: st.DrawFn) -> e.FetchFailed:
    kind = draw(st.sampled_from(["link", "timeout", "server", "unauthenticated", "forbidden", "not_found", "absent"]))
    return e.FetchFailed(draw(st.integers(1, 12)), e.Failure(kind, "it broke"), 1.0)  # type: ignore[arg-type]


links = st.builds(
    LinkStatus,
    phase=st.sampled_from(["live", "live", "unauthenticated", "reconnecting"]),
    epoch=st.integers(1, 3),
).map(e.LinkChanged)

own_deeds = st.one_of(
    answers(),
    answers(),
    answers(),
    failures(),
    links,
    task_ids.map(e.LoadRequested),
    task_ids.map(e.UnloadRequested),
    st.just(e.ResyncRequested()),
)

wire_events = st.one_of(row_events(), row_events(), stream_events(), stream_events(), tool_events())
anything = st.one_of(wire_events, wire_events, own_deeds, malformed_events())
sequences = st.lists(anything, max_size=40)
hydrations = st.sampled_from(["none", "lazy", "eager", "lean", "preview"])

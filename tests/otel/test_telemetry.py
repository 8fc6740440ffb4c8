"""Turns become spans with the times of their rows, once each, and without content unless it is asked for."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.semconv._incubating.attributes import error_attributes, gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode
from reactivex.subject import Subject

from agor_reactive.core import SessionState
from agor_reactive.otel import Telemetry
from agor_reactive.otel.attributes import CONTENT_ENV
from tests.core.build import SID, Mirror, message_row, saved, session_row, stamp
from tests.otel.rows import (
    SECRET,
    Sent,
    about,
    id_of,
    messages,
    parent_of,
    result,
    seconds_of,
    session,
    task,
    turn,
    use,
)


def strings_of(module: ModuleType) -> set[str]:
    """The names that a module of the conventions' package lists."""
    return {value for value in vars(module).values() if isinstance(value, str)}


def test_two_turns_have_two_agent_spans_with_four_tool_children_over_a_reconnect() -> None:
    sent, mirror, source = Sent(), Mirror("eager"), Subject[SessionState]()
    sent.telemetry.observe(source, since=0.0)
    rows = [(task(1), messages(1)), (task(2), messages(2))]
    for epoch in (1, 2):  # the second reading follows a lost connection
        mirror.up(epoch=epoch).land([row for row, _ in rows], messages={row["task_id"]: found for row, found in rows})
        source.on_next(mirror.state)
        mirror.down()
        source.on_next(mirror.state)
    agents, tools = sent.named("invoke_agent "), sent.named("execute_tool Bash")
    assert (len(agents), len(tools), len(sent.spans)) == (2, 4, 6)
    assert [parent_of(tool) for tool in tools] == [id_of(agents[0])] * 2 + [id_of(agents[1])] * 2
    assert [seconds_of(span) for span in agents] == [8.0] * 2
    assert [seconds_of(span) for span in tools] == [1.0] * 4
    assert [about(tool).get("error.type") for tool in tools] == [None, "failed"] * 2
    assert len({span.context.trace_id for span in sent.spans if span.context}) == 2


def test_the_attributes_are_those_of_the_conventions() -> None:
    sent = Sent()
    settings = {"mode": "exact", "model": "gpt-9", "provider": "elsewhere"}
    row = session(model_config=settings, agentic_tool_version="2.1")
    sent.telemetry.record(turn(task(), messages()), row)
    (agent,), tool = sent.named("invoke_agent codex"), sent.named("execute_tool Bash")[1]
    assert (agent.kind, tool.kind, parent_of(agent)) == (SpanKind.CLIENT, SpanKind.INTERNAL, None)
    assert about(agent) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "openai",
        "gen_ai.agent.name": "codex",
        "gen_ai.agent.version": "2.1",
        "gen_ai.request.model": "gpt-9",
        "gen_ai.conversation.id": SID,
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "agor.task.id": "t1",
    }
    assert about(tool) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Bash",
        "gen_ai.tool.call.id": "t1b",
        "gen_ai.agent.name": "codex",
        "gen_ai.conversation.id": SID,
        "error.type": "failed",
    }
    known = strings_of(gen_ai_attributes) | strings_of(error_attributes)
    with_content = Sent(content=True)
    with_content.telemetry.record(turn(task(), messages()), row)
    names = {name for span in with_content.spans for name in about(span)} | {
        name for points in sent.metrics.values() for point in points for name in point.attributes
    }
    assert {name for name in names - known if not name.startswith("agor.")} == set()
    # Newer than the list of the package.
    assert set(sent.metrics) - strings_of(gen_ai_metrics) == {"gen_ai.execute_tool.duration"}


@pytest.mark.parametrize(
    ("agent", "settings", "provider"),
    [
        ("claude-code", None, "anthropic"),
        ("gemini", None, "gcp.gemini"),
        ("opencode", {"provider": "mistral_ai"}, "mistral_ai"),
        ("copilot", None, "copilot"),
    ],
)
def test_the_provider_follows_from_the_agent_or_its_settings(agent: str, settings: Any, provider: str) -> None:
    sent = Sent()
    sent.telemetry.record(turn(task()), session(agentic_tool=agent, model_config=settings))
    assert [about(span)["gen_ai.provider.name"] for span in sent.spans] == [provider]


def test_metrics_are_durations_tokens_and_tool_durations() -> None:
    sent = Sent()
    sent.telemetry.record(turn(task(), messages()), session())
    sent.telemetry.record(turn(task(2, "failed")), session())
    found = sent.metrics
    durations = {point.attributes.get("error.type"): point for point in found["gen_ai.client.operation.duration"]}
    assert {kind: (point.sum, point.count) for kind, point in durations.items()} == {None: (8.0, 1), "failed": (8.0, 1)}
    assert max(durations[None].explicit_bounds) > 600
    tokens = {
        point.attributes["gen_ai.token.type"]: (point.sum, point.count) for point in found["gen_ai.client.token.usage"]
    }
    assert tokens == {"input": (22, 2), "output": (14, 2)}
    tools = {point.attributes.get("error.type"): point.sum for point in found["gen_ai.execute_tool.duration"]}
    assert tools == {None: 1.0, "failed": 1.0}
    assert not any("conversation" in name for points in found.values() for point in points for name in point.attributes)


def test_the_queue_is_counted_while_its_session_is_watched() -> None:
    sent, mirror, source = Sent(), Mirror(), Subject[SessionState]()
    sent.telemetry.observe(source)

    def length() -> int:
        return sum(point.value for point in sent.metrics.get("agor.queue.length", []))

    mirror.up().land([], session=session_row(), queue=[task(1, "queued"), task(2, "queued")])
    source.on_next(mirror.state)
    assert length() == 2
    mirror.feed(saved("sessions", session_row(agentic_tool="gemini"), "patched"))
    source.on_next(mirror.state)
    (point,) = [point for point in sent.metrics["agor.queue.length"] if point.value]
    assert (point.value, dict(point.attributes)) == (2, {"gen_ai.agent.name": "gemini"})
    source.on_completed()
    assert length() == 0


def test_waits_are_events_at_their_end_with_their_duration() -> None:
    def asked(request_id: str, second: int, **more: Any) -> dict[str, Any]:
        content = {"request_id": request_id, "tool_name": "Bash", "tool_input": {"command": SECRET}, **more}
        return message_row(request_id, "t1", second, type="permission_request", role="system", content=content)

    found = [
        asked("r1", 23, status="approved", approved_at=stamp(25), tool_use_id="t1a"),
        asked("r2", 26, status="denied", approved_at=stamp(27)),
        asked("r3", 28, status="pending"),
    ]
    sent = Sent()
    sent.telemetry.record(turn(task(), found))
    (agent,) = sent.spans
    began = agent.start_time or 0
    events = [(e.name, (e.timestamp - began) / 1e9, dict(e.attributes or {})) for e in agent.events]
    assert [(name, at, known["agor.wait.duration"]) for name, at, known in events] == [
        ("agor.queue.wait", 0.0, 1.0),
        ("agor.permission.wait", 4.0, 2.0),
        ("agor.permission.wait", 6.0, 1.0),
        ("agor.permission.wait", 8.0, 1.0),
    ]
    assert [known.get("agor.permission.status") for _, _, known in events] == [None, "approved", "denied", "pending"]
    assert events[1][2]["gen_ai.tool.call.id"] == "t1a"
    assert SECRET not in agent.to_json()


def test_a_permission_request_in_the_row_of_an_older_daemon_is_an_event() -> None:
    asked = {"request_id": "r1", "tool_name": "Bash", "requested_at": stamp(22), "approved_at": stamp(25)}
    sent = Sent()
    sent.telemetry.record(turn(task(queue_position=None, permission_request=asked)))
    (_, event) = sent.spans[0].events
    assert (event.attributes or {})["agor.wait.duration"] == 3.0


def test_a_call_of_a_subagent_is_the_child_of_the_call_that_started_it() -> None:
    found = [
        use("t1", "outer", 22),
        use("t1", "inner", 22, parent_tool_use_id="t1outer"),
        result("t1", "inner", 23),
        result("t1", "outer", 24),
        use("t1", "x", 25, parent_tool_use_id="t1y"),
        use("t1", "y", 25, parent_tool_use_id="t1x"),  # a circle
    ]
    sent = Sent()
    sent.telemetry.record(turn(task(), found))
    (agent,) = sent.named("invoke_agent")
    calls = {about(span)["gen_ai.tool.call.id"]: span for span in sent.named("execute_tool")}
    assert parent_of(calls["t1outer"]) == id_of(agent)
    assert parent_of(calls["t1inner"]) == id_of(calls["t1outer"])
    assert {parent_of(calls["t1x"]), parent_of(calls["t1y"])} & {id_of(agent)}
    assert about(calls["t1x"])["error.type"] == "interrupted"


def test_a_denied_call_has_that_as_its_error_type() -> None:
    request = {"request_id": "r1", "tool_name": "Bash", "tool_input": {"command": SECRET}, "status": "denied"}
    asked = message_row("m1", "t1", 23, type="permission_request", role="system", content=request)
    sent = Sent()
    sent.telemetry.record(turn(task(), [use("t1", "a", 22), asked, result("t1", "a", 24, failed=True)]))
    assert [about(span)["error.type"] for span in sent.named("execute_tool")] == ["denied"]


def test_a_session_is_linked_to_the_tasks_that_it_comes_from() -> None:
    origin = {
        "parent_session_id": "s0",
        "spawn_point_task_id": "t1",
        "forked_from_session_id": "s2",
        "fork_point_task_id": "t2",
    }
    sent = Sent()
    sent.telemetry.record(turn(task(1)), session())
    sent.telemetry.record(turn(task(2)), session())
    sent.telemetry.record(turn(task(3)), session(genealogy=origin))
    sent.telemetry.record(turn(task(4, metadata={"is_agor_callback": True, "child_task_id": "t3"})), session())
    spans = {about(span)["agor.task.id"]: span for span in sent.spans}

    def links(name: str) -> list[tuple[int, Any]]:
        return [(link.context.span_id, (link.attributes or {})["agor.link.type"]) for link in spans[name].links]

    assert links("t3") == [(id_of(spans["t1"]), "parent"), (id_of(spans["t2"]), "fork")]
    assert links("t4") == [(id_of(spans["t3"]), "callback")]
    assert [link.context.trace_id for link in spans["t4"].links] == [spans["t3"].context.trace_id]  # type: ignore[union-attr]
    assert links("t1") == []


def test_a_turn_that_is_sent_again_has_the_same_ids() -> None:
    ids = []
    for _ in range(2):
        sent = Sent()
        sent.telemetry.record(turn(task(), messages()))
        ids.append([(span.context.trace_id, span.context.span_id) for span in sent.spans if span.context])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


def test_the_id_generator_of_the_user_is_respected_and_then_there_are_no_links() -> None:
    class Theirs(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return 77

    sent = Sent(tracers=TracerProvider(id_generator=Theirs()))
    sent.telemetry.record(turn(task()), session(genealogy={"spawn_point_task_id": "t9"}))
    (span,) = sent.spans
    assert span.context is not None
    assert (span.context.trace_id, list(span.links)) == (77, [])


def test_ids_are_spread_evenly_for_samplers_by_ratio() -> None:
    sent = Sent(tracers=TracerProvider(sampler=TraceIdRatioBased(0.25)))
    for number in range(400):
        sent.telemetry.record(turn(task() | {"task_id": f"01a20fce-d685-732c-b447-{number:012x}"}))
    assert 60 < len(sent.spans) < 140


def test_a_turn_without_times_is_not_sent_and_one_that_ends_before_it_starts_has_no_duration() -> None:
    sent = Sent()
    assert not sent.telemetry.record(turn(task(completed_at=None)))
    assert sent.telemetry.record(turn(task(completed_at=stamp(3))))
    assert [seconds_of(span) for span in sent.spans] == [0.0]


def test_content_is_sent_on_request_only_and_never_a_key() -> None:
    key = "agor_sk_" + "5e" * 24
    found = [*messages(), message_row("m9", "t1", 29, content=f"The key is {key}.")]
    for content in (False, True):
        sent = Sent(content=content)
        row = task(1, "failed", full_prompt=f"{SECRET} {key}", error_message=f"{SECRET} {key}")
        sent.telemetry.record(turn(row, found), session(title=SECRET))
        texts = [span.to_json() for span in sent.spans]
        assert [SECRET in text for text in texts] == [content] * 3
        assert not any(key in text for text in texts)
    (agent,) = sent.named("invoke_agent")
    assert '"role":"assistant"' in about(agent)["gen_ai.output.messages"]
    assert agent.status.status_code is StatusCode.ERROR
    assert (agent.status.description or "").startswith(SECRET)


@pytest.mark.parametrize(("value", "wanted"), [("true", True), ("SPAN_ONLY", True), ("event_only", False), ("", False)])
def test_the_environment_switches_content_on(monkeypatch: pytest.MonkeyPatch, value: str, wanted: bool) -> None:
    monkeypatch.setenv(CONTENT_ENV, value)
    sent = Sent(content=None)
    sent.telemetry.record(turn(task()))
    assert (SECRET in sent.spans[0].to_json()) is wanted


@pytest.mark.parametrize("found", [2**80, "\ud800", {"a": {"b": float("nan")}}, [None]])
def test_any_input_of_a_tool_can_be_sent(found: Any) -> None:
    row = use("t1", "a", 22)
    row["content"][0]["input"] = found
    sent = Sent(content=True)
    sent.telemetry.record(turn(task(), [row, result("t1", "a", 23)]))
    assert isinstance(about(sent.named("execute_tool")[0])["gen_ai.tool.call.arguments"], str)


def test_a_failed_turn_has_its_error_type_and_a_stopped_one_has_none() -> None:
    sent = Sent()
    for number, status in enumerate(("completed", "failed", "stopped", "timed_out"), 1):
        sent.telemetry.record(turn(task(number, status)))
    assert [about(span).get("error.type") for span in sent.spans] == [None, "failed", None, "timed_out"]
    assert [span.status.status_code is StatusCode.ERROR for span in sent.spans] == [False, True, False, True]


def test_without_an_sdk_nothing_is_sent_and_nothing_is_raised() -> None:
    telemetry = Telemetry(tracer_provider=NoOpTracerProvider())
    assert telemetry.record(turn(task(), messages()), session(genealogy={"spawn_point_task_id": "t9"}))


def test_without_the_extra_the_error_names_it() -> None:
    code = (
        "import sys\n"
        "sys.modules['opentelemetry'] = None\n"
        "import agor_reactive\n"
        "try:\n"
        "    import agor_reactive.otel\n"
        "except agor_reactive.MissingExtra as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'OpenTelemetry is not installed: pip install "agor-reactive[otel]"'

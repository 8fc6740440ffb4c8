"""`Telemetry`: completed turns to spans and metrics, with the times of the rows and not those of the export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from reactivex import Observable, abc
from reactivex.subject import Subject

from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import MissingExtra
from agor_reactive.logs import Log
from agor_reactive.models.base import instant
from agor_reactive.models.session import Session
from agor_reactive.operators import ToolCall, Turn, completed_turns
from agor_reactive.otel.calls import tool_calls_of

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Link, Span, SpanContext, TracerProvider

__all__ = ["Telemetry"]

PROVIDERS: Final = {"claude-code": "anthropic", "codex": "openai", "gemini": "gcp.gemini"}
"""Agent to `gen_ai.provider.name`. Any other agent's own name is sent, as the conventions allow."""


class Telemetry:
    """Send turns as one `invoke_agent` span each, with an `execute_tool` child per tool call, and as metrics.

    Without providers the global ones are used. `content`: also send prompts, replies, and the arguments and results of
    tools; off by default. Raises `MissingExtra` (a `UsageError`) without the extra `[otel]`.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        content: bool = False,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise MissingExtra('OpenTelemetry is not installed: pip install "agor-reactive[otel]"') from None
        self._trace = trace
        self._tracer = trace.get_tracer("agor_reactive", tracer_provider=tracer_provider)
        meter = metrics.get_meter("agor_reactive", meter_provider=meter_provider)
        self._durations = meter.create_histogram("gen_ai.client.operation.duration", "s", "Duration of a turn")
        self._tools = meter.create_histogram("gen_ai.execute_tool.duration", "s", "Duration of a tool call")
        self._tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}", "Tokens of a turn")
        self._content = content
        self._last: dict[str, SpanContext] = {}

    def observe(self, snapshots: Observable[SessionState], *, since: float | None = None) -> abc.DisposableBase:
        """Send each turn of these snapshots once, over reconnects, too. `since` as in `completed_turns`."""
        sessions: dict[str, Session] = {}

        def note(state: SessionState) -> SessionState:
            if state.session is not None:
                sessions[state.session.session_id] = state.session
            return state

        from reactivex import operators as ops

        turns = snapshots.pipe(ops.map(note), completed_turns(since))
        return turns.subscribe(lambda turn: self.record(turn, sessions.get(turn.session_id)))

    def observe_log(self, log: Log, session_id: str | None = None) -> None:
        """Send every turn of a session in a log, with the times in the log."""
        source: Subject[SessionState] = Subject()
        with self.observe(source, since=0.0):
            for _, state in log.states(session_id):
                source.on_next(state)

    def record(self, turn: Turn, session: Session | None = None) -> None:
        """Send one turn. A turn without a time of start and end has no span."""
        task = turn.task
        began = instant(task.started_at) or instant(task.created_at)
        ended = instant(task.completed_at)
        if began is None or ended is None:
            return
        agent = (session.agentic_tool if session is not None else None) or "agor"
        common: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": PROVIDERS.get(agent, agent),
            "gen_ai.agent.name": agent,
        }
        if task.model:
            common["gen_ai.request.model"] = task.model
        failure = {"error.type": turn.status} if turn.failed else {}
        span = self._tracer.start_span(
            f"invoke_agent {agent}",
            context=self._trace.set_span_in_context(self._trace.INVALID_SPAN),
            kind=self._trace.SpanKind.CLIENT,
            start_time=_ns(began),
            links=self._links(turn),
            attributes=common | failure | {"gen_ai.conversation.id": turn.session_id, "agor.task.id": turn.id},
        )
        self._last[turn.session_id] = span.get_span_context()
        self._waits(span, turn)
        self._usage(span, turn, common)
        if self._content:
            span.set_attribute("gen_ai.input.messages", _messages("user", turn.prompt))
            span.set_attribute("gen_ai.output.messages", _messages("assistant", turn.text))
        if turn.failed:
            span.set_status(self._trace.StatusCode.ERROR)
        for call in tool_calls_of(turn):
            self._tool(span, call)
        span.end(_ns(ended))
        self._durations.record(max(0.0, ended - began), common | failure)

    def _links(self, turn: Turn) -> list[Link]:
        """The turn before in the same session."""
        before = self._last.get(turn.session_id)
        return [] if before is None else [self._trace.Link(before, {"agor.link": "previous_turn"})]

    def _waits(self, span: Span, turn: Turn) -> None:
        created, started = instant(turn.task.created_at), instant(turn.task.started_at)
        if turn.task.queue_position is not None and created is not None and started is not None:
            span.add_event("agor.queue.wait", {"agor.wait.duration": max(0.0, started - created)}, _ns(created))
        for message in turn.messages:
            asked, at = message.permission, instant(message.timestamp)
            if asked is None or at is None:
                continue
            answered = instant(asked.approved_at)
            about: dict[str, Any] = {"gen_ai.tool.name": asked.tool_name, "agor.permission.status": asked.status}
            if answered is not None:
                about["agor.wait.duration"] = max(0.0, answered - at)
            span.add_event("agor.permission.wait", about, _ns(at))

    def _usage(self, span: Span, turn: Turn, common: dict[str, Any]) -> None:
        usage = turn.task.usage
        tokens = None if usage is None else usage.token_usage
        if tokens is None:
            return
        for kind, count in (("input", tokens.input_tokens), ("output", tokens.output_tokens)):
            span.set_attribute(f"gen_ai.usage.{kind}_tokens", int(count))
            self._tokens.record(int(count), common | {"gen_ai.token.type": kind})

    def _tool(self, parent: Span, call: ToolCall) -> None:
        if call.started_at is None or call.ended_at is None:
            return
        about: dict[str, Any] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": call.name}
        if call.status != "complete":
            about["error.type"] = call.status
        span = self._tracer.start_span(
            f"execute_tool {call.name}",
            context=self._trace.set_span_in_context(parent),
            start_time=_ns(call.started_at),
            attributes=about | {"gen_ai.tool.call.id": call.id, "gen_ai.conversation.id": call.session_id},
        )
        if self._content:
            span.set_attribute("gen_ai.tool.call.arguments", _json(call.input))
            span.set_attribute("gen_ai.tool.call.result", _json(call.result))
        if "error.type" in about:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end(_ns(max(call.started_at, call.ended_at)))
        self._tools.record(max(0.0, call.ended_at - call.started_at), about)


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000) * 1000


def _json(value: Any) -> str:
    return orjson.dumps(value, default=list).decode()


def _messages(role: str, text: str) -> str:
    return _json([{"role": role, "parts": [{"type": "text", "content": text}]}])

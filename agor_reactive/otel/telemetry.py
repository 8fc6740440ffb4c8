"""`Telemetry`: turns to spans and metrics, with the times of their rows and not those of the export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import reactivex
from opentelemetry import metrics, trace
from reactivex import Observable, abc
from reactivex import operators as ops
from reactivex.disposable import CompositeDisposable

from agor_reactive.core.snapshot import SessionState
from agor_reactive.logs import Log
from agor_reactive.models.base import instant
from agor_reactive.models.message import PermissionAsked
from agor_reactive.models.session import Session
from agor_reactive.models.task import TaskPermissionRequest
from agor_reactive.operators import ToolCall, Turn, completed_turns
from agor_reactive.otel.attributes import (
    agent_attributes,
    content_of_call,
    content_of_turn,
    tool_attributes,
    usage_attributes,
    wants_content,
)
from agor_reactive.otel.calls import parents_of, tool_calls_of
from agor_reactive.otel.ids import derive_ids, ids_for, span_of_task
from agor_reactive.otel.queues import QueueLength
from agor_reactive.transport.redaction import scrub_text

__all__ = ["SessionTurn", "Telemetry", "session_turns"]

SessionTurn = tuple[Turn, Session | None]
"""A turn and the row of its session."""

_SECONDS: Final = [0.01 * 2**n for n in range(19)]
"""Buckets of durations: those of the conventions up to 81.92 s, and more, because turns take minutes."""
_TOKENS: Final = [4**n for n in range(14)]
_SCOPE: Final = "agor_reactive"


class Telemetry:
    """Sends turns as one `invoke_agent` span each, with an `execute_tool` child for each tool call, and as metrics.

    Without providers the global ones are used. `content`: also send prompts, replies, arguments and results of tools,
    and error messages, without keys and tokens; by default as the environment variable
    ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says (``true``, ``SPAN_ONLY``), else not.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        content: bool | None = None,
    ) -> None:
        self._tracers = tracer_provider
        self._content = wants_content() if content is None else content
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)

        def histogram(name: str, unit: str, description: str, buckets: list[float] | list[int]) -> metrics.Histogram:
            return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=buckets)

        self._durations = histogram("gen_ai.client.operation.duration", "s", "Duration of a turn", _SECONDS)
        self._tools = histogram("gen_ai.execute_tool.duration", "s", "Duration of a tool call", _SECONDS)
        self._tokens = histogram("gen_ai.client.token.usage", "{token}", "Tokens of a turn", _TOKENS)
        self._queues = meter.create_up_down_counter("agor.queue.length", "{task}", "Queued tasks of the sessions")

    def observe(self, snapshots: Observable[SessionState], *, since: float | None = None) -> abc.DisposableBase:
        """Send each turn of a session once, also over reconnects, and count its queue. `since` as in `completed_turns`.

        Dispose the result, or let the snapshots complete, to stop.
        """

        def send(item: SessionTurn) -> None:
            self.record(*item)

        return CompositeDisposable(session_turns(snapshots, since).subscribe(send), self.observe_queue(snapshots))

    def observe_queue(self, snapshots: Observable[SessionState]) -> abc.DisposableBase:
        """Count the queue of a session, and nothing else."""
        return QueueLength(self._queues).observe(snapshots)

    def observe_log(self, log: Log, session_id: str | None = None) -> int:
        """Send every turn of a session of a log, with the times of the log. Returns how many.

        No metrics: OpenTelemetry has no way to send them with a time of the past. Raises what `Log.states` raises.
        """
        sent = 0
        for turn, session in logged_turns(log, session_id):
            sent += self.record(turn, session, measured=False)
        return sent

    def record(self, turn: Turn, session: Session | None = None, *, measured: bool = True) -> bool:
        """Send one turn, with metrics if `measured`. Returns False for one that has never started or has no end."""
        task = turn.task
        began, ended = instant(task.started_at) or instant(task.created_at), instant(task.completed_at)
        if began is None or ended is None:
            return False
        ended = max(began, ended)
        tracer = trace.get_tracer(_SCOPE, tracer_provider=self._tracers)
        linked = derive_ids(tracer)
        about = agent_attributes(turn, session)
        usage = usage_attributes(turn)
        details: dict[str, Any] = {"gen_ai.conversation.id": turn.session_id, "agor.task.id": turn.id}
        if session is not None and session.agentic_tool_version:
            details["gen_ai.agent.version"] = session.agentic_tool_version
        with ids_for(turn.id):
            span = tracer.start_span(
                f"invoke_agent {about['gen_ai.agent.name']}",
                context=trace.set_span_in_context(trace.INVALID_SPAN),  # a root, whatever span is current
                kind=trace.SpanKind.CLIENT,
                start_time=_ns(began),
                links=list(_links(turn, session)) if linked else [],
                attributes=about | usage | details,
            )
        _add_waits(span, turn, began, ended)
        if self._content:
            span.set_attributes(content_of_turn(turn))
        if turn.failed:
            self._fail(span, task.error_message)
        agent = about["gen_ai.agent.name"]
        calls = [call for call in tool_calls_of(turn) if call.started_at is not None and call.ended_at is not None]
        self._send_calls(tracer, span, turn, calls, agent)
        span.end(_ns(ended))
        if measured:
            self._durations.record(ended - began, about)
            shared = {name: value for name, value in about.items() if name != "error.type"}
            for kind in ("input", "output"):
                if (count := usage.get(f"gen_ai.usage.{kind}_tokens")) is not None:
                    self._tokens.record(count, shared | {"gen_ai.token.type": kind})
            for call in calls:
                self._tools.record(call.duration or 0.0, tool_attributes(call, agent))
        return True

    def _send_calls(
        self, tracer: trace.Tracer, turn_span: trace.Span, turn: Turn, calls: list[ToolCall], agent: str
    ) -> None:
        by_id, parents = {call.id: call for call in calls}, parents_of(turn)
        spans: dict[str, trace.Span] = {}

        def started(call: ToolCall) -> trace.Span:
            if call.id not in spans:
                spans[call.id] = turn_span  # while its parent is looked for, in case of a circle
                parent = by_id.get(parents.get(call.id, ""))
                above = turn_span if parent is None else started(parent)
                spans[call.id] = self._send_call(tracer, above, call, agent)
            return spans[call.id]

        for call in calls:
            started(call)

    def _send_call(self, tracer: trace.Tracer, above: trace.Span, call: ToolCall, agent: str) -> trace.Span:
        about = tool_attributes(call, agent)
        began, ended = call.started_at or 0.0, call.ended_at or 0.0
        with ids_for(call.task_id, call.id):
            span = tracer.start_span(
                f"execute_tool {about['gen_ai.tool.name']}",
                context=trace.set_span_in_context(above),
                start_time=_ns(began),
                attributes=about | {"gen_ai.tool.call.id": call.id, "gen_ai.conversation.id": call.session_id},
            )
        if self._content:
            span.set_attributes(content_of_call(call))
        if "error.type" in about:
            self._fail(span, call.error)
        span.end(_ns(max(began, ended)))
        return span

    def _fail(self, span: trace.Span, why: str | None) -> None:
        # A message of an error may cite the prompt, or a tool's output: it is content.
        text = scrub_text(why) if why and self._content else None
        span.set_status(trace.StatusCode.ERROR, text)


def session_turns(snapshots: Observable[SessionState], since: float | None = None) -> Observable[SessionTurn]:
    """The turns that `completed_turns` finds, each with its session as of then."""

    def watched(_: object) -> Observable[SessionTurn]:
        last: SessionState | None = None

        def note(state: SessionState) -> None:
            nonlocal last
            last = state

        def with_session(turn: Turn) -> SessionTurn:
            return turn, None if last is None else last.session

        return snapshots.pipe(ops.do_action(note), completed_turns(since), ops.map(with_session))

    return reactivex.defer(watched)


def logged_turns(log: Log, session_id: str | None = None) -> Iterator[SessionTurn]:
    """The turns of a session of a log, in order of their end."""
    found: list[SessionTurn] = []
    source: reactivex.Subject[SessionState] = reactivex.Subject()
    with session_turns(source, since=0.0).subscribe(found.append):
        for _, state in log.states(session_id):
            source.on_next(state)
            yield from found
            found.clear()


def _links(turn: Turn, session: Session | None) -> Iterator[trace.Link]:
    """To the tasks of other sessions that this turn comes from: of the parent, of the fork's origin, of a callback."""
    details, origin = turn.task.details, session.genealogy if session is not None else None
    points = [("callback", details.child_task_id, details.child_session_id)]
    if origin is not None:
        points += [
            ("parent", origin.spawn_point_task_id, origin.parent_session_id),
            ("fork", origin.fork_point_task_id, origin.forked_from_session_id),
        ]
    for kind, task_id, session_id in points:
        if task_id:
            about = {"agor.link.type": kind} | ({"gen_ai.conversation.id": session_id} if session_id else {})
            yield trace.Link(span_of_task(task_id), about)


def _add_waits(span: trace.Span, turn: Turn, began: float, ended: float) -> None:
    """An event at the end of each wait, with its duration: in the queue, and for permissions.

    Every task has a wait in the queue, of about 0 s if it was dispatched at once. Fact of the wire: ended tasks do not
    show whether they were queued (June 2026 never clears `queue_position`; today each prompt is queued first).
    """
    created = instant(turn.task.created_at)
    if created is not None:
        span.add_event("agor.queue.wait", {"agor.wait.duration": _seconds(began - created)}, _ns(began))
    for request, asked_at, status in _permissions(turn):
        since = instant(asked_at)
        if since is None:
            continue
        until = max(since, instant(request.approved_at) or ended)
        about: dict[str, Any] = {
            "agor.wait.duration": _seconds(until - since),
            "agor.permission.status": status,
            "gen_ai.tool.name": request.tool_name or "unknown",
        }
        if request.tool_use_id:
            about["gen_ai.tool.call.id"] = request.tool_use_id
        span.add_event("agor.permission.wait", about, _ns(until))


def _permissions(turn: Turn) -> list[tuple[PermissionAsked | TaskPermissionRequest, str | None, str]]:
    """Each request of a turn, when it was made, and its status. Older daemons keep the last one in the task's row."""
    found = [(asked, m.timestamp, asked.status) for m in turn.messages if (asked := m.permission) is not None]
    by_row = turn.task.permission
    if not found and by_row is not None and by_row.request_id:
        return [(by_row, by_row.requested_at, "approved" if by_row.approved_at else "unknown")]
    return [*found]


def _seconds(duration: float) -> float:
    return round(max(0.0, duration), 6)


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000) * 1000

"""Ids of traces and spans, derived from the ids of tasks and tool calls.

A turn that is sent again, by the next process or from a log, has the ids of the first time, so that a backend which
compares them has it once. And a link can name the span of another session's task without having seen it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b

from opentelemetry.sdk.trace import Tracer
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext, TraceFlags

__all__ = ["derive_ids", "ids_for", "span_of_task"]

_wanted: ContextVar[tuple[int, int] | None] = ContextVar("agor_reactive_span", default=None)


class _DerivedIds(RandomIdGenerator):
    """Generates the ids that `ids_for` has set, and random ones outside of it."""

    def generate_trace_id(self) -> int:
        wanted = _wanted.get()
        return super().generate_trace_id() if wanted is None else wanted[0]

    def generate_span_id(self) -> int:
        wanted = _wanted.get()
        return super().generate_span_id() if wanted is None else wanted[1]


def derive_ids(tracer: object) -> bool:
    """Let this tracer use derived ids. False if it cannot: one without the SDK, or with an id generator of the user's.

    The SDK keeps one tracer for each instrumented library, so this changes no spans but ours.
    """
    if not isinstance(tracer, Tracer):
        return False
    if type(tracer.id_generator) is RandomIdGenerator:
        tracer.id_generator = _DerivedIds()
    return isinstance(tracer.id_generator, _DerivedIds)


@contextmanager
def ids_for(task_id: str, tool_use_id: str = "") -> Iterator[None]:
    """The span started inside is that of a task, or of a tool call in it."""
    token = _wanted.set((_trace_id(task_id), _span_id(task_id, tool_use_id)))
    try:
        yield
    finally:
        _wanted.reset(token)


def span_of_task(task_id: str) -> SpanContext:
    """The span of a task, for links."""
    return SpanContext(_trace_id(task_id), _span_id(task_id, ""), is_remote=True, trace_flags=TraceFlags(1))


# Hashes, because samplers by ratio need evenly spread bits, and the ids of rows begin with a time.


def _trace_id(task_id: str) -> int:
    return _hash(task_id, 16)


def _span_id(task_id: str, tool_use_id: str) -> int:
    return _hash(f"{task_id}\0{tool_use_id}", 8)


def _hash(text: str, size: int) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()) or 1

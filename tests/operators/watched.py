"""A mirror whose every snapshot goes through an operator, and blocks of messages that use tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from reactivex import Observable
from reactivex.subject import Subject

from agor_reactive.core import SessionState
from agor_reactive.models import RawEvent
from tests.core.build import Mirror, message_row

T = TypeVar("T")


class Watched(Generic[T]):
    """`found` are the items that were emitted so far, `errors` what ended the stream."""

    def __init__(self, operator: Callable[[Any], Observable[T]], hydration: str = "eager") -> None:
        self.mirror = Mirror(hydration)
        self.source = Subject[Any]()
        self.found: list[T] = []
        self.errors: list[Exception] = []
        self.source.pipe(operator).subscribe(self.found.append, self.errors.append)

    def show(self, state: SessionState | None = None) -> list[T]:
        """Publish the snapshot twice, as a source may; what this has emitted."""
        before = len(self.found)
        for _ in range(2):
            self.source.on_next(self.mirror.state if state is None else state)
        return self.found[before:]

    def feed(self, *events: Any) -> list[T]:
        """Fold these and publish the snapshot; what this has emitted."""
        self.mirror.feed(*events)
        return self.show()


def use(message_id: str, task_id: str, index: int, *uses: tuple[str, str, Any]) -> dict[str, Any]:
    """A message that calls tools: (tool use id, name, input)."""
    blocks = [{"type": "tool_use", "id": key, "name": name, "input": given} for key, name, given in uses]
    return message_row(message_id, task_id, index, content=[{"type": "text", "text": "So."}, *blocks])


def result(
    message_id: str, task_id: str, index: int, tool_use_id: str, content: Any, failed: bool = False
) -> dict[str, Any]:
    """A message with the result of a tool."""
    block = {"type": "tool_result", "tool_use_id": tool_use_id, "content": content, "is_error": failed}
    return message_row(message_id, task_id, index, type="user", role="user", content=[block])


def emitted(operator: Callable[[Any], Observable[T]], *events: RawEvent) -> list[T]:
    """What an operator emits for these events."""
    source = Subject[Any]()
    found: list[T] = []
    source.pipe(operator).subscribe(found.append)
    for event in events:
        source.on_next(event)
    return found

"""`QueueLength`: how many tasks of a session are queued, as its part of a counter that all sessions share."""

from __future__ import annotations

from opentelemetry.metrics import UpDownCounter
from reactivex import Observable, abc
from reactivex import operators as ops

from agor_reactive.core.snapshot import Base, SessionState
from agor_reactive.otel.attributes import agent_name

__all__ = ["QueueLength"]


class QueueLength:
    """The queue of one session. What was counted is taken back at the end of the snapshots."""

    def __init__(self, counter: UpDownCounter) -> None:
        self._counter = counter
        self._agent = agent_name(None)
        self._length = 0
        self._base: Base | None = None

    def observe(self, snapshots: Observable[SessionState]) -> abc.DisposableBase:
        """Count until the result is disposed, or the snapshots end."""
        return snapshots.pipe(ops.finally_action(lambda: self._set(self._agent, 0))).subscribe(self._take)

    def _take(self, state: SessionState) -> None:
        if state.base is self._base:  # most snapshots differ in streamed text only
            return
        self._base = state.base
        if state.session is not None:
            self._set(agent_name(state.session), 0 if state.terminal else len(state.queued_tasks))

    def _set(self, agent: str, length: int) -> None:
        if agent != self._agent:
            self._add(-self._length)
            self._agent, self._length = agent, 0
        self._add(length - self._length)
        self._length = length

    def _add(self, change: int) -> None:
        if change:
            self._counter.add(change, {"gen_ai.agent.name": self._agent})

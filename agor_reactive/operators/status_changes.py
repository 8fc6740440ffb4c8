"""`status_changes`: every change of the status of a session or of one of its tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from reactivex import Observable

from agor_reactive.core.entries import SessionRowEntry
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.wire import RawEvent
from agor_reactive.operators.emitting import Source, finding
from agor_reactive.operators.items import StatusChange
from agor_reactive.operators.watching import TaskWatch

__all__ = ["status_changes"]


class _Statuses:
    """The statuses of one session and its tasks at the last look."""

    def __init__(self) -> None:
        self._watch = TaskWatch(None)
        self._session: SessionRowEntry | None = None
        self._status: str | None = None
        self._tasks: dict[str, str] = {}

    def of(self, state: SessionState) -> Iterable[StatusChange]:
        changed = self._watch.look(state)
        if changed is None:
            return ()
        found = []
        for entry in changed:
            task_id, old, new = entry.task_id, self._tasks.get(entry.task_id), entry.status
            self._tasks[task_id] = new
            if new != old and not self._watch.is_first and (old is not None or self._is_new(state, task_id)):
                found.append(StatusChange(state.session_id, task_id, old, new))
        session = state.base.session
        if session is not None and session is not self._session:
            self._session = session
            old, self._status = self._status, str(session.fields.get("status") or "")
            if self._status != old and old is not None:
                found.append(StatusChange(state.session_id, None, old, self._status))
        return found

    def _is_new(self, state: SessionState, task_id: str) -> bool:
        """Whether a task that was not there before is no history."""
        entry = state.tasks.entries.get(task_id)
        return entry is not None and (not entry.ended or self._watch.counts(entry))


class _StatusesOfEvents:
    """The statuses that were last seen, of all sessions and tasks that have not ended."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], str] = {}

    def of(self, event: RawEvent) -> Iterable[StatusChange]:
        payload: Any = event.payload
        if event.topic not in _TOPICS or type(payload) is not dict:
            return ()
        session_id, new = payload.get("session_id"), payload.get("status")
        is_task = event.topic.startswith("tasks")
        task_id = payload.get("task_id") if is_task else None
        if not isinstance(session_id, str) or not isinstance(new, str) or (is_task and not isinstance(task_id, str)):
            return ()
        key = (session_id, task_id)
        if event.topic.endswith(" removed"):
            self._known.pop(key, None)
            return ()
        old = self._known.get(key)
        self._known[key] = new
        if new == old or (old is None and not is_task and not event.topic.endswith(" created")):
            return ()
        return (StatusChange(session_id, task_id, old, new),)


_TOPICS = {f"{service} {verb}" for service in ("sessions", "tasks") for verb in ("created", "patched", "updated")}
_TOPICS |= {"tasks queued", "tasks/bulk created", "sessions removed", "tasks removed"}


def status_changes() -> Callable[[Source], Observable[StatusChange]]:
    """Emit a `StatusChange` whenever a session or one of its tasks has another status than before.

    Of snapshots: what is there at the first sync is not a change; what changes while the link is down comes after the
    sync, as one change from the last known status to the new one. Of events (`client.events`: of all sessions): the
    first event of a task is a change from None.

    ::

        snapshots  --idle, t1 queued--running, t1 running--(title)--idle, t1 completed--|
                   status_changes()
                   -------------------t1,session--------------------t1,session---------|
    """
    return finding("status_changes", lambda: (_Statuses().of, _StatusesOfEvents().of))

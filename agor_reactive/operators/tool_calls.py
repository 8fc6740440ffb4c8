"""`tool_calls`: each tool call of a session once it has finished."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from reactivex import Observable

from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.tools import LiveTool
from agor_reactive.models.task import ENDED_STATUSES
from agor_reactive.models.wire import RawEvent
from agor_reactive.operators.emitting import Source, finding
from agor_reactive.operators.items import ToolCall
from agor_reactive.operators.pairing import Names, Pairing
from agor_reactive.operators.watching import MessageWatch, News

__all__ = ["tool_calls"]


class _Calls:
    """The tool calls of one session, from its snapshots."""

    def __init__(self, since: float | None) -> None:
        self._watch = MessageWatch(since)
        self._pairings: dict[str, Pairing] = {}

    def of(self, state: SessionState) -> Iterable[ToolCall]:
        return [call for news in self._watch.look(state) for call in self._finished(state.session_id, news)]

    def _finished(self, session_id: str, news: News) -> list[ToolCall]:
        pairing = self._pairings.get(news.task_id)
        if pairing is None:
            pairing = self._pairings[news.task_id] = Pairing(session_id, news.task_id)
        live: Mapping[str, LiveTool] = news.live or {}
        name_of = _names(live)
        if news.anew:
            pairing.forget_messages()
        found = pairing.take([message.fields for message in news.messages], name_of) if news.messages else []
        at, is_over = None, False
        entry, is_loaded = news.entry, news.is_loaded
        if entry is not None and entry.ended:
            at, is_over = entry.fields.get("completed_at"), True
            found += pairing.end(entry.status, at, name_of)
            if is_loaded:
                left = [key for key, tool in live.items() if not tool.saved and pairing.is_open(key)]
                found += [pairing.without_result(key, entry.status, at, name_of) for key in left]
        if news.from_time > -math.inf:
            found = [call for call in found if call.ended_at is not None and call.ended_at >= news.from_time]
        if live and not is_loaded:
            over = [key for key, tool in live.items() if (tool.complete or is_over) and pairing.is_open(key)]
            unknown = [pairing.not_loaded(key, at, name_of) for key in over]
            found += unknown if news.was_seen_open else []
        return found


def _names(live: Mapping[str, LiveTool]) -> Names:
    def name_of(tool_use_id: str) -> str | None:
        tool = live.get(tool_use_id)
        return None if tool is None else tool.name

    return name_of


class _CallsOfEvents:
    """The tool calls of all sessions, from events alone."""

    def __init__(self) -> None:
        self._pairings: dict[str, Pairing] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._ended: set[str] = set()

    def of(self, event: RawEvent) -> Iterable[ToolCall]:
        topic, payload = event.topic, event.payload
        if type(payload) is not dict or topic not in _TOPICS:
            return ()
        task_id = payload.get("task_id")
        if not isinstance(task_id, str) or task_id in self._ended:
            return ()
        names = self._names.get(task_id, {})
        if topic == "tasks tool:start":
            tool_use_id, name = payload.get("tool_use_id"), payload.get("tool_name")
            if isinstance(tool_use_id, str) and isinstance(name, str):
                self._names.setdefault(task_id, {})[tool_use_id] = name
        elif topic.startswith("messages"):
            pairing = self._pairings.get(task_id)
            if pairing is None:
                pairing = self._pairings[task_id] = Pairing(str(payload.get("session_id") or ""), task_id)
            return pairing.take((payload,), names.get)
        elif topic == "tasks removed" or _has_ended(payload.get("status")):
            self._ended.add(task_id)
            self._names.pop(task_id, None)
            ended = self._pairings.pop(task_id, None)
            if ended is not None and topic != "tasks removed":
                return ended.end(payload["status"], payload.get("completed_at"), names.get)
        return ()


def _has_ended(status: object) -> bool:
    return isinstance(status, str) and status in ENDED_STATUSES


_ROW_VERBS = ("created", "patched", "updated")
_TOPICS = {"tasks tool:start", "tasks removed", "messages/bulk created"}
_TOPICS |= {f"{service} {verb}" for service in ("tasks", "messages") for verb in _ROW_VERBS}


def tool_calls(since: float | None = None) -> Callable[[Source], Observable[ToolCall]]:
    """Emit a `ToolCall` for each use of a tool that has finished, once: its result is saved, or its task has ended.

    A call is known by its task and its `id`. Of snapshots (`handle.snapshots`, a log): calls that finish while the
    connection is down come after the sync; those that had finished before the first sync are history, emitted only if
    they ended at `since` (epoch seconds) or later. Input, result and times come from the messages of the task: of a
    task that is not loaded (``none``) a call has its name only. Of events (`handle.events`, `client.events`) there is
    no history and no sync: what happened while the link was down is missed.

    ::

        snapshots  --Read begins--Bash begins--Read's result--(link down, Bash's result, link up)--|
                   tool_calls()
                   ----------------------------Read-----------------------------------------Bash--|
    """
    return finding("tool_calls", lambda: (_Calls(since).of, _CallsOfEvents().of))

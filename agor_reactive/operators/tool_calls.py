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
        found = [call for call in found if _is_since(call, news.from_time)]
        entry = news.entry
        is_over = entry is not None and entry.ended
        if news.is_loaded:
            left = pairing.left(key for key, tool in live.items() if not tool.saved) if is_over else []
        else:  # a result may be in messages that are not here
            left = pairing.left(key for key, tool in live.items() if is_over or tool.complete)
            left = left if is_over else [key for key in left if key in live and live[key].complete]
        if left:
            at = entry.fields.get("completed_at") if entry is not None and is_over else None
            status = entry.status if entry is not None and news.is_loaded else None
            calls = [pairing.without_result(key, status, at, name_of) for key in left]
            found += calls if news.counts else [call for call in calls if _is_since(call, news.from_time)]
        if is_over:
            pairing.forget_messages()
        return found


def _is_since(call: ToolCall, from_time: float) -> bool:
    return from_time == -math.inf or (call.ended_at is not None and call.ended_at >= from_time)


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
            ended = self._pairings.pop(task_id, None) or Pairing(str(payload.get("session_id") or ""), task_id)
            if topic != "tasks removed":
                status, at = payload["status"], payload.get("completed_at")
                return [ended.without_result(key, status, at, names.get) for key in ended.left(names)]
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

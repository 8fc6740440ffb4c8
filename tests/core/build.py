"""Tiny builders: rows as a daemon sends them, raw events, and a mirror that is fed by hand."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from agor_reactive.core import SessionState, fold, initial_state
from agor_reactive.core import events as e
from agor_reactive.core.fetches import Fetch
from agor_reactive.core.parse import OWN_TOPICS, parse_payload
from agor_reactive.models import LinkStatus, Message, RawEvent, Session, Task, row_from_wire

SID = "01a20fce-d685-732c-b447-916debeb245c"
LIVE = LinkStatus("live", epoch=1)


def stamp(second: int) -> str:
    """An ISO timestamp `second` seconds into an invented day."""
    return f"2026-11-25T{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000Z"


def session_row(tasks: list[str] | tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {"session_id": SID, "status": "idle", "agentic_tool": "codex", "tasks": list(tasks), **fields}


def task_row(task_id: str, status: str = "running", *, second: int = 0, **fields: Any) -> dict[str, Any]:
    return {"task_id": task_id, "session_id": SID, "status": status, "created_at": stamp(second), **fields}


def message_row(message_id: str, task_id: str | None, index: float = 0, **fields: Any) -> dict[str, Any]:
    row = {"message_id": message_id, "session_id": SID, "type": "assistant", "role": "assistant", "index": index}
    row |= {"timestamp": stamp(int(index)), "content_preview": "", "content": f"content of {message_id}", **fields}
    return row if task_id is None else {**row, "task_id": task_id}


def raw(topic: str, **payload: Any) -> RawEvent:
    return RawEvent(topic, {"session_id": SID, **payload})


def start(message_id: str, **more: Any) -> RawEvent:
    return raw("messages streaming:start", message_id=message_id, role="assistant", **more)


def chunk(message_id: str, text: Any, sequence: Any = None, **more: Any) -> RawEvent:
    numbered = {} if sequence is None else {"sequence": sequence}
    return raw("messages streaming:chunk", message_id=message_id, chunk=text, **numbered, **more)


def end(message_id: str, count: int | None = None, **more: Any) -> RawEvent:
    return raw(
        "messages streaming:end", message_id=message_id, **({} if count is None else {"sequence": count}), **more
    )


def error(message_id: str, text: str = "overloaded", **more: Any) -> RawEvent:
    return raw("messages streaming:error", message_id=message_id, error=text, **more)


def thinking(message_id: str, text: str, **more: Any) -> RawEvent:
    return raw("messages thinking:chunk", message_id=message_id, chunk=text, **more)


def saved(kind: str, row: dict[str, Any], verb: str = "created") -> RawEvent:
    return RawEvent(f"{kind} {verb}", row)


def as_tasks(rows: list[dict[str, Any]]) -> tuple[Task, ...]:
    return tuple(row_from_wire(Task, row) for row in rows)


def as_messages(rows: list[dict[str, Any]]) -> tuple[Message, ...]:
    return tuple(row_from_wire(Message, row) for row in rows)


def core_events(items: list[Any], topics: Mapping[str, Any] = OWN_TOPICS) -> list[Any]:
    """The events of the core among raw events and core events; their payloads are nobody else's."""
    parsed = [
        parse_payload(item.topic, copy.deepcopy(item.payload), topics) if isinstance(item, RawEvent) else item
        for item in items
    ]
    return [event for event in parsed if event is not None]


class Mirror:
    """A session's state, fed by hand. Asks are answered by the test, by hand or from rows.

    Rows of events are read when somebody looks, as in a session; with `topics=TOPICS` they are read at once.
    """

    def __init__(
        self, hydration: str = "lazy", *, session_id: str = SID, topics: Mapping[str, Any] = OWN_TOPICS
    ) -> None:
        self.topics = topics
        self.state = initial_state(session_id, task_hydration=hydration)
        self.seen = [self.state]

    def feed(self, *items: Any) -> SessionState:
        """Fold raw events and core events."""
        for event in core_events(list(items), self.topics):
            after = fold(self.state, event)
            if after is not self.state:
                self.seen.append(after)
            self.state = after
        return self.state

    def fetch(self, kind: str, task_id: str | None = None) -> Fetch:
        """The one thing of that kind that is asked for now."""
        found = [a for a in self.state.fetches if a.kind == kind and (task_id is None or a.task_id == task_id)]
        assert len(found) == 1, f"asked for {kind} {task_id}: {found}"
        return found[0]

    def asked(self) -> list[str]:
        """What is asked for, in words."""
        return [f"{a.kind} {a.task_id}" if a.task_id else a.kind for a in self.state.fetches]

    def answer(self, kind: str, task_id: str | None = None, *, at: float = 1.0, **rows: Any) -> SessionState:
        """Answer what is asked: ``session=``, ``tasks=``, ``messages=`` as rows of the wire."""
        wanted = self.fetch(kind, task_id)
        return self.feed(e.FetchAnswered(wanted.fetch_id, answer_of(**rows), at))

    def fail(
        self, kind: str, failure: str = "server", text: str = "it broke", task_id: str | None = None
    ) -> SessionState:
        wanted = self.fetch(kind, task_id)
        return self.feed(e.FetchFailed(wanted.fetch_id, e.Failure(failure, text), 1.0))  # type: ignore[arg-type]

    def up(self, epoch: int = 1) -> Mirror:
        """The link is live, the room joined; the round is asked for."""
        self.feed(e.LinkChanged(LinkStatus("live", epoch=epoch)))
        self.answer("join")
        return self

    def down(self, epoch: int = 1) -> Mirror:
        self.feed(e.LinkChanged(LinkStatus("reconnecting", attempt=1, epoch=epoch)))
        return self

    def land(
        self,
        tasks: list[dict[str, Any]],
        queue: list[dict[str, Any]] | None = None,
        *,
        session: dict[str, Any] | None = None,
        messages: dict[str, list[dict[str, Any]]] | None = None,
    ) -> Mirror:
        """Answer the whole round from rows."""
        waiting = [task for task in tasks if task["status"] == "queued"]
        self.answer("session", session=session or session_row([task["task_id"] for task in tasks]))
        self.answer("tasks", tasks=tasks)
        self.answer("queue", tasks=waiting if queue is None else queue)
        for wanted in self.state.fetches:
            if wanted.kind == "messages" and wanted.of_round:
                self.answer("messages", wanted.task_id, messages=(messages or {}).get(wanted.task_id or "", []))
            elif wanted.kind == "all_messages":
                self.answer("all_messages", messages=[m for rows in (messages or {}).values() for m in rows])
        return self

    def ids(self) -> list[str]:
        return [task.task_id for task in self.state.tasks]

    def message_ids(self, task_id: str) -> list[str]:
        return [message.message_id for message in self.state.get_task_messages(task_id)]

    def queue(self) -> list[str]:
        return [task.task_id for task in self.state.queued_tasks]


def answer_of(
    session: dict[str, Any] | None = None,
    tasks: list[dict[str, Any]] | tuple[()] = (),
    messages: list[dict[str, Any]] | tuple[()] = (),
    *,
    older: bool = False,
) -> e.Rows:
    return e.Rows(
        session=row_from_wire(Session, session) if session is not None else None,
        tasks=as_tasks(list(tasks)),
        messages=as_messages(list(messages)),
        older=older,
    )


def hydrated(hydration: str = "lazy", tasks: list[dict[str, Any]] | None = None, **rows: Any) -> Mirror:
    """A mirror that has read a session, by default with one running task ``t1``."""
    return Mirror(hydration).up().land([task_row("t1")] if tasks is None else tasks, **rows)

"""The life of a turn: prompt, queue, run, finish, stop, drain, permission.

Every step is a plain function without an await, so two calls can never be halfway through at once: that is the
per-session lock. Order of writes and events follows the real daemon, down to what looks wrong: a session is told idle
before its task is told completed, and the next task runs before that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Protocol

from agor_reactive.daemon.faults import DomainFault, conflict, not_found, validation_failed
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.store import Row

__all__ = ["ACTIVE", "TERMINAL", "AgentPlayer", "Turns"]

_LOG = logging.getLogger("agor_reactive.daemon")

ACTIVE = frozenset({"running", "stopping", "awaiting_permission", "awaiting_input"})
TERMINAL = frozenset({"completed", "failed", "stopped", "timed_out"})
_LIVE_TASK = frozenset({"dispatching", "running", "stopping", "awaiting_permission", "awaiting_input"})


class AgentPlayer(Protocol):
    """What answers a task; ends by calling `Turns.finish`, unless it is cancelled."""

    def __call__(self, turns: Turns, task: Row) -> Coroutine[Any, Any, None]: ...


class Turns:
    """Runs the tasks of all sessions, one at a time in each."""

    def __init__(self, kernel: Kernel, player: AgentPlayer) -> None:
        self.kernel = kernel
        self._player = player
        self._agents: dict[str, asyncio.Task[None]] = {}
        self._decisions: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._closed = False

    # ---- prompting -------------------------------------------------------------------------------------------

    def prompt(self, ref: str, data: dict[str, Any], user_id: str) -> Row:
        """Admit a prompt: run it on an idle session, queue it on a busy one. Answers the task."""
        session = self.kernel.sessions.get(ref)
        text = data.get("prompt")
        if not isinstance(text, str) or not text:
            raise DomainFault("Prompt required")
        if session["status"] == "stopping":
            raise DomainFault("Cannot send prompt: session is currently stopping")
        if session.get("archived"):
            session = self.kernel.sessions.change(session, archived=False, archived_reason=None)
        waiting = self.queue(session["session_id"])
        if waiting and not _busy(session):
            # Somebody was here before, by hand or just after a stop: the line is kept, and moves on soon.
            asyncio.get_running_loop().call_soon(self._drain_later, session["session_id"])
        if _busy(session) or waiting:
            return self._enqueue(session, data, user_id, position=_next_position(waiting))
        task = self._new_task(session, data, user_id, status=self.kernel.era.first_status)
        self.kernel.tasks.insert(task)
        self.kernel.bus.publish("tasks created", task)
        return self._run(task, session)

    def run(self, ref: str) -> Row:
        """Run a task that was created by hand. Raises 404 and 409 as the route does."""
        task = self._task_or_404(ref)
        short = self.kernel.short(task["task_id"])
        if task["status"] == "queued":
            raise conflict(
                f"Task {short} cannot be run: status is 'queued'. Queued tasks drain automatically when the session "
                "becomes idle."
            )
        if task["status"] != "created":
            raise conflict(
                f"Task {short} cannot be run: status is '{task['status']}'. Only 'created' tasks may be triggered."
            )
        session = self.kernel.sessions.get(task["session_id"])
        if session["status"] in ACTIVE:
            raise conflict(
                f"Cannot run task {short}: session is '{session['status']}'. To enqueue a prompt on a busy session, "
                "POST to /sessions/:id/prompt instead."
            )
        return self._run(task, session)

    def queue(self, session_id: str) -> list[Row]:
        """The queued tasks of a session, first to run first."""
        rows = [row for row in self.kernel.store.of_session("tasks", session_id) if row.get("status") == "queued"]
        return sorted(rows, key=lambda row: row.get("queue_position", 0))

    def _enqueue(self, session: Row, data: dict[str, Any], user_id: str, *, position: int) -> Row:
        task = self._new_task(session, data, user_id, status="queued")
        task["queue_position"] = position
        task["metadata"] = {**task.get("metadata", {}), "queued_by_user_id": user_id}
        self.kernel.tasks.insert(task)
        self.kernel.bus.publish("tasks queued", task)
        return task

    def _new_task(self, session: Row, data: dict[str, Any], user_id: str, *, status: str) -> Row:
        now = self.kernel.now()
        task: Row = {
            "task_id": self.kernel.ids.row(),
            "session_id": session["session_id"],
            "status": status,
            "created_at": now,
            "created_by": user_id,
            "full_prompt": data["prompt"],
            "message_range": {"start_index": -1, "end_index": -1, "start_timestamp": now},
            "git_state": {"ref_at_start": "", "sha_at_start": ""},
            "tool_use_count": 0,
        }
        metadata = dict(data["metadata"]) if isinstance(data.get("metadata"), dict) else {}
        source = data.get("messageSource")
        if source is not None:
            metadata["source"] = source if source in ("gateway", "agor") else "agor"
        if metadata:
            task["metadata"] = metadata
        return task

    def _run(self, task: Row, session: Row) -> Row:
        kernel = self.kernel
        now = kernel.now()
        index = kernel.store.next_message_index(session["session_id"])
        task = {
            **task,
            "status": "running",
            "message_range": {
                "start_index": index,
                "end_index": index + 1,
                "start_timestamp": now,
                "end_timestamp": now,
            },
            "git_state": {"ref_at_start": "unknown", "sha_at_start": "unknown"},
        }
        kernel.tasks.put(task)
        # started_at is told once, here and in the ack, and never stored.
        told = {**task, "started_at": now}
        kernel.tasks.announce("patched", told)
        source = task.get("metadata", {}).get("source")
        kernel.new_message(
            session_id=session["session_id"],
            task_id=task["task_id"],
            role="user",
            content=task["full_prompt"],
            **({"metadata": {"source": source}} if source else {}),
        )
        known = [name for name in session["tasks"] if name != task["task_id"]]
        self._touch(session, status="running", ready_for_prompt=False, tasks=[*known, task["task_id"]])
        self._start_agent(task)
        return told

    # ---- ending ----------------------------------------------------------------------------------------------

    def finish(self, task: Row, status: str, **changes: Any) -> Row:
        """End a task: the session turns idle, the next queued task starts, and only then the end is told."""
        kernel = self.kernel
        ended = self._ended(kernel.tasks.get(task["task_id"]), status, changes)
        kernel.tasks.put(ended)
        kernel.bus.twin("patched")
        self._cancel_agent(task["task_id"])
        session = kernel.sessions.find(task["session_id"])
        if session is not None and not self._other_live_task(session, task["task_id"]):
            if session["status"] in ACTIVE:
                self._touch(session, status="idle", ready_for_prompt=True)
            self.drain(session["session_id"])
        kernel.bus.publish("tasks patched", {**ended, **changes})
        return ended

    def stop(self, ref: str) -> dict[str, Any]:
        """Stop the current task; the queue goes on after the route's own event."""
        kernel = self.kernel
        session = kernel.sessions.get(ref)
        if session["status"] not in ACTIVE:
            return {"success": False, "reason": f"Session cannot be stopped (status: {session['status']})"}
        if ref != session["session_id"]:
            # A real daemon finds nothing to stop under a short id and refuses, but only once something runs.
            raise validation_failed([{"instancePath": "/session_id", "keyword": "pattern", "message": "must match"}])
        live = self._live_tasks(session["session_id"])
        for task in live:
            self._cancel_agent(task["task_id"])
            ended = self._ended(task, "stopped", {})
            kernel.tasks.put(ended)
            kernel.tasks.announce("patched", ended)
        self._touch(session, status="idle", ready_for_prompt=True)
        asyncio.get_running_loop().call_soon(self._drain_later, session["session_id"])
        if not live:
            return {"success": True, "status": "idle", "reason": "No active tasks found, session reset to idle"}
        return {"success": True, "status": "idle"}

    def drain(self, session_id: str) -> None:
        """Run the first queued task if the session is free for it."""
        session = self.kernel.sessions.find(session_id)
        if session is None or _busy(session) or self._closed:
            return
        waiting = self.queue(session_id)
        if waiting:
            self._run(waiting[0], session)

    def _drain_later(self, session_id: str) -> None:
        if not self._closed:
            self.drain(session_id)

    def forget_session(self, session_id: str) -> None:
        """End the agents of a session that is being removed, without a word."""
        for task in self._live_tasks(session_id):
            self._cancel_agent(task["task_id"])

    def forget_task(self, task_id: str) -> None:
        """End the agent of a task that is being removed, without a word."""
        self._cancel_agent(task_id)

    def _ended(self, task: Row, status: str, changes: dict[str, Any]) -> Row:
        now = self.kernel.now()
        span = {**task["message_range"], "end_timestamp": now}
        started = _instant(span.get("start_timestamp"))
        ended = _instant(now)
        duration = {} if started is None or ended is None else {"duration_ms": round((ended - started) * 1000)}
        known = {name: value for name, value in changes.items() if value is not None}
        return {**task, "status": status, "completed_at": now, "message_range": span, **duration, **known}

    # ---- agents ----------------------------------------------------------------------------------------------

    def heartbeat(self, task: Row) -> Row:
        return self.kernel.tasks.change(
            self.kernel.tasks.get(task["task_id"]), last_executor_heartbeat_at=self.kernel.now()
        )

    async def ask_permission(self, task: Row, *, tool_name: str, tool_input: Row, tool_use_id: str) -> bool:
        """Put a permission request to the humans and wait for their word."""
        kernel = self.kernel
        request_id = kernel.ids.row()
        kernel.new_message(
            session_id=task["session_id"],
            task_id=task["task_id"],
            role="system",
            type="permission_request",
            content={
                "request_id": request_id,
                "task_id": task["task_id"],
                "tool_name": tool_name,
                "tool_input": tool_input,
                "tool_use_id": tool_use_id,
                "status": "pending",
            },
        )
        kernel.tasks.change(kernel.tasks.get(task["task_id"]), status="awaiting_permission")
        self._touch(kernel.sessions.get(task["session_id"]), status="awaiting_permission")
        decision: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._decisions[request_id] = decision
        try:
            answer = await decision
        finally:
            self._decisions.pop(request_id, None)
        kernel.tasks.change(kernel.tasks.get(task["task_id"]), status="running")
        self._touch(kernel.sessions.get(task["session_id"]), status="running")
        return bool(answer.get("allow"))

    def decide(self, ref: str, data: dict[str, Any]) -> dict[str, Any]:
        """Answer a permission request; the first answer counts."""
        kernel = self.kernel
        session = kernel.sessions.get(ref)
        request_id = data.get("requestId")
        message = self._permission_message(session["session_id"], request_id)
        content = message["content"]
        if content["status"] != "pending":
            status = content["status"]
            return {
                "success": False,
                "alreadyResolved": True,
                "status": status,
                "message": f"Permission request was already {status}",
            }
        allowed = bool(data.get("allow"))
        answered = {
            **content,
            "status": "approved" if allowed else "denied",
            "scope": data.get("scope", "once"),
            "approved_by": data.get("decidedBy"),
            "approved_at": kernel.now(),
        }
        kernel.messages.change(message, content=answered)
        told = {
            name: data[name]
            for name in ("requestId", "allow", "remember", "scope", "decidedBy", "reason")
            if name in data
        }
        kernel.bus.publish(
            "messages permission_resolved",
            {**told, "taskId": message.get("task_id"), "sessionId": session["session_id"]},
        )
        waiting = self._decisions.get(str(request_id))
        if waiting is not None and not waiting.done():
            waiting.set_result(data)
        return {"success": True}

    def _permission_message(self, session_id: str, request_id: object) -> Row:
        for message in self.kernel.store.messages_by_index(session_id=session_id):
            content = message.get("content")
            if message["type"] != "permission_request" or not isinstance(content, dict):
                continue
            if content.get("request_id") == request_id:
                return message
        raise DomainFault(f"Permission request {request_id} not found")

    async def close(self) -> None:
        """Cancel every agent; what they were doing is put right at the next start."""
        self._closed = True
        agents = list(self._agents.values())
        for agent in agents:
            agent.cancel()
        await asyncio.gather(*agents, return_exceptions=True)

    def _start_agent(self, task: Row) -> None:
        if self._closed:
            return
        task_id = task["task_id"]
        agent = asyncio.get_running_loop().create_task(self._player(self, task), name=f"agent {task_id}")
        self._agents[task_id] = agent
        agent.add_done_callback(lambda done: self._agent_gone(task, done))

    def _agent_gone(self, task: Row, agent: asyncio.Task[None]) -> None:
        if self._agents.get(task["task_id"]) is agent:
            del self._agents[task["task_id"]]
        if agent.cancelled() or self._closed:
            return
        error = agent.exception()
        if error is not None:
            _LOG.error("the scripted agent of task %s broke", task["task_id"], exc_info=error)
        left = self.kernel.tasks.find(task["task_id"])
        if left is not None and left["status"] in _LIVE_TASK:
            self.finish(left, "failed", error_message="Executor exited unexpectedly with code unknown.")

    def _cancel_agent(self, task_id: str) -> None:
        agent = self._agents.pop(task_id, None)
        # An agent that ends its own task is not cut short: it has nothing left to do.
        if agent is not None and agent is not asyncio.current_task():
            agent.cancel()

    # ---- rows ------------------------------------------------------------------------------------------------

    def _touch(self, session: Row, **changes: Any) -> Row:
        return self.kernel.sessions.change(session, **changes, last_updated=self.kernel.now())

    def _live_tasks(self, session_id: str) -> list[Row]:
        return [row for row in self.kernel.store.of_session("tasks", session_id) if row.get("status") in _LIVE_TASK]

    def _other_live_task(self, session: Row, task_id: str) -> bool:
        return any(row["task_id"] != task_id for row in self._live_tasks(session["session_id"]))

    def _task_or_404(self, ref: str) -> Row:
        try:
            return self.kernel.tasks.get(ref)
        except DomainFault as fault:
            if fault.name == "NotFoundError":
                raise not_found(f"Task {ref} not found") from fault
            raise


def _busy(session: Row) -> bool:
    # A session that failed and was not made ready again takes prompts into its queue and runs none.
    stuck = session["status"] == "failed" and not session.get("ready_for_prompt")
    return session["status"] in ACTIVE or stuck


def _next_position(waiting: list[Row]) -> int:
    return max((int(row.get("queue_position", 0)) for row in waiting), default=0) + 1


def _instant(text: object) -> float | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None

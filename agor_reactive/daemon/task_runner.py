"""Runs tasks: prompt, queue, run, finish, drain. Stopping is in `stops`, permissions are in `permissions`.

Every step is a plain function without an await, so calls never interleave: that is the per-session lock. The order of
writes and events follows the real daemon, even where it looks wrong: the idle session is announced before its completed
task, and the next task runs before that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import DomainFault, conflict, forbidden, not_found
from agor_reactive.daemon.permissions import Permissions
from agor_reactive.daemon.store import Row
from agor_reactive.models.base import instant

__all__ = ["ACTIVE", "TERMINAL", "AgentPlayer", "TaskRunner"]

_LOG = logging.getLogger("agor_reactive.daemon")

ACTIVE = frozenset({"running", "stopping", "awaiting_permission", "awaiting_input"})
TERMINAL = frozenset({"completed", "failed", "stopped", "timed_out"})
_LIVE_TASK = frozenset({"dispatching", "running", "stopping", "awaiting_permission", "awaiting_input"})


class AgentPlayer(Protocol):
    """Answers a task; ends with a call of `TaskRunner.finish`, unless it is cancelled."""

    def __call__(self, task_runner: TaskRunner, task: Row) -> Coroutine[Any, Any, None]: ...


class TaskRunner:
    """Runs the tasks of all sessions, one at a time in each. `player` answers each of them."""

    def __init__(self, context: DaemonContext, player: AgentPlayer) -> None:
        self.context = context
        self.permissions = Permissions(context)
        self._handshake = context.api.handshake
        self._player = player
        self._agents: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    # ---- prompting -------------------------------------------------------------------------------------------

    def prompt(self, ref: str, data: dict[str, Any], user_id: str) -> Row:
        """Accept a prompt: run it on an idle session, queue it on a busy one. Returns the task."""
        session = self.context.sessions.get(ref)
        text = data.get("prompt")
        if not isinstance(text, str) or not text:
            raise DomainFault("Prompt required")
        if self._handshake and data.get("metadata") is not None:
            raise forbidden("Task metadata is internal-only")
        if session["status"] == "stopping" and not self._handshake:
            raise DomainFault("Cannot send prompt: session is currently stopping")
        if session.get("archived"):
            session = self.context.sessions.change(session, archived=False, archived_reason=None)
        waiting = self.queue(session["session_id"])
        if waiting and not _busy(session):
            # Tasks are queued already, created by hand or after a stop: keep the order and drain soon.
            self.drain_later(session["session_id"])
        if _busy(session) or waiting:
            return self._enqueue(session, data, user_id, position=_next_position(waiting))
        task = self._new_task(session, data, user_id, status="created")
        if self._handshake:
            return self._dispatch(task, session, new=True)
        self.context.tasks.insert(task)
        self.context.bus.publish("tasks created", task)
        return self._start(task, session)

    def run(self, ref: str, user_id: str) -> Row:
        """Run a task that was created by hand. Raises 403, 404 and 409 as the route does."""
        task = self._task_or_404(ref)
        if self._handshake and task["created_by"] != user_id:
            raise forbidden("Only the creator of a task may run it")
        short = self.context.short(task["task_id"])
        if task["status"] == "queued":
            raise conflict(
                f"Task {short} cannot be run: status is 'queued'. Queued tasks drain automatically when the session "
                "becomes idle."
            )
        if task["status"] != "created":
            raise conflict(
                f"Task {short} cannot be run: status is '{task['status']}'. Only 'created' tasks may be triggered."
            )
        session = self.context.sessions.get(task["session_id"])
        if session["status"] in ACTIVE:
            raise conflict(
                f"Cannot run task {short}: session is '{session['status']}'. To enqueue a prompt on a busy session, "
                "POST to /sessions/:id/prompt instead."
            )
        if self._handshake and self.queue(session["session_id"]):
            raise conflict(f"Cannot run task {short}: a queued prompt runs first.")
        return self._run(task, session)

    def queue(self, session_id: str) -> list[Row]:
        """The queued tasks of a session, first to run first."""
        rows = [row for row in self.context.store.of_session("tasks", session_id) if row.get("status") == "queued"]
        return sorted(rows, key=lambda row: row.get("queue_position", 0))

    def _enqueue(self, session: Row, data: dict[str, Any], user_id: str, *, position: int) -> Row:
        task = self._new_task(session, data, user_id, status="queued")
        task["queue_position"] = position
        task["metadata"] = {**task.get("metadata", {}), "queued_by_user_id": user_id}
        self.context.tasks.insert(task)
        if self._handshake:
            self.context.bus.publish("tasks created", task)
        self.context.bus.publish("tasks queued", task)
        return task

    def _new_task(self, session: Row, data: dict[str, Any], user_id: str, *, status: str) -> Row:
        now = self.context.now()
        task: Row = {
            "task_id": self.context.ids.row(),
            "session_id": session["session_id"],
            "status": status,
            "created_at": now,
            "created_by": user_id,
            "full_prompt": data["prompt"],
            "message_range": {"start_index": -1, "end_index": -1, "start_timestamp": now},
            "git_state": {"ref_at_start": "", "sha_at_start": ""},
            "tool_use_count": 0,
        }
        if self._handshake:
            return task
        metadata = dict(data["metadata"]) if isinstance(data.get("metadata"), dict) else {}
        source = data.get("messageSource")
        if source is not None:
            metadata["source"] = source if source in ("gateway", "agor") else "agor"
        if metadata:
            task["metadata"] = metadata
        return task

    def _run(self, task: Row, session: Row) -> Row:
        """Run a stored task."""
        return self._dispatch(task, session) if self._handshake else self._start(task, session)

    def _dispatch(self, task: Row, session: Row, *, new: bool = False) -> Row:
        """Start a task: it leaves the queue and is `dispatching` until its executor connects."""
        context = self.context
        task = {name: value for name, value in task.items() if name != "queue_position"}
        task = {**task, **self._begun(session), "status": "dispatching", "started_at": context.now()}
        if new:
            context.tasks.insert(task)
            context.bus.publish("tasks created", task)
        else:
            context.tasks.put(task)
            context.tasks.announce("patched", task)
        self._mark_started(task, session)
        return task

    def _start(self, task: Row, session: Row) -> Row:
        """Start a task as older daemons do: it is `running` at once."""
        context = self.context
        task = {**task, **self._begun(session), "status": "running"}
        context.tasks.put(task)
        # started_at is announced once, here and in the ack, and never stored.
        announced = {**task, "started_at": context.now()}
        context.tasks.announce("patched", announced)
        self._mark_started(task, session)
        return announced

    def _begun(self, session: Row) -> Row:
        now = self.context.now()
        index = self.context.store.next_message_index(session["session_id"])
        span = {"start_index": index, "end_index": index + 1, "start_timestamp": now, "end_timestamp": now}
        return {"message_range": span, "git_state": {"ref_at_start": "unknown", "sha_at_start": "unknown"}}

    def _mark_started(self, task: Row, session: Row) -> None:
        source = task.get("metadata", {}).get("source")
        self.context.new_message(
            session_id=session["session_id"],
            task_id=task["task_id"],
            role="user",
            content=task["full_prompt"],
            **({"metadata": {"source": source}} if source else {}),
        )
        known = [name for name in session["tasks"] if name != task["task_id"]]
        self.context.touch_session(session, status="running", ready_for_prompt=False, tasks=[*known, task["task_id"]])
        self._start_agent(task)

    # ---- ending ----------------------------------------------------------------------------------------------

    def finish(self, task: Row, status: str, **changes: Any) -> Row:
        """End a task: the session becomes idle, the next queued task starts, and only then the end is announced.

        Since `handshake` a failed task leaves the session `failed`, which still accepts prompts.
        """
        context = self.context
        ended = self.ended(context.tasks.get(task["task_id"]), status, changes)
        context.tasks.put(ended)
        context.bus.twin("patched")
        self.cancel_agent(task["task_id"])
        session = context.sessions.find(task["session_id"])
        if session is not None and not self._other_live_task(session, task["task_id"]):
            if session["status"] in ACTIVE:
                left = "failed" if self._handshake and status == "failed" else "idle"
                self.context.touch_session(session, status=left, ready_for_prompt=True)
            self.drain(session["session_id"])
        context.bus.publish("tasks patched", {**ended, **changes})
        return ended

    def drain(self, session_id: str) -> None:
        """Run the first queued task if the session is free."""
        session = self.context.sessions.find(session_id)
        if session is None or _busy(session) or self._closed:
            return
        waiting = self.queue(session_id)
        if waiting:
            self._run(waiting[0], session)

    def drain_later(self, session_id: str) -> None:
        """Drain in the next loop iteration."""
        asyncio.get_running_loop().call_soon(self.drain, session_id)

    def forget_session(self, session_id: str) -> None:
        """End the agents of a removed session, without events."""
        for task in self.live_tasks(session_id):
            self.cancel_agent(task["task_id"])

    def forget_task(self, task_id: str) -> None:
        """End the agent of a removed task, without events."""
        self.cancel_agent(task_id)

    def ended(self, task: Row, status: str, changes: dict[str, Any]) -> Row:
        """Make the row of an ended task; it is not stored."""
        now = self.context.now()
        span = {**task["message_range"], "end_timestamp": now}
        started = instant(span.get("start_timestamp"))
        ended = instant(now)
        duration = {} if started is None or ended is None else {"duration_ms": round((ended - started) * 1000)}
        known = {name: value for name, value in changes.items() if value is not None}
        return {**task, "status": status, "completed_at": now, "message_range": span, **duration, **known}

    # ---- agents ----------------------------------------------------------------------------------------------

    def connect_executor(self, task: Row) -> Row:
        """Mark the executor as connected: with today's rules the task is `running` from now on."""
        context = self.context
        now = context.now()
        row = context.tasks.get(task["task_id"])
        changes: Row = {"last_executor_heartbeat_at": now}
        if self._handshake:
            changes |= {"executor_connected_at": now, "executor_mode": "local"}
        if row["status"] == "dispatching":
            changes["status"] = "running"
        return context.tasks.change(row, **changes)

    async def close(self) -> None:
        """Cancel every agent; the next start stops their tasks."""
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
            _LOG.error("the scripted agent of task %s failed", task["task_id"], exc_info=error)
        left = self.context.tasks.find(task["task_id"])
        if left is not None and left["status"] in _LIVE_TASK:
            self.finish(left, "failed", error_message="Executor exited unexpectedly with code unknown.")

    def cancel_agent(self, task_id: str) -> None:
        """Cancel the agent of a task."""
        agent = self._agents.pop(task_id, None)
        # An agent that ends its own task is not cancelled, because it has finished.
        if agent is not None and agent is not asyncio.current_task():
            agent.cancel()

    # ---- rows ------------------------------------------------------------------------------------------------

    def live_tasks(self, session_id: str) -> list[Row]:
        """The tasks of a session that are executing, in the order of their creation."""
        return [row for row in self.context.store.of_session("tasks", session_id) if row.get("status") in _LIVE_TASK]

    def _other_live_task(self, session: Row, task_id: str) -> bool:
        return any(row["task_id"] != task_id for row in self.live_tasks(session["session_id"]))

    def _task_or_404(self, ref: str) -> Row:
        try:
            return self.context.tasks.get(ref)
        except DomainFault as fault:
            if fault.name == "NotFoundError":
                raise not_found(f"Task {ref} not found") from fault
            raise


def _busy(session: Row) -> bool:
    # A failed session that was not reset queues prompts and runs none.
    stuck = session["status"] == "failed" and not session.get("ready_for_prompt")
    return session["status"] in ACTIVE or stuck


def _next_position(waiting: list[Row]) -> int:
    return max((int(row.get("queue_position", 0)) for row in waiting), default=0) + 1

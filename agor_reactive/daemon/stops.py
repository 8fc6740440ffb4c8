"""Stops a session's running task: at once or, with today's rules, possibly a moment after the answer."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from agor_reactive.daemon.faults import bad_request, validation_failed
from agor_reactive.daemon.script import is_stubborn
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.task_runner import ACTIVE, TaskRunner

__all__ = ["Stops"]

_FULL_ID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_RESISTANCE = 1.0
_RESISTANCE_LEAST = 0.1


class Stops:
    """Answers the stop route. A stubborn task (see `script`) ends some time after the answer."""

    def __init__(self, task_runner: TaskRunner) -> None:
        self._task_runner = task_runner
        self._context = task_runner.context
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def stop(self, ref: str, data: Row) -> Row:
        """Stop the current task; the queue continues after the route's own event."""
        session = self._context.sessions.get(ref)
        if not self._context.api.handshake:
            return self._stop_at_once(ref, session)
        expected = data.get("expected_task_id")
        if expected is not None and not (isinstance(expected, str) and _FULL_ID.match(expected)):
            raise bad_request("expected_task_id must be a full task id")
        live = self._task_runner.live_tasks(session["session_id"])
        current = live[0]["task_id"] if live else None
        if expected is not None and expected.lower() != current:
            return {"success": False, "outcome": "condition_changed", "reason": "Another task is running now"}
        if not live:
            return self._stop_nothing(session)
        task = live[0]
        if task["status"] == "stopping":
            return _pending(task)
        reason = data.get("reason")
        request = {"cause": "user_stop", "requested_at": self._context.now()}
        if isinstance(reason, str) and reason:
            request["error_message"] = reason
        task = self._context.tasks.change(task, status="stopping", termination_request=request)
        self._context.touch_session(self._context.sessions.get(session["session_id"]), status="stopping")
        if is_stubborn(task["full_prompt"]):
            delay = max(_RESISTANCE / self._context.speed, _RESISTANCE_LEAST)
            timer = asyncio.get_running_loop().call_later(delay, self._give_in, task["task_id"])
            self._timers[task["task_id"]] = timer
            return _pending(task)
        self._end([task], session["session_id"])
        waiting = len(self._task_runner.queue(session["session_id"]))
        return {
            "success": True, "status": "idle", "stoppedTaskId": task["task_id"], "queuedTasksPreserved": waiting,
        }  # fmt: skip

    def _stop_nothing(self, session: Row) -> Row:
        if session["status"] not in ACTIVE:
            return {"success": True, "status": session["status"], "reason": "Session is already idle"}
        self._end([], session["session_id"])
        return {"success": True, "status": "idle", "reason": "No active tasks found, session reset to idle"}

    def _stop_at_once(self, ref: str, session: Row) -> dict[str, Any]:
        if session["status"] not in ACTIVE:
            return {"success": False, "reason": f"Session cannot be stopped (status: {session['status']})"}
        if ref != session["session_id"]:
            # A real daemon finds nothing to stop under a short id and refuses, but only while a task runs.
            raise validation_failed([{"instancePath": "/session_id", "keyword": "pattern", "message": "must match"}])
        live = self._task_runner.live_tasks(session["session_id"])
        self._end(live, session["session_id"])
        if not live:
            return {"success": True, "status": "idle", "reason": "No active tasks found, session reset to idle"}
        return {"success": True, "status": "idle"}

    def _give_in(self, task_id: str) -> None:
        self._timers.pop(task_id, None)
        task = self._context.tasks.find(task_id)
        if task is not None and task["status"] == "stopping":
            self._end([task], task["session_id"])

    def _end(self, tasks: list[Row], session_id: str) -> None:
        context = self._context
        for task in tasks:
            self._task_runner.cancel_agent(task["task_id"])
            ended = self._task_runner.ended(task, "stopped", {})
            context.tasks.put(ended)
            context.tasks.announce("patched", ended)
        context.touch_session(context.sessions.get(session_id), status="idle", ready_for_prompt=True)
        self._task_runner.drain_later(session_id)


def _pending(task: Row) -> Row:
    return {
        "success": False,
        "outcome": "pending",
        "status": "stopping",
        "pendingCode": "termination_pending",
        "reason": "The executor has not ended yet",
        "stoppedTaskId": task["task_id"],
    }

"""The routes of a session: prompt, stop, queue, family, permissions, archive.

The prompt route returns the task itself. Under the API version `worktrees` it returns the old envelope instead: for an
idle session `{success: true, taskId, status: "running", streaming: true}`, for a busy one `{success: true, queued:
true, taskId, status: "queued", queue_position, message: {…the queued task…}}`.
"""

from __future__ import annotations

from typing import ClassVar

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import bad_request, conflict
from agor_reactive.daemon.services.base import Call, Service
from agor_reactive.daemon.services.sessions import Sessions, children_of, origin
from agor_reactive.daemon.stops import Stops
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.task_runner import TaskRunner

__all__ = ["session_routes"]


class _Prompt(Service):
    path = "sessions/:id/prompt"
    announces = True

    def __init__(self, context: DaemonContext, task_runner: TaskRunner) -> None:
        self._api = context.api
        self._task_runner = task_runner

    def create(self, data: Row, call: Call) -> Row:
        task = self._task_runner.prompt(call.route["id"], data, call.user_id)
        if self._api.prompt_answers_task:
            return task
        answer: Row = {"success": True, "taskId": task["task_id"], "status": task["status"]}
        if task["status"] != "queued":
            return {**answer, "streaming": data.get("stream") is not False}
        return {**answer, "queued": True, "queue_position": task["queue_position"], "message": task}


class _Stop(Service):
    path = "sessions/:id/stop"
    announces = True

    def __init__(self, stops: Stops) -> None:
        self._stops = stops

    def create(self, data: Row, call: Call) -> Row:
        return self._stops.stop(call.route["id"], data)


class _Queue(Service):
    path = "sessions/:id/tasks/queue"

    def __init__(self, task_runner: TaskRunner) -> None:
        self._task_runner = task_runner

    def find(self, call: Call) -> Row:
        # The full id only: a short id, like an unknown one, has an empty queue.
        rows = self._task_runner.queue(call.route["id"])
        return {"total": len(rows), "data": rows}


class _Fork(Service):
    path = "sessions/:id/fork"
    announces = True

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def create(self, data: Row, call: Call) -> Row:
        return self._sessions.offspring(call.route["id"], data, call, forked=True)


class _Spawn(_Fork):
    path = "sessions/:id/spawn"

    def create(self, data: Row, call: Call) -> Row:
        return self._sessions.offspring(call.route["id"], data, call, forked=False)


class _Genealogy(Service):
    path = "sessions/:id/genealogy"

    def __init__(self, context: DaemonContext) -> None:
        self._context = context

    def find(self, call: Call) -> Row:
        sessions = self._context.sessions
        session = sessions.get(call.route["id"])
        ancestors: list[Row] = []
        above = origin(session)
        while above is not None and (row := sessions.find(above)) is not None and row not in ancestors:
            ancestors.append(row)
            above = origin(row)
        children = children_of(self._context, session["session_id"])
        return {"session": session, "ancestors": ancestors, "children": children}


class _Decision(Service):
    path = "sessions/:id/permission-decision"
    announces = True

    def __init__(self, task_runner: TaskRunner) -> None:
        self._task_runner = task_runner

    def create(self, data: Row, call: Call) -> Row:
        return self._task_runner.permissions.decide(call.route["id"], data, call.user_id)


class _Initialize(Service):
    """Set up a new session for its user, optionally with a first prompt."""

    path = "sessions/:id/initialize"

    def __init__(self, context: DaemonContext, task_runner: TaskRunner) -> None:
        self._context = context
        self._task_runner = task_runner

    def create(self, data: Row, call: Call) -> Row:
        session = self._context.sessions.get(call.route["id"])
        expected = data.get("expectedUserId")
        if not isinstance(expected, str) or not expected:
            raise bad_request("expectedUserId required")
        if expected != call.user_id:
            raise conflict("The session would be initialized for another user")
        answer: Row = {"sessionId": session["session_id"]}
        if data.get("prompt"):
            answer["task"] = self._task_runner.prompt(session["session_id"], {"prompt": data["prompt"]}, call.user_id)
        return answer


class _Archive(Service):
    """Archive a session, and its forks and spawns with `includeChildren`."""

    path = "sessions/:id/archive"
    archived: ClassVar[bool] = True

    def __init__(self, context: DaemonContext) -> None:
        self._context = context

    def create(self, data: Row, call: Call) -> Row:
        sessions = self._context.sessions
        session_id = sessions.get(call.route["id"])["session_id"]
        affected = [session_id]
        if data.get("includeChildren") is True:
            for known in affected:
                affected += [row["session_id"] for row in children_of(self._context, known)]
        for changed in affected:
            why = "manual" if changed == session_id else "parent_archived"
            reason = why if self.archived else None
            self._context.touch_session(sessions.get(changed), archived=self.archived, archived_reason=reason)
        return {
            "session": sessions.get(session_id),
            "affectedSessions": [sessions.get(changed) for changed in affected],
            "count": len(affected),
        }


class _Unarchive(_Archive):
    path = "sessions/:id/unarchive"
    archived: ClassVar[bool] = False


def session_routes(context: DaemonContext, task_runner: TaskRunner, stops: Stops, sessions: Sessions) -> list[Service]:
    """The routes under `sessions/:id/`."""
    newer = [_Initialize(context, task_runner), _Archive(context), _Unarchive(context)] if context.api.handshake else []
    return [
        _Prompt(context, task_runner),
        _Stop(stops),
        _Queue(task_runner),
        _Fork(sessions),
        _Spawn(sessions),
        _Genealogy(context),
        _Decision(task_runner),
        *newer,
    ]

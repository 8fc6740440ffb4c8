"""The routes of a session: prompt, stop, queue, family, permissions, archive.

The prompt route returns the task itself. Under the API version `worktrees` it returns the old envelope instead: for an
idle session `{success: true, taskId, status: "running", streaming: true}`, for a busy one `{success: true, queued:
true, taskId, status: "queued", queue_position, message: {…the queued task…}}`.
"""

from __future__ import annotations

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import bad_request, conflict
from agor_reactive.daemon.services.base import Call, Route, Service
from agor_reactive.daemon.services.sessions import Sessions, children_of, origin
from agor_reactive.daemon.stops import Stops
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.task_runner import TaskRunner

__all__ = ["session_routes"]


def session_routes(context: DaemonContext, task_runner: TaskRunner, stops: Stops, sessions: Sessions) -> list[Service]:
    """The routes under `sessions/:id/`."""
    handlers = _Handlers(context, task_runner, stops, sessions)
    routes: list[Service] = [
        Route("sessions/:id/prompt", create=handlers.prompt),
        Route("sessions/:id/stop", create=handlers.stop),
        Route("sessions/:id/tasks/queue", find=handlers.queue),
        Route("sessions/:id/fork", create=handlers.fork),
        Route("sessions/:id/spawn", create=handlers.spawn),
        Route("sessions/:id/genealogy", find=handlers.genealogy),
        Route("sessions/:id/permission-decision", create=handlers.decide),
    ]
    if context.api.handshake:
        routes += [
            Route("sessions/:id/initialize", create=handlers.initialize, announces=False),
            Route("sessions/:id/archive", create=handlers.archive, announces=False),
            Route("sessions/:id/unarchive", create=handlers.unarchive, announces=False),
        ]
    return routes


class _Handlers:
    """The methods of these routes."""

    def __init__(self, context: DaemonContext, task_runner: TaskRunner, stops: Stops, sessions: Sessions) -> None:
        self._context = context
        self._task_runner = task_runner
        self._stops = stops
        self._sessions = sessions

    def prompt(self, data: Row, call: Call) -> Row:
        task = self._task_runner.prompt(call.route["id"], data, call.user_id)
        if self._context.api.prompt_answers_task:
            return task
        answer: Row = {"success": True, "taskId": task["task_id"], "status": task["status"]}
        if task["status"] != "queued":
            return {**answer, "streaming": data.get("stream") is not False}
        return {**answer, "queued": True, "queue_position": task["queue_position"], "message": task}

    def stop(self, data: Row, call: Call) -> Row:
        return self._stops.stop(call.route["id"], data)

    def queue(self, call: Call) -> Row:
        # The full id only: a short id, like an unknown one, has an empty queue.
        rows = self._task_runner.queue(call.route["id"])
        return {"total": len(rows), "data": rows}

    def fork(self, data: Row, call: Call) -> Row:
        return self._sessions.offspring(call.route["id"], data, call, forked=True)

    def spawn(self, data: Row, call: Call) -> Row:
        return self._sessions.offspring(call.route["id"], data, call, forked=False)

    def genealogy(self, call: Call) -> Row:
        sessions = self._context.sessions
        session = sessions.get(call.route["id"])
        ancestors: list[Row] = []
        above = origin(session)
        while above is not None and (row := sessions.find(above)) is not None and row not in ancestors:
            ancestors.append(row)
            above = origin(row)
        children = children_of(self._context, session["session_id"])
        return {"session": session, "ancestors": ancestors, "children": children}

    def decide(self, data: Row, call: Call) -> Row:
        return self._task_runner.permissions.decide(call.route["id"], data, call.user_id)

    def initialize(self, data: Row, call: Call) -> Row:
        """Set up a new session for its user, optionally with a first prompt."""
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

    def archive(self, data: Row, call: Call) -> Row:
        """Archive a session, and its forks and spawns with `includeChildren`."""
        return self._set_archived(data, call, archived=True)

    def unarchive(self, data: Row, call: Call) -> Row:
        return self._set_archived(data, call, archived=False)

    def _set_archived(self, data: Row, call: Call, *, archived: bool) -> Row:
        sessions = self._context.sessions
        session_id = sessions.get(call.route["id"])["session_id"]
        affected = [session_id]
        if data.get("includeChildren") is True:
            for known in affected:
                affected += [row["session_id"] for row in children_of(self._context, known)]
        for changed in affected:
            why = "manual" if changed == session_id else "parent_archived"
            reason = why if archived else None
            self._context.touch_session(sessions.get(changed), archived=archived, archived_reason=reason)
        return {
            "session": sessions.get(session_id),
            "affectedSessions": [sessions.get(changed) for changed in affected],
            "count": len(affected),
        }

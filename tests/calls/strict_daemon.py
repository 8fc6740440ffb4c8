"""A daemon of 0.26 in one object, as strict as the real one about stops and decisions. No IO, no real time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agor_reactive.calls.drivers import SyncDriver
from agor_reactive.calls.effects import Call
from agor_reactive.errors import BadRequest, NotFound
from agor_reactive.services import SessionService

__all__ = ["SID", "TID", "StrictDaemon"]

SID = "01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d"
TID = "01970a3f-91c2-7b1e-8d55-000000000001"
MID = "01970a3f-91c2-7b1e-8d55-0000000000a1"


@dataclass
class StrictDaemon:
    """One session with one task, which may wait for one permission. `now` is its clock, in seconds.

    `lost`: how many decisions never reach the executor. `settles_after`: seconds from a delivery to the row's patch.
    `stops_after`: seconds from a stop to the task's end; None while the executor hangs.
    """

    task: str = "running"
    asked: str = "pending"
    lost: int = 0
    settles_after: float = 0.0
    stops_after: float | None = 0.0
    task_in: str = "message"
    before_each: Callable[[Call], Any] = lambda call: None
    now: float = 0.0
    calls: list[tuple[str, str, tuple[Any, ...]]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    decided: list[dict[str, Any]] = field(default_factory=list)
    _due: list[tuple[float, str, str]] = field(default_factory=list)

    @property
    def sessions(self) -> SessionService[Any]:
        """A client's `sessions`, run here and now."""
        return SessionService("sessions", SyncDriver(self.call, sleep=self.sleep, clock=lambda: self.now))

    def sent(self, route: str) -> list[dict[str, Any]]:
        """The bodies that came to a route of the session."""
        return [args[0] for method, path, args in self.calls if method == "create" and path.endswith(f"/{route}")]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def call(self, call: Call, timeout: float | None) -> Any:
        self.calls.append((call.method, call.service, call.args))
        self.before_each(call)
        self._catch_up()
        answer = {
            ("get", "tasks"): self._get_task,
            ("get", "sessions"): lambda row_id: {"session_id": SID, "status": "idle"},
            ("get", "messages"): lambda row_id: self.message,
            ("find", "messages"): lambda query=None: {"total": 1, "limit": 100, "skip": 0, "data": [self.message]},
            ("find", "tasks"): lambda query=None: {"total": 1, "limit": 100, "skip": 0, "data": [self._get_task(TID)]},
            ("create", f"sessions/{SID}/stop"): self._stop,
            ("create", f"sessions/{SID}/permission-decision"): self._decide,
        }.get((call.method, call.service))
        if answer is None:
            raise NotFound(f"Service '{call.service}' not found", name="NotFound", code=404)
        return answer(*call.args)  # type: ignore[operator]

    def _catch_up(self) -> None:
        for due, what, status in [entry for entry in self._due if entry[0] <= self.now]:
            self._due.remove((due, what, status))
            if what == "task":
                self.task = status
            elif self.asked == "pending":
                self.asked = status

    def _get_task(self, row_id: str) -> dict[str, Any]:
        if not TID.startswith(row_id):
            raise NotFound(f"Task not found: {row_id}", code="NOT_FOUND")
        return {"task_id": TID, "session_id": SID, "status": self.task}

    @property
    def message(self) -> dict[str, Any]:
        content = {"request_id": "r1", "status": self.asked, "tool_name": "Bash", "tool_input": {}}
        row = {"message_id": MID, "session_id": SID, "type": "permission_request", "role": "system", "index": 4}
        in_content, in_row = self.task_in == "content", self.task_in == "message"
        return {**row, "content": {**content, **({"task_id": TID} if in_content else {})}} | (
            {"task_id": TID} if in_row else {}
        )

    def _stop(self, body: dict[str, Any]) -> dict[str, Any]:
        expected = body.get("expected_task_id")
        if set(body) - {"reason", "expected_task_id"} or (expected is not None and len(expected) != 36):
            raise BadRequest("expected_task_id must be a full id", name="BadRequest", code=400)
        if self.task in ("completed", "stopped"):
            return {"success": True, "status": "idle", "reason": "Session is already idle"}
        if expected not in (None, TID):
            return {
                "success": False,
                "outcome": "condition_changed",
                "status": "running",
                "reason": "another task runs",
            }
        if self.stops_after == 0.0:
            self.task = "stopped"
            return {"success": True, "status": "idle", "stoppedTaskId": TID, "queuedTasksPreserved": 2}
        self.task = "stopping"
        if self.stops_after is not None:
            self._due.append((self.now + self.stops_after, "task", "stopped"))
        words = {"pendingCode": "EXECUTOR_STOPPING", "reason": "the executor is ending", "stoppedTaskId": TID}
        return {"success": False, "outcome": "pending", "status": "stopping", **words}

    def _decide(self, body: dict[str, Any]) -> dict[str, Any]:
        for name, kind in (("requestId", str), ("taskId", str), ("allow", bool)):
            if not isinstance(body.get(name), kind):
                raise BadRequest(f"{name} required", name="BadRequest", code=400)
        if "scope" in body and not body.get("remember"):
            raise BadRequest("scope needs remember", name="BadRequest", code=400)
        if body["requestId"] != "r1" or body["taskId"] != TID:
            raise NotFound("Permission request not found", name="NotFound", code=404)
        if self.asked != "pending":
            return {"success": False, "alreadyResolved": True, "status": self.asked, "message": "already decided"}
        self.decided.append(body)
        if self.lost:
            self.lost -= 1
        else:
            verdict = "approved" if body["allow"] else "denied"
            self._due.append((self.now + self.settles_after, "asked", verdict))
        return {"success": True}

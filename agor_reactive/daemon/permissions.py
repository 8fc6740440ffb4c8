"""Permission requests: an agent asks and waits for a decision.

Before today's rules the route itself settled the request. Today it only delivers the decision to the agent, which
settles the request by a patch of its row.
"""

from __future__ import annotations

import asyncio
from typing import Any

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import DomainFault, bad_request, not_found
from agor_reactive.daemon.store import Row

__all__ = ["Permissions"]


class Permissions:
    """The pending permission requests."""

    def __init__(self, context: DaemonContext) -> None:
        self._context = context
        self._handshake = context.api.handshake
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._losing: set[str] = set()

    async def ask(self, task: Row, tool: Row, *, lossy: bool = False) -> bool:
        """Create a request and wait for its decision.

        `tool` has `tool_name`, `tool_input` and `tool_use_id`. `lossy`: the first decision does not reach the agent
        (today's rules only).
        """
        context = self._context
        request_id = context.ids.row()
        message = context.new_message(
            session_id=task["session_id"],
            task_id=task["task_id"],
            role="system",
            type="permission_request",
            content={"request_id": request_id, "task_id": task["task_id"], **tool, "status": "pending"},
        )
        self._set_status(task, "awaiting_permission")
        decision: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = decision
        if lossy:
            self._losing.add(request_id)
        try:
            answer = await decision
        finally:
            self._waiting.pop(request_id, None)
            self._losing.discard(request_id)
        if self._handshake:
            self._settle(message, answer)
        self._set_status(task, "running")
        return bool(answer["allow"])

    def decide(self, ref: str, data: Row, user_id: str) -> Row:
        """Answer a request; the first answer counts."""
        session_id = self._context.sessions.get(ref)["session_id"]
        if self._handshake:
            _refuse_unfit(data)
        message = self._message(session_id, data)
        content = message["content"]
        if content["status"] != "pending":
            status = content["status"]
            return {
                "success": False,
                "alreadyResolved": True,
                "status": status,
                "message": f"Permission request was already {status}",
            }
        if self._handshake:
            return self._hand_on(content["request_id"], {**data, "decidedBy": user_id})
        decision = {"decidedBy": user_id, **data, "allow": bool(data.get("allow"))}
        self._settle(message, decision)
        names = ("requestId", "allow", "remember", "scope", "decidedBy", "reason")
        event = {name: decision[name] for name in names if name in decision}
        self._context.bus.publish(
            "messages permission_resolved", {**event, "taskId": message.get("task_id"), "sessionId": session_id}
        )
        return self._hand_on(content["request_id"], decision)

    def _hand_on(self, request_id: str, decision: Row) -> Row:
        if request_id in self._losing:
            self._losing.discard(request_id)
            return {"success": True}
        waiting = self._waiting.get(request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(decision)
        return {"success": True}

    def _settle(self, message: Row, decision: Row) -> None:
        answered = {
            **message["content"],
            "status": "approved" if decision["allow"] else "denied",
            "scope": decision.get("scope", "once"),
            "approved_by": decision.get("decidedBy"),
            "approved_at": self._context.now(),
        }
        self._context.messages.change(message, content=answered)

    def _set_status(self, task: Row, status: str) -> None:
        context = self._context
        row = context.tasks.get(task["task_id"])
        if row["status"] == "stopping":
            return
        context.tasks.change(row, status=status)
        context.touch_session(context.sessions.get(task["session_id"]), status=status)

    def _message(self, session_id: str, data: Row) -> Row:
        request_id = data.get("requestId")
        for message in self._context.store.messages_by_index(session_id=session_id):
            content = message.get("content")
            if message["type"] != "permission_request" or not isinstance(content, dict):
                continue
            same_task = not self._handshake or message.get("task_id") == data["taskId"]
            if content.get("request_id") == request_id and same_task:
                return message
        text = f"Permission request {request_id} not found"
        raise not_found(text) if self._handshake else DomainFault(text)


def _refuse_unfit(data: Row) -> None:
    for name in ("requestId", "taskId"):
        if not isinstance(data.get(name), str) or not data[name]:
            raise bad_request(f"{name} required")
    if not isinstance(data.get("allow"), bool):
        raise bad_request("allow must be a boolean")
    scopes = ("project", "user", "local") if data.get("remember") is True else ("once",)
    if data.get("scope") is not None and data["scope"] not in scopes:
        raise bad_request("scope must be project, user or local, and needs remember")

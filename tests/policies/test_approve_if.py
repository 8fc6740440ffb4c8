"""`approve_if` answers by its predicate, refuses what that fails on, and writes a line for each decision."""

from __future__ import annotations

import json
import pickle
import stat
from pathlib import Path
from typing import Any

import pytest

from agor_reactive.errors import NotConnected, UsageError
from agor_reactive.models import Task
from agor_reactive.models.message import Message
from agor_reactive.models.outcome import PermissionNeeded, outcome_of
from agor_reactive.policies import Decided, approve_if
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.permissions import PendingPermission
from tests.core.build import SID, message_row, task_row
from tests.session.world import World


def request(name: str, tool: str, given: Any = None, index: float = 5) -> dict[str, Any]:
    content = {"request_id": name, "status": "pending", "tool_name": tool, "tool_input": given or {"command": "ls"}}
    return message_row(f"m-{name}", "t1", index, type="permission_request", role="system", content=content)


class Daemon(World):
    """Settles each decision at once; `decisions` are (request id, allowed, reason)."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        super().__init__()
        self.tasks = [task_row("t1", "awaiting_permission")]
        self.messages = list(rows)
        self.decisions: list[tuple[str, bool, str | None]] = []
        self.link.on_call("create", "sessions/:id/permission-decision", self._decide)

    def _decide(self, args: tuple[Any, ...]) -> Any:
        body = args[0]
        self.decisions.append((body["requestId"], body["allow"], body.get("reason")))
        row = next(row for row in self.messages if row["content"]["request_id"] == body["requestId"])
        row["content"] = {**row["content"], "status": "approved" if body["allow"] else "denied"}
        return {"success": True}

    async def handle(self) -> SessionHandle:
        await self.link.open()
        handle = self.registry.retain(SID, task_hydration="eager")
        await handle.ready()
        return handle

    def ask(self, row: dict[str, Any]) -> None:
        self.messages.append(row)
        self.link.emit("messages created", row)


def reads(asked: PendingPermission) -> bool:
    return asked.tool_name == "Read"


async def test_what_the_predicate_approves_is_approved_and_the_rest_is_left() -> None:
    daemon = Daemon(request("a", "Read"))
    handle = await daemon.handle()
    async with approve_if(handle, reads) as policy:
        daemon.ask(request("b", "Bash", index=6))
        daemon.ask(request("c", "Read", index=7))
        await daemon.settle(lambda: policy.left and policy.approved == 2)
    daemon.ask(request("d", "Read", index=8))
    await daemon.settle()
    assert daemon.decisions == [("a", True, None), ("c", True, None)]
    assert repr(policy) == "<Approvals 2 approved, 0 denied, 1 left>"
    handle.release()


async def test_otherwise_deny_gives_the_reason() -> None:
    daemon = Daemon(request("a", "Bash"))
    handle = await daemon.handle()
    async with approve_if(handle, reads, otherwise="deny", reason="only reads"):
        await daemon.settle()
    assert daemon.decisions == [("a", False, "only reads")]
    handle.release()


def fails(asked: PendingPermission) -> bool:
    return bool(asked.tool_input["no such key"])


def is_no_answer(asked: PendingPermission) -> Any:
    return "yes"


async def fails_later(asked: PendingPermission) -> bool:
    raise RuntimeError("agor_sk_" + "x" * 40)


async def is_none(asked: PendingPermission) -> Any:
    return None


@pytest.mark.parametrize("predicate", [fails, is_no_answer, fails_later, is_none])
async def test_what_a_predicate_fails_on_is_refused(predicate: Any) -> None:
    daemon = Daemon(request("a", "Read"))
    handle = await daemon.handle()
    lines: list[Decided] = []
    async with approve_if(handle, predicate, audit=lines.append):
        await daemon.settle(lambda: bool(lines))
    assert daemon.decisions == [("a", False, "the policy failed on this request")]
    (line,) = lines
    assert (line.verdict, line.outcome) == ("denied", "denied")
    assert line.error is not None
    assert line.error.startswith(("KeyError", "TypeError: the predicate returned", "RuntimeError"))
    assert "x" * 20 not in line.error
    handle.release()


async def test_the_audit_file_has_a_line_per_decision_without_secrets(tmp_path: Path) -> None:
    key = "agor_sk_" + "y" * 40
    daemon = Daemon(request("a", "Read"), request("b", "Bash", {"command": f"export X={key}"}, index=6))
    handle = await daemon.handle()
    path = tmp_path / "audit.jsonl"
    async with approve_if(handle, reads, audit=path) as policy:
        await daemon.settle(lambda: bool(policy.left and policy.approved))
    lines = sorted(
        (json.loads(line) for line in path.read_text().splitlines()), key=lambda line: str(line["request_id"])
    )
    assert [(line["request_id"], line["verdict"], line["outcome"]) for line in lines] == [
        ("a", "approved", "approved"),
        ("b", "left", None),
    ]
    assert key not in path.read_text()
    assert lines[0]["tool_input"] == {"command": "ls"}
    assert lines[0]["session_id"] == SID
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    handle.release()


async def test_a_failing_audit_stops_the_policy() -> None:
    daemon = Daemon(request("a", "Read"))
    handle = await daemon.handle()

    def full(decided: Decided) -> None:
        raise OSError("No space left on device")

    policy = approve_if(handle, reads, audit=full)
    await policy.start()
    await daemon.settle(lambda: bool(policy.approved))
    daemon.ask(request("b", "Read", index=6))
    await daemon.settle()
    with pytest.raises(OSError, match="No space"):
        await policy.stop()
    assert [one for one, _, _ in daemon.decisions] == ["a"]
    handle.release()


async def test_an_audit_file_that_cannot_be_opened_starts_no_policy(tmp_path: Path) -> None:
    daemon = Daemon(request("a", "Read"))
    handle = await daemon.handle()
    with pytest.raises(UsageError, match="audit file"):
        async with approve_if(handle, reads, audit=tmp_path / "no" / "audit.jsonl"):
            pass
    await daemon.settle()
    assert daemon.decisions == []
    handle.release()


async def test_a_decision_that_finds_the_link_down_is_delivered_when_it_is_back() -> None:
    daemon = Daemon(request("a", "Read"))
    handle = await daemon.handle()
    failures = [NotConnected("down"), NotConnected("down")]
    decide = daemon._decide

    def answer(args: tuple[Any, ...]) -> Any:
        if failures:
            raise failures.pop()
        return decide(args)

    daemon.link.on_call("create", "sessions/:id/permission-decision", answer)
    lines: list[Decided] = []
    async with approve_if(handle, reads, audit=lines.append) as policy:
        await daemon.settle(lambda: bool(lines))
    assert [(line.verdict, line.outcome, line.error) for line in lines] == [("approved", "approved", None)]
    assert (policy.failed, len(daemon.slept) >= 2) == (0, True)
    handle.release()


async def test_wrong_arguments_say_so() -> None:
    daemon = Daemon()
    handle = await daemon.handle()
    with pytest.raises(UsageError, match="function"):
        approve_if(handle, "Read")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="'leave' or 'deny'"):
        approve_if(handle, reads, otherwise="ask")  # type: ignore[call-overload]
    handle.release()


async def test_a_request_of_an_outcome_without_a_client_says_where_to_answer_it() -> None:
    asked = Message(message_id="m", type="permission_request", content={"request_id": "r", "status": "pending"})
    outcome = outcome_of(Task(task_id="t", status="awaiting_permission"), (asked,), was_queued=False)
    assert isinstance(outcome, PermissionNeeded)
    copy = pickle.loads(pickle.dumps(outcome))
    assert copy == outcome
    for one in (outcome, copy):
        with pytest.raises(UsageError, match="permission_decision"):
            one.requests[0].approve()

"""What a predicate decides about a permission request. Delivers nothing."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from agor_reactive.models.secrecy import scrub_text
from agor_reactive.session.permissions import PendingPermission

__all__ = ["Decided", "Otherwise", "Predicate", "Verdict", "judge"]

Predicate: TypeAlias = Callable[[PendingPermission], bool | Awaitable[bool]]
"""Says whether to approve a request. Only True approves."""

Otherwise = Literal["leave", "deny"]
"""What happens to a request for which the predicate is False: it is left to a person, or denied."""

Verdict = Literal["approved", "denied", "left"]

FAILED = "the policy failed on this request"


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of a policy: a line of the audit.

    `verdict` is ``approved``, ``denied`` or ``left`` (to a person). `reason` is the one that the agent gets with a
    denial. `error` says what a predicate raised, or why the decision was not delivered. `outcome` is the status of the
    request after the delivery, as the daemon has it; None if nothing was delivered. `at`: epoch seconds.
    """

    at: float
    session_id: str
    task_id: str | None
    request_id: str
    tool_name: str
    tool_input: Any
    verdict: Verdict
    reason: str | None = None
    error: str | None = None
    outcome: str | None = None


async def judge(
    predicate: Predicate, request: PendingPermission, otherwise: Otherwise, reason: str | None, at: float
) -> Decided:
    """Ask the predicate. What it raises on, or answers with anything but True or False, is denied."""
    verdict: Verdict
    error = None
    try:
        answer: Any = predicate(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if answer is not True and answer is not False:
            raise TypeError(f"the predicate returned {type(answer).__name__}, not True or False")
    except Exception as raised:  # noqa: BLE001 - any failure of a predicate is a refusal, and is in the audit
        verdict, reason = "denied", FAILED
        error = scrub_text(f"{type(raised).__name__}: {raised}")
    else:
        verdict = "approved" if answer else "denied" if otherwise == "deny" else "left"
    return Decided(
        at=at,
        session_id=request.session_id,
        task_id=request.task_id or request.request.task_id,
        request_id=request.request_id,
        tool_name=request.tool_name,
        tool_input=request.tool_input,
        verdict=verdict,
        reason=reason if verdict == "denied" else None,
        error=error,
    )

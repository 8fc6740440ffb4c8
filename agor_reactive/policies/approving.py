"""`approve_if`: answers the permission requests of a session by a predicate while it is open."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self, overload

from reactivex import abc

from agor_reactive.blocking.handle import BlockingHandle
from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import AgorError, DecisionPending, LinkError, UsageError
from agor_reactive.policies.audit import Audit, AuditFile
from agor_reactive.policies.judging import Decided, Otherwise, Predicate, judge
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.permissions import PendingPermission

__all__ = ["Approvals", "BlockingApprovals", "approve_if"]

_log = logging.getLogger("agor_reactive.policies")

LAST: Final = 20.0
"""Seconds that the end of a policy leaves for decisions under way: a delivery takes up to 15."""

_AWAY: Final = Backoff(first=0.5, most=5.0, jitter=(0.5, 1.0))
"""The waits between two deliveries while the link is down."""


class Approvals:
    """A policy at work, made by `approve_if`: an async context manager.

    `approved`, `denied` and `left` count its decisions, `failed` those of them that could not be delivered.
    """

    def __init__(
        self,
        handle: SessionHandle,
        predicate: Predicate,
        *,
        otherwise: Otherwise = "leave",
        reason: str | None = None,
        audit: str | os.PathLike[str] | Audit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not callable(predicate):
            raise UsageError("approve_if needs a function of a request that returns True or False.")
        if otherwise not in ("leave", "deny"):
            raise UsageError(f"otherwise is 'leave' or 'deny', not {otherwise!r}")
        self._handle = handle
        self._predicate = predicate
        self._otherwise: Otherwise = otherwise
        self._reason = reason
        self._audit = audit
        self._clock = clock
        self._write: Audit | None = None
        self._file: AuditFile | None = None
        self._counts: Counter[str] = Counter()
        self._work: set[asyncio.Task[None]] = set()
        self._subscription: abc.DisposableBase | None = None
        self._error: Exception | None = None
        self.failed = 0

    @property
    def approved(self) -> int:
        """How many requests it has approved."""
        return self._counts["approved"]

    @property
    def denied(self) -> int:
        """How many requests it has denied, those included on which the predicate failed."""
        return self._counts["denied"]

    @property
    def left(self) -> int:
        """How many requests it has left to a person."""
        return self._counts["left"]

    async def start(self) -> None:
        """Answer the pending requests, and each new one. Raises `UsageError` if the audit file cannot be opened."""
        if self._subscription is not None:
            raise UsageError("This policy is at work already; make another one.")
        requests = self._handle.permissions
        if self._audit is None or callable(self._audit):
            self._write = self._audit
        else:
            self._write = self._file = AuditFile(self._audit)
        self._subscription = requests.subscribe(self._receive)

    async def stop(self) -> None:
        """Answer no more requests; wait for the decisions under way, at most 20 s. Raises what the audit raised."""
        if self._subscription is not None:
            self._subscription.dispose()
        if self._work:
            _, late = await asyncio.wait(self._work, timeout=LAST)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._file is not None:
            self._file.close()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _receive(self, request: PendingPermission) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(request), name="agor policy")
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _answer(self, request: PendingPermission) -> None:
        decided = await judge(self._predicate, request, self._otherwise, self._reason, self._clock())
        if self._error is not None:  # no decision without an audit line
            return
        self._counts[decided.verdict] += 1
        if decided.verdict != "left":
            decided = await self._deliver(request, decided)
        _log.info(
            "permission for %s: %s%s", decided.tool_name, decided.verdict, f" ({decided.error})" * bool(decided.error)
        )
        try:
            if self._write is not None:
                self._write(decided)
        except Exception as error:  # noqa: BLE001 - raised by `stop`
            self._error = self._error or error
            if self._subscription is not None:
                self._subscription.dispose()
            _log.error("the audit failed (%s); the policy answers no more requests", type(error).__name__)

    async def _deliver(self, request: PendingPermission, decided: Decided) -> Decided:
        """Deliver until the request is settled; while the link is down, again when it may be up."""
        waits = _AWAY.delays()
        while True:
            try:
                if decided.verdict == "approved":
                    taken = await request.approve(reason=decided.reason)
                else:
                    taken = await request.deny(decided.reason)
            except AgorError as error:
                is_away = isinstance(error, LinkError) and not isinstance(error, DecisionPending)
                if is_away and not self._handle.released:
                    await self._handle.entry.sleep(next(waits))
                    continue
                self.failed += 1
                return replace(decided, error=f"{type(error).__name__}: {error}")
            return replace(decided, outcome=taken.status or decided.verdict)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        except Exception:
            if error is None:
                raise

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.approved} approved, {self.denied} denied, {self.left} left>"


class BlockingApprovals(Approvals):
    """A policy of a blocking client, made by `approve_if`: a context manager.

    The predicate is called on a separate thread, so that it may call the client.
    """

    def __init__(self, handle: BlockingHandle, predicate: Predicate, **options: Any) -> None:
        self._portal = handle.portal

        async def in_thread(request: PendingPermission) -> Any:
            answer = await asyncio.to_thread(predicate, request)
            return await answer if inspect.isawaitable(answer) else answer

        super().__init__(handle.live, in_thread if callable(predicate) else predicate, **options)

    def __enter__(self) -> Self:
        self._portal.run(self.start())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._portal.run(self.stop())
        except Exception:
            if error is None:
                raise


@overload
def approve_if(
    handle: SessionHandle,
    predicate: Predicate,
    *,
    otherwise: Otherwise = "leave",
    reason: str | None = None,
    audit: str | os.PathLike[str] | Audit | None = None,
) -> Approvals: ...
@overload
def approve_if(
    handle: BlockingHandle,
    predicate: Predicate,
    *,
    otherwise: Otherwise = "leave",
    reason: str | None = None,
    audit: str | os.PathLike[str] | Audit | None = None,
) -> BlockingApprovals: ...
def approve_if(handle: Any, predicate: Predicate, **options: Any) -> Any:
    """Approve the permission requests of a session for which `predicate` is True, while the context is open.

    The pending requests are answered too. Where the predicate is False, the request is left to a person, or denied with
    ``otherwise="deny"`` and `reason`. A request on which it raises, or returns anything but True or False, is denied. A
    predicate may be async. `audit` gets a `Decided` for each request: a function, or the path of a file for JSON lines;
    if it fails, the policy stops and the error is raised at the end of the context. Decisions that find the link down
    are delivered when it is back. For a `BlockingHandle` it is a plain context manager.

    >>> async with approve_if(handle, lambda asked: asked.tool_name in {"Read", "Grep"}):   # doctest: +SKIP
    ...     await handle.ask("What do the tests say?", at_permission=False)
    """
    if isinstance(handle, BlockingHandle):
        return BlockingApprovals(handle, predicate, **options)
    return Approvals(handle, predicate, **options)

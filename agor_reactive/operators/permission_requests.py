"""`permission_requests`: each request for permission, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reactivex import Observable

from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.wire import RawEvent
from agor_reactive.operators.emitting import Source, finding
from agor_reactive.session.permissions import PendingPermission, PermissionWatch

__all__ = ["permission_requests"]


def permission_requests() -> Callable[[Source], Observable[PendingPermission]]:
    """Emit each permission request that is pending, once, also over reconnects.

    Works on snapshots, on events (`client.events`: of all sessions) and on logs. The requests cannot be answered from
    here; those of `handle.permissions` can.

    ::

        snapshots  --(r1 pending)--(text)--(r1 approved)--(r2 pending)--|
                   permission_requests()
                   --r1--------------------------------r2------------|
    """

    def make() -> tuple[
        Callable[[SessionState], Iterable[PendingPermission]], Callable[[RawEvent], Iterable[PendingPermission]]
    ]:
        found: list[PendingPermission] = []
        watch = PermissionWatch(lambda *asked: found.append(PendingPermission(*asked)))

        def taken() -> list[PendingPermission]:
            new = found[:]
            found.clear()
            return new

        def in_state(state: SessionState) -> Iterable[PendingPermission]:
            watch.look(state)
            return taken()

        def in_event(event: RawEvent) -> Iterable[PendingPermission]:
            watch.receive(event)
            return taken()

        return in_state, in_event

    return finding("permission_requests", make)

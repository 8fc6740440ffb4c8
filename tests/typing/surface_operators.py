"""What type checkers must know of operators and policies. Checked by mypy --strict and pyright, never run."""

from __future__ import annotations

from typing import assert_type

from reactivex import Observable

import agor_reactive as agor
from agor_reactive import operators as on
from agor_reactive.logs import Log, replay
from agor_reactive.models.wire import RawEvent
from agor_reactive.session.handles import SessionHandle


def operators_work_on_snapshots_events_and_logs(handle: SessionHandle, client: agor.Client, log: Log) -> None:
    assert_type(handle.snapshots.pipe(on.completed_turns()), Observable[on.Turn])
    assert_type(client.events.pipe(on.completed_turns()), Observable[on.Turn])
    assert_type(handle.snapshots.pipe(on.tool_calls(since=1.0)), Observable[on.ToolCall])
    assert_type(handle.events.pipe(on.tool_calls()), Observable[on.ToolCall])
    assert_type(replay(log).pipe(on.text_deltas()), Observable[on.TextDelta])
    assert_type(client.events.pipe(on.status_changes()), Observable[on.StatusChange])
    assert_type(handle.snapshots.pipe(on.queue_changes()), Observable[on.QueueChange])
    assert_type(handle.snapshots.pipe(on.permission_requests()), Observable[agor.PendingPermission])
    handle.snapshots.pipe(on.tool_calls(), on.tool_calls())  # type: ignore[misc]


def filters_keep_the_type(handle: SessionHandle, client: agor.Client) -> None:
    assert_type(client.events.pipe(on.for_session("s")), Observable[RawEvent])
    assert_type(client.events.pipe(on.for_session("s"), on.tool_calls()), Observable[on.ToolCall])
    assert_type(handle.snapshots.pipe(on.tool_calls(), on.for_tool("Bash")), Observable[on.ToolCall])

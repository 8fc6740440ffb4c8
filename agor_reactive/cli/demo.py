"""`demo`: runs an embedded daemon and two prompts, the second one queued, until both tasks have ended.

Needs the extra ``[daemon]``; the daemon runs in this process, on loopback.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.text import Text

from agor_reactive import Client, create_client, retain_reactive_session
from agor_reactive.adapters.presentation.quantities import seconds_text
from agor_reactive.cli.endings import FAULT, WELL, Stop, complain
from agor_reactive.cli.output import console, is_idle
from agor_reactive.cli.recording import recorded
from agor_reactive.cli.watching import look, verdict, view_of
from agor_reactive.core.snapshot import SessionState
from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon
from agor_reactive.logs import Recording
from agor_reactive.models.wire import RawEvent
from agor_reactive.session.handles import SessionHandle

__all__ = ["PROMPTS", "demo"]

PROMPTS = (
    "How two buyers could get the last teapot",
    "A test that sells the last teapot twice",
)
TITLE = "The last teapot"
PACE = 0.7
"""Factor on `speed`: the scripted agent at speed 1 is slightly too fast to read."""


@dataclass(slots=True)
class _Tally:
    """Counts of events and snapshots. Written by the callbacks of one demo."""

    kinds: Counter[str] = field(default_factory=Counter)
    snapshots: int = 0
    picture: SessionState | None = None

    def count_event(self, event: RawEvent) -> None:
        self.kinds[event.name] += 1

    def count_snapshot(self, state: SessionState) -> None:
        self.snapshots += 1
        if self.picture is None and state.queued_tasks:
            writing = [stream for stream in state.get_streaming_messages() if stream.streaming]
            if any(len(stream.text) > 400 for stream in writing):
                self.picture = state


async def demo(
    stop: Stop,
    *,
    json: bool,
    speed: float,
    seed: int,
    api_version: ApiVersionName,
    picture: Path | None = None,
    record: Path | None = None,
) -> int:
    """Run the demo and return the exit code.

    `record` is a new file for a log of it. `picture` saves one snapshot with a queued task as an SVG.
    """
    tally = _Tally()
    began = time.monotonic()
    async with (
        EmbeddedDaemon(speed=speed * PACE, seed=seed, api_version=api_version) as daemon,
        create_client(daemon.url, api_key=daemon.api_key) as client,
    ):
        place = "worktree_id" if api_version == "worktrees" else "branch_id"
        session = await client.service("sessions").create(
            {place: daemon.workspace_id, "agentic_tool": "claude-code", "title": TITLE}
        )
        async with (
            retain_reactive_session(client, session.session_id, task_hydration="eager") as handle,
            recorded(handle, record) as recording,
        ):
            await handle.ready()
            last = await _play(client, handle, tally, stop, json=json, recording=recording)
    if picture is not None and tally.picture is not None:
        from agor_reactive.cli.picture import save

        save(tally.picture, picture)
    if stop.wanted:
        return WELL
    if not _completed(last):
        complain("the demo failed: " + ", ".join(task.status for task in last.tasks))
        return verdict(last) or FAULT
    if not json and not stop.lost_reader:
        _close(last, tally, time.monotonic() - began)
    return WELL


async def _play(
    client: Client, handle: SessionHandle, tally: _Tally, stop: Stop, *, json: bool, recording: Recording | None
) -> SessionState:
    undo: Callable[[], None] = client.events.subscribe(tally.count_event).dispose
    counting = handle.subscribe(tally.count_snapshot)
    try:
        with view_of(json=json, hint="agor-reactive demo: a scripted agent on an embedded daemon") as view:
            for prompt in PROMPTS:
                await handle.prompt(prompt)
            return await look(handle, view, stop, until=_settled, recording=recording)
    finally:
        counting()
        undo()


def _settled(state: SessionState) -> bool:
    return (
        len(state.tasks) == len(PROMPTS)
        and all(task.ended for task in state.tasks)
        and not state.streaming_messages
        and is_idle(state)
    )


def _completed(state: SessionState) -> bool:
    return _settled(state) and all(
        task.status == "completed" and state.is_task_loaded(task.task_id) for task in state.tasks
    )


def _close(state: SessionState, tally: _Tally, took: float) -> None:
    """Print a short summary."""
    out = console()
    tools = sum(len(used) for used in state.tools_by_task.values())
    messages = sum(len(bucket) for bucket in state.messages_by_task.values())
    out.print()
    out.print(
        Text("Two prompts answered", "bold green")
        + Text(f" in {seconds_text(took)}; the second one was queued.", "default")
    )
    chunks = f"{tally.kinds['thinking:chunk']} chunks of thinking, {tally.kinds['streaming:chunk']} of text"
    out.print(f"{chunks}, {tools} tools, {messages} saved messages.")
    out.print(f"{tally.kinds.total()} events became {tally.snapshots} snapshots.")
    out.print(Text("Next: agor-reactive serve, and the scripts in README.md.", "dim"))

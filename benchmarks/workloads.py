"""The named workloads, reproducible by seed: a session's events, as topics and payloads.

``python -m benchmarks workloads --dump DIR`` writes them as JSON lines, for other implementations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.wire import Event, SessionScript

__all__ = [
    "FOLDED",
    "Scale",
    "Workload",
    "chat",
    "dump",
    "frames",
    "history",
    "huge",
    "long",
    "mix",
    "one_message",
    "payloads",
    "stream",
    "write",
]

SEED = "agor"


@dataclass(frozen=True, slots=True)
class Workload:
    """`events` are the input of a session's pipeline; `noise` are other events of the daemon, which it must ignore."""

    name: str
    session_id: str
    events: tuple[Event, ...]
    noise: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """`quick` workloads are a tenth or less of the real ones: they check that a case runs, not its cost."""

    quick: bool = False

    def __call__(self, full: int, quick: int) -> int:
        return quick if self.quick else full


def _workload(name: str, script: SessionScript) -> Workload:
    return Workload(name, script.session_id, tuple(script.events), tuple(script.noise))


def chat(scale: Scale) -> Workload:
    """10 tasks × 20 messages × 50 chunks, thinking before each message and a tool after it."""
    script = SessionScript(f"{SEED}/chat")
    for _ in range(scale(10, 3)):
        script.task(messages=scale(20, 4), chunks=scale(50, 10), tools=True, thoughts=3)
    return _workload("chat", script)


def long(scale: Scale) -> Workload:
    """500 tasks × 20 messages × 2 chunks."""
    script = SessionScript(f"{SEED}/long")
    for _ in range(scale(500, 20)):
        script.task(messages=scale(20, 5), chunks=2)
    return _workload("long", script)


def huge(scale: Scale) -> Workload:
    """5,000 tasks × 2 messages × 1 chunk.

    Session rows come without their task ids here: with them, these events alone would be a gigabyte of frames.
    """
    script = SessionScript(f"{SEED}/huge", ids_in_session=False)
    for _ in range(scale(5_000, 100)):
        script.task(messages=2, chunks=1)
    return _workload("huge", script)


def stream(scale: Scale) -> Workload:
    """One task, 4 messages × 5,000 chunks."""
    script = SessionScript(f"{SEED}/stream")
    script.task(messages=4, chunks=scale(5_000, 200))
    return _workload("stream", script)


FOLDED: Mapping[str, Callable[[Scale], Workload]] = {"chat": chat, "long": long, "huge": huge, "stream": stream}
"""The workloads that are folded from the first event of a session to its last."""


def history(tasks: int) -> SessionScript:
    """The history of a session with `tasks` tasks: 2 messages × 2 chunks each."""
    script = SessionScript(f"{SEED}/growth", ids_in_session=False)
    for _ in range(tasks):
        script.task(messages=2, chunks=2)
    return script


def mix(tasks_before: int, tasks: int, *, ids_in_session: bool) -> Workload:
    """The mix of `growth`: `tasks` more tasks, on top of a session that has `tasks_before`."""
    script = SessionScript(f"{SEED}/growth/mix", ids_in_session=ids_in_session, first_task=tasks_before + 10)
    if ids_in_session:
        script.task_ids.extend(script.id() for _ in range(tasks_before))
    for _ in range(tasks):
        script.task(messages=2, chunks=2)
    return _workload(f"growth@{tasks_before}", script)


def one_message(chunks: int) -> Workload:
    """One message of `chunks` chunks, started and not ended."""
    script = SessionScript(f"{SEED}/message")
    script.reply(script.id(), chunks=chunks)
    kept = script.events[: chunks + 1]
    return Workload("message", script.session_id, tuple(kept), ())


def frames(events: Iterable[Event]) -> list[str]:
    """The websocket frames of the events."""
    return ["42" + json.dumps([*event], separators=(",", ":"), ensure_ascii=False) for event in events]


def payloads(events: Iterable[Event]) -> list[bytes]:
    """The same without the packet types: ``[topic, payload]``, as bytes."""
    return [orjson.dumps(event) for event in events]


def dump(directory: Path, scale: Scale) -> list[Path]:
    """Write each workload as JSON lines ``{"event": topic, "payload": …}``; `growth` is its history, then its mix."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    loads: dict[str, Iterable[Event]] = {name: make(scale).events for name, make in FOLDED.items()}
    for count in (10, 100, 1_000, 10_000) if not scale.quick else (10, 100):
        loads[f"growth-{count}"] = (*history(count).events, *mix(count, 10, ids_in_session=False).events)
    loads["message"] = one_message(scale(100_000, 1_000)).events
    for name, events in loads.items():
        path = directory / f"{name}.jsonl"
        write(path, events)
        written.append(path)
    return written


def write(path: Path, events: Iterable[Event]) -> None:
    """Write events as JSON lines."""
    with path.open("wb") as file:
        for topic, payload in events:
            file.write(orjson.dumps({"event": topic, "payload": payload}) + b"\n")

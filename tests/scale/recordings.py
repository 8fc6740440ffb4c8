"""Logs for the tests of many: rows of invented sessions, written as a recording writes them."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import orjson

from agor_reactive.logs.files import create

__all__ = ["BEGIN", "Written", "everywhere", "session_id", "turn"]

BEGIN = 1_764_000_000.0


def session_id(number: int) -> str:
    return f"01a20fce-d685-732c-b447-{number:012x}"


def turn(session: int, number: int, status: str = "completed", **fields: Any) -> list[tuple[str, dict[str, Any]]]:
    """The events of a turn with one call of a tool, which fails where the turn fails."""
    task_id = f"task-{session}-{number}"
    task = {
        "task_id": task_id,
        "session_id": session_id(session),
        "status": status,
        "model": f"model-{session % 2}",
        "created_at": f"2026-11-{10 + number:02d}T10:00:00.000Z",
        "started_at": f"2026-11-{10 + number:02d}T10:00:05.000Z",
        "completed_at": f"2026-11-{10 + number:02d}T10:00:35.000Z",
        "normalized_sdk_response": {"costUsd": 0.25, "tokenUsage": {"inputTokens": 100, "outputTokens": 10}},
        **fields,
    }
    about = {"session_id": session_id(session), "task_id": task_id, "content_preview": ""}
    call = {"type": "tool_use", "id": f"use-{session}-{number}", "name": "Bash", "input": {"command": "ls"}}
    answer = {"type": "tool_result", "tool_use_id": call["id"], "content": "", "is_error": status == "failed"}
    return [
        ("tasks created", {**task, "status": "running", "completed_at": None}),
        (
            "messages created",
            {
                **about,
                "message_id": f"{task_id}-1",
                "index": 2 * number,
                "type": "assistant",
                "role": "assistant",
                "timestamp": task["started_at"],
                "content": [call],
            },
        ),
        (
            "messages created",
            {
                **about,
                "message_id": f"{task_id}-2",
                "index": 2 * number + 1,
                "type": "user",
                "role": "user",
                "timestamp": task["completed_at"],
                "content": [answer],
            },
        ),
        ("tasks patched", task),
    ]


class Written:
    """A log: `events` and `mirror` add records, `rotate` begins the next file. Closed by `close`."""

    def __init__(self, path: Path, *, log_id: str | None = None, begin: float = BEGIN) -> None:
        self.paths = [path]
        self._log_id = log_id or path.name
        self._begin = begin
        self._n = 0
        self._mirrors = 0
        self._file = create(path)
        self._header()

    def _header(self) -> None:
        header = {"agor_log": 1, "kind": "header", "t": self._begin + self._n, "log_id": self._log_id}
        self._file.write(orjson.dumps({**header, "part": len(self.paths)}) + b"\n")

    def record(self, **fields: Any) -> None:
        self._n += 1
        self._file.write(orjson.dumps({"n": self._n, "t": self._begin + self._n, **fields}) + b"\n")

    def mirror(self, session: int, hydration: str = "eager", *, agent: str = "codex") -> Written:
        """Begin a mirror. Its session's row comes as an event, so nothing has to be fetched for a test."""
        self._mirrors += 1
        self.record(
            kind="mirror", mirror=self._mirrors, session_id=session_id(session), hydration=hydration, state=None
        )
        row = {"session_id": session_id(session), "status": "idle", "agentic_tool": agent, "tasks": []}
        return self.events([("sessions patched", row)])

    def events(self, events: list[tuple[str, dict[str, Any]]]) -> Written:
        for topic, payload in events:
            self.record(kind="event", topic=topic, payload=payload)
        self._file.flush()
        return self

    def rotate(self, path: Path) -> Written:
        self._file.close()
        self.paths.append(path)
        self._file = create(path)
        self._header()
        return self

    def close(self) -> Written:
        self._file.close()
        return self


def everywhere(folder: Path) -> list[Path]:
    """Sessions in several logs, several sessions and mirrors in one, a log in several files; six sessions in all."""
    random = Random("everywhere")
    paths: list[Path] = []
    for number in range(12):
        written = Written(folder / f"log-{number}.jsonl.gz", begin=1_764_000_000.0 + 1_000 * number)
        for session in random.sample(range(6), k=3):
            written.mirror(session, random.choice(["eager", "lazy", "none"]), agent=random.choice(["codex", "gemini"]))
            for at in random.sample(range(8), k=3):
                written.events(turn(session, at, random.choice(["completed", "failed"])))
            if random.random() < 0.4:
                written.rotate(folder / f"log-{number}-{session}.jsonl.gz")
        paths += written.close().paths
    random.shuffle(paths)
    return paths

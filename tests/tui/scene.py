"""Rows of a daemon that look the same in every run: fixed times, no agent that works on them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agor_reactive.daemon.clock import iso
from agor_reactive.daemon.server import EmbeddedDaemon
from tests.tui.world import inside

__all__ = ["NOW", "plant_scene"]

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC).timestamp()
"""The present of the app. What a daemon changes during a test is later, which is shown as just now."""

TITLES = (
    ("Sell the last teapot once", "awaiting_permission", 0),
    ("Move the shop to asyncio", "failed", 5),
    ("Upgrade the linter", "idle", 42),
    ("Write the change log", "idle", 3 * 60),
    ("Ein langer Titel über Größen, Maße und Gewichte der Teekannen", "running", 26 * 60),
    ("寿司を数える 🍣", "completed", 9 * 24 * 60),
)
"""Title, status and age in minutes of each session, newest first."""

REPLY = """\
Two buyers saw *one* teapot, because `reserve` reads and writes in two steps.

1. The read is now inside the lock.
2. A test sells the last teapot to two buyers at once.

```python
with lock:
    stock = read()
```
"""

EDIT = {
    "file_path": "src/inventory/stock.py",
    "old_string": "    stock = read()\n    if stock:\n        write(stock - 1)\n",
    "new_string": "    with lock:\n        stock = read()\n        if stock:\n            write(stock - 1)\n",
}

PROMPT = "Two buyers bought the last teapot.\nFind out why and write a test for it."


def plant_scene(daemon: EmbeddedDaemon) -> dict[str, str]:
    """Sessions: one asks for a permission and has two queued prompts, one has an ended task with all kinds of blocks.

    Returns the ids of the sessions by their titles.
    """
    context = inside(daemon)
    by = context.users.all()[0]["user_id"]
    sessions = []
    with context.store.together():
        for title, status, age in reversed(TITLES):
            row = {
                "session_id": context.ids.row(),
                "status": status,
                "agentic_tool": "claude-code",
                "title": title,
                "created_at": iso(NOW - 30 * 24 * 3600),
                "last_updated": iso(NOW - age * 60),
                "created_by": by,
                "branch_id": daemon.workspace_id,
                "model_config": {"mode": "exact", "model": "claude-opus-4-5"},
                "tasks": [],
                "archived": False,
            }
            context.sessions.insert(row)
            sessions.append(row)
        ids = {str(row["title"]): str(row["session_id"]) for row in sessions}
        _plant_work(daemon, ids["Upgrade the linter"], by)
        _plant_question(daemon, ids["Sell the last teapot once"], by)
    return ids


class _Rows:
    """Inserts the tasks and messages of one session."""

    def __init__(self, daemon: EmbeddedDaemon, session_id: str, by: str) -> None:
        self._context = inside(daemon)
        self._session_id = session_id
        self._by = by
        self._index = 0

    def task(self, prompt: str, status: str, minute: float, **more: Any) -> str:
        task_id = self._context.ids.row()
        row = {
            "task_id": task_id,
            "session_id": self._session_id,
            "status": status,
            "created_at": iso(NOW + minute * 60),
            "created_by": self._by,
            "full_prompt": prompt,
            "tool_use_count": 0,
            **more,
        }
        self._context.tasks.insert(row)
        return task_id

    def message(self, task_id: str, role: str, content: Any, second: float, *, kind: str | None = None) -> None:
        self._index += 1
        row = {
            "message_id": self._context.ids.row(),
            "session_id": self._session_id,
            "task_id": task_id,
            "type": kind or role,
            "role": role,
            "index": self._index,
            "timestamp": iso(NOW - 600 + second),
            "content_preview": "",
            "content": content,
        }
        self._context.messages.insert(row)


def _call(number: int, name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"tool-{number}", "name": name, "input": given}


def _result(number: int, text: str, *, error: bool = False) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": f"tool-{number}", "content": text, "is_error": error}


def _plant_work(daemon: EmbeddedDaemon, session_id: str, by: str) -> None:
    rows = _Rows(daemon, session_id, by)
    done = rows.task(PROMPT, "completed", -10, duration_ms=42_000, completed_at=iso(NOW - 558))
    thought = {"type": "thinking", "thinking": "Reading and writing are two steps.\nSo both buyers see one teapot."}
    rows.message(done, "user", PROMPT, 0)
    rows.message(done, "assistant", [thought, {"type": "text", "text": "I read the code first."}], 1)
    rows.message(done, "assistant", [_call(n, "Read", {"file_path": f"src/part_{n}.py"}) for n in range(5)], 2)
    rows.message(done, "user", [_result(n, f"part {n}") for n in range(5)], 6.4)
    rows.message(done, "assistant", [_call(5, "Bash", {"command": "pytest -q tests/test_stock.py"})], 7)
    rows.message(done, "user", [_result(5, "1 failed: sold twice", error=True)], 19)
    rows.message(done, "assistant", [_call(6, "Edit", EDIT)], 20)
    rows.message(done, "user", [_result(6, "ok")], 21)
    rows.message(done, "assistant", [{"type": "text", "text": REPLY}], 42)


def _plant_question(daemon: EmbeddedDaemon, session_id: str, by: str) -> None:
    rows = _Rows(daemon, session_id, by)
    asking = rows.task("Now make it safe", "awaiting_permission", -1)
    request = {
        "request_id": "request-1",
        "task_id": asking,
        "tool_name": "Bash",
        "tool_input": {"command": "rm -rf build && python -m build", "timeout": 600},
        "tool_use_id": "tool-7",
        "status": "pending",
    }
    rows.message(asking, "user", "Now make it safe", 540)
    rows.message(asking, "system", request, 541, kind="permission_request")
    rows.task("And write the change log", "queued", -0.5, queue_position=1)
    rows.task("Then tell the team", "queued", -0.4, queue_position=2)

"""Rows and stream events of one invented session, as a daemon sends them: fields, sizes and order of the real wire.

Everything comes from the seed: ids (UUIDv7-shaped), times (a simulated clock), texts. Knows no fold.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

__all__ = ["Event", "SessionScript"]

Event = tuple[str, Any]
"""Topic and payload."""

_BEGIN = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
_TEXT = (
    "the a test fails because branch reads old value so we change it and run again file line 42 returns None instead"
    " of empty list which breaks callers — let me look at `parse()` first then fix naïve check \n\n-"
)
_WORDS = _TEXT.split(" ")


class SessionScript:
    """Generates a daemon's events of one session. `events` are those so far.

    With `ids_in_session` every session row lists all task ids, as on a real daemon, so it grows with the tasks.
    """

    def __init__(self, seed: str, *, ids_in_session: bool = True, first_task: int = 0) -> None:
        self._random = Random(seed)
        self._now = _BEGIN + timedelta(minutes=first_task)
        self.session_id = _id(Random(f"session of {seed.partition('/')[0]}"), _BEGIN)
        self.user_id = _id(Random("user"), _BEGIN)
        self._ids_in_session = ids_in_session
        self.task_ids: list[str] = []
        self._index = 0
        self.events: list[Event] = []
        self.noise: list[Event] = []

    # ---- words, ids, times ----

    def id(self) -> str:
        """Create an id, greater than all previous ones."""
        return _id(self._random, self._now)

    def stamp(self) -> str:
        """The current time in its wire form, a few milliseconds after the previous one."""
        self._now += timedelta(milliseconds=self._random.randint(3, 30))
        return self._now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def words(self, count: int) -> str:
        """Make a text of `count` words."""
        return " ".join(self._random.choices(_WORDS, k=count))

    def _say(self, topic: str, payload: Any) -> None:
        self.events.append((topic, payload))

    def _wrote(self, verb: str) -> None:
        # Each write of a row also announces a twin without a service and with null.
        self.noise.append((verb, None))

    # ---- rows ----

    def session_row(self, status: str) -> dict[str, Any]:
        """The session's row as in `sessions patched`."""
        started = _BEGIN.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row: dict[str, Any] = {
            "session_id": self.session_id,
            "status": status,
            "agentic_tool": "claude-code",
            "created_at": started,
            "last_updated": self.stamp(),
            "created_by": self.user_id,
            "unix_username": None,
            "branch_id": self.user_id[::-1],
            "branch_board_id": self.user_id,
            "url": f"http://localhost:3030/ui/s/{self.session_id.replace('-', '')[:24]}/",
            "title": "a benchmark",
            "git_state": {"ref": "main", "base_sha": "7b2ddf41" * 5, "current_sha": "0c1d2e3f" * 5},
            "genealogy": {"parent_session_id": None, "forked_from_session_id": None, "children": []},
            "contextFiles": [],
            "permission_config": {"mode": "acceptEdits"},
            "model_config": {"mode": "alias", "model": "claude-sonnet-4-6", "updated_at": started},
            "scheduled_from_branch": False,
            "ready_for_prompt": status == "idle",
            "archived": False,
        }
        if self._ids_in_session:
            row["tasks"] = list(self.task_ids)
        return row

    def session_patched(self, status: str) -> None:
        """Emit `sessions patched` with `status`."""
        self._wrote("patched")
        self._say("sessions patched", self.session_row(status))

    def task(self, *, messages: int, chunks: int, tools: bool = False, thoughts: int = 0) -> None:
        """Emit one prompt on an idle session, from its creation to its end, in the order of the real wire."""
        task_id, created, prompt = self.id(), self.stamp(), self.words(12)
        self.task_ids.append(task_id)
        row: dict[str, Any] = {
            "task_id": task_id,
            "session_id": self.session_id,
            "status": "created",
            "created_at": created,
            "created_by": self.user_id,
            "full_prompt": prompt,
            "message_range": {"start_index": -1, "end_index": -1, "start_timestamp": created},
            "git_state": {"ref_at_start": "", "sha_at_start": ""},
            "tool_use_count": 0,
        }
        self._wrote("created")
        self._say("tasks created", dict(row))
        started = self.stamp()
        row["status"] = "running"
        row["message_range"] = {
            "start_index": self._index,
            "end_index": self._index + 1,
            "start_timestamp": started,
            "end_timestamp": started,
        }
        row["git_state"] = {"ref_at_start": "main", "sha_at_start": "7b2ddf41" * 5}
        self._task_patched({**row, "started_at": started})
        self._message(task_id, "user", prompt, prompt)
        self.session_patched("running")
        self.noise.append(("sessions/:id/prompt created", {**row, "started_at": started}))
        self._task_patched({**row, "last_executor_heartbeat_at": self.stamp(), "model": "claude-sonnet-4-6"})
        for _ in range(messages):
            self.reply(task_id, chunks=chunks, tool=tools, thoughts=thoughts)
        self.session_patched("idle")
        ended = self.stamp()
        row["status"] = "completed"
        row["message_range"] = {**row["message_range"], "end_index": self._index, "end_timestamp": ended}
        row["git_state"] = {**row["git_state"], "sha_at_end": "0c1d2e3f" * 5}
        row["tool_use_count"] = messages if tools else 0
        self._task_patched({**row, "model": "claude-sonnet-4-6", "completed_at": ended, "duration_ms": 48_211})

    def _task_patched(self, row: dict[str, Any]) -> None:
        self._wrote("patched")
        self._say("tasks patched", row)

    def reply(self, task_id: str, *, chunks: int, tool: bool = False, thoughts: int = 0) -> None:
        """Emit one message of the agent: thinking, streamed text, its row; a tool, and the row with its result."""
        message_id = self.id()
        of = {"message_id": message_id, "session_id": self.session_id, "task_id": task_id}
        if thoughts:
            self._stream("messages thinking:start", {**of, "timestamp": self.stamp()})
            for _ in range(thoughts):
                self._stream("messages thinking:chunk", {**of, "chunk": self.words(self._random.randint(2, 6)) + " "})
            self._stream("messages thinking:end", dict(of))
        self._stream("messages streaming:start", {**of, "role": "assistant", "timestamp": self.stamp()})
        texts = [self.words(self._random.randint(2, 6)) + " " for _ in range(chunks)]
        for sequence, text in enumerate(texts):
            self._stream("messages streaming:chunk", {**of, "chunk": text, "sequence": sequence})
        self._stream("messages streaming:end", {**of, "sequence": chunks})
        whole = "".join(texts)
        content: list[dict[str, Any]] = [{"type": "text", "text": whole}]
        use_id = f"toolu_{self.id().replace('-', '')[8:]}"
        if tool:
            content.append({"type": "tool_use", "id": use_id, "name": "Bash", "input": {"command": self.words(6)}})
            used = {"task_id": task_id, "session_id": self.session_id, "tool_use_id": use_id}
            self._stream("tasks tool:start", {**used, "tool_name": "Bash"})
        self._message(task_id, "assistant", content, whole, message_id=message_id)
        if tool:
            # It means that the call is complete, and changes nothing.
            self.noise += [("tasks tool:complete", used), ("tasks/streaming created", {"success": True})]
            result = {"type": "tool_result", "tool_use_id": use_id, "content": self.words(30), "is_error": False}
            self._message(task_id, "user", [result], "")

    def _stream(self, topic: str, payload: dict[str, Any]) -> None:
        self._say(topic, payload)
        # Each was posted to a route, which announces its own result.
        self.noise.append((f"{topic.partition(' ')[0]}/streaming created", {"success": True}))

    def _message(self, task_id: str, role: str, content: Any, text: str, *, message_id: str | None = None) -> None:
        self._wrote("created")
        row = {
            "message_id": message_id or self.id(),
            "session_id": self.session_id,
            "task_id": task_id,
            "type": role,
            "role": role,
            "index": self._index,
            "timestamp": self.stamp(),
            "content_preview": text[:200],
            "content": content,
        }
        self._index += 1
        self._say("messages created", row)


def _id(random: Random, at: datetime) -> str:
    digits = f"{int(at.timestamp() * 1000):012x}7{random.getrandbits(12):03x}8{random.getrandbits(60):015x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

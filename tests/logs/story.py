"""A recorded session in which everything happens that a slider marks, one event a second."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from agor_reactive.core import events as e
from agor_reactive.models.wire import LinkStatus
from tests.core.build import answer_of, chunk, end, message_row, saved, session_row, start, task_row
from tests.logs.writer import Recorded

__all__ = ["CALLED", "DOWN", "FIRST_WORDS", "KEY", "story"]

KEY: Final = "agor_sk_" + "Ab3xYz9Qw7" * 6
"""A key in a reply, which comes in two chunks."""

FIRST_WORDS: Final = "Looking at "
"""The text that is there, and nothing more, at the second `TEXT_AT`."""

CALLED: Final = "rm -rf build"
DOWN: Final = "the daemon restarts"


def story(path: Path, *texts: str, prompt: str = "Fix the report") -> tuple[Recorded, dict[str, float]]:
    """The recording, ended, and when things happened, epoch seconds: ``began text called failed lost down up ended``.

    `texts` are replies of the second task.
    """
    recorded = Recorded(path)
    times: dict[str, float] = {}

    def feed(*events: Any, name: str = "") -> None:
        recorded.feed(*events)
        if name:
            times[name] = recorded.now

    feed(e.LinkChanged(LinkStatus("live", epoch=1)))
    _read(recorded, [], "Report session")
    began = datetime.fromtimestamp(recorded.now + 1, UTC).isoformat()
    feed(saved("tasks", task_row("t1", full_prompt=prompt, started_at=began)), name="began")
    feed(start("m1", task_id="t1"), chunk("m1", FIRST_WORDS, 0), name="text")
    feed(chunk("m1", f"the files. {KEY[:30]}", 1), chunk("m1", f"{KEY[30:]} is not mine.", 2), end("m1", 3))
    call = {"type": "tool_use", "id": "u1", "name": "Bash", "input": {"command": CALLED}}
    text = {"type": "text", "text": f"{FIRST_WORDS}the files. {KEY} is not mine."}
    feed(saved("messages", message_row("m1", "t1", 1, content=[text, call])), name="called")
    failed = {"type": "tool_result", "tool_use_id": "u1", "is_error": True, "content": "no such folder"}
    feed(saved("messages", message_row("m2", "t1", 2, type="user", role="user", content=[failed])), name="failed")
    feed(saved("tasks", task_row("t1", "completed", full_prompt=prompt), "patched"), name="ended")
    recorded.now += 1
    recorded.writer.plain(kind="dropped", count=3)
    times["lost"] = recorded.now
    recorded.keyframe()
    feed(e.LinkChanged(LinkStatus("reconnecting", attempt=1, epoch=1, reason=DOWN)), name="down")
    feed(e.LinkChanged(LinkStatus("live", epoch=2)), name="up")
    _read(recorded, [task_row("t1", "completed", full_prompt=prompt)], "Report session")
    feed(saved("tasks", task_row("t2", second=1, full_prompt="Write it")))
    for number, said in enumerate(texts):
        feed(saved("messages", message_row(f"n{number}", "t2", number, content=[{"type": "text", "text": said}])))
    feed(saved("tasks", task_row("t2", "failed", second=1, full_prompt="Write it"), "patched"), name="end")
    return recorded.close(), times


def _read(recorded: Recorded, tasks: list[dict[str, Any]], title: str) -> None:
    """Answer what the mirror asks for."""
    messages = [message for bucket in recorded.state.messages_by_task.values() for message in bucket]
    while wanted := [fetch for fetch in recorded.state.fetches if fetch.kind not in ("wait", "retry")]:
        for fetch in wanted:
            if fetch.kind == "session":
                rows = answer_of(session_row([task["task_id"] for task in tasks], title=title))
            elif fetch.kind == "tasks":
                rows = answer_of(tasks=tasks)
            elif fetch.kind in ("messages", "all_messages"):
                rows = answer_of(messages=[message.to_wire() for message in messages])
            else:
                rows = e.Rows()
            recorded.feed(e.FetchAnswered(fetch.fetch_id, rows, recorded.now))

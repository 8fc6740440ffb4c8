"""Text that Node accepts and UTF-8 does not: a lone surrogate is no failure of the daemon, wherever it is."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon
from agor_reactive.daemon.encodable import encodable
from tests.daemon.conftest import Open

HALF = "A\ud83dB"
WHOLE = "A\ufffdB"
PLACES = {"worktrees": "worktree_id", "branches": "branch_id", "handshake": "branch_id"}


@pytest.mark.parametrize("version", PLACES)
async def test_over_rest(version: ApiVersionName) -> None:
    async with EmbeddedDaemon(api_version=version, speed=50.0, seed=1) as daemon:
        headers = {"authorization": f"Bearer {daemon.api_key}", "content-type": "application/json"}
        async with httpx2.AsyncClient(base_url=daemon.url, headers=headers) as http:

            async def send(verb: str, path: str, body: Any) -> Any:
                answer = await http.request(verb, path, content=json.dumps(body))
                assert answer.status_code < 300, (path, answer.text)
                return answer.json()

            place = {PLACES[version]: daemon.workspace_id, "agentic_tool": "claude-code"}
            row = await send("POST", "/sessions", {**place, "title": HALF, "custom_context": {HALF: [HALF]}})
            assert (row["title"], row["custom_context"]) == (WHOLE, {WHOLE: [WHOLE]})
            session = f"/sessions/{row['session_id']}"
            assert (await send("PATCH", session, {"description": HALF}))["description"] == WHOLE
            assert (await http.get(session)).json()["title"] == WHOLE
            task = await send("POST", f"{session}/prompt", {"prompt": f"[say:Yes.] {HALF}"})
            task_id = task.get("task_id") or task["taskId"]
            assert (await http.get(f"/tasks/{task_id}")).json()["full_prompt"] == f"[say:Yes.] {WHOLE}"
            assert (await send("POST", "/boards", {"name": HALF}))["name"] == WHOLE


async def test_over_a_socket(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    row = await watcher.ok("patch", "sessions", session_id, {"title": HALF})
    assert row["title"] == WHOLE
    user = await watcher.ok("create", "users", {"email": f"{HALF}@x.test", "password": HALF, "name": HALF})
    assert user["name"] == WHOLE
    assert await watcher.ok("find", "sessions", {"title": HALF}) is not None
    task = await watcher.prompt(session_id, f"[say:Yes.] {HALF}")
    assert (await watcher.ended(task["task_id"]))["status"] == "completed"


def test_what_can_be_encoded_stays_the_same_object() -> None:
    value = {"a": ["é", "😀", {"b": 1}], "c": None}
    assert encodable(value) is value
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert encodable(deep) is deep

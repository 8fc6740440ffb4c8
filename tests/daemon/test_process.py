"""The daemon as a process: it recovers from a kill, keeps its key, and reports what happened."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agor_reactive.daemon import EmbeddedDaemon

from .conftest import Watcher


class Process:
    def __init__(self, running: asyncio.subprocess.Process, said: dict[str, Any]) -> None:
        self.running = running
        self.said = said
        self.url: str = said["url"]


@asynccontextmanager
async def process(db: Path, *more: str, port: int = 0, key: str = "") -> AsyncIterator[Process]:
    """Run a daemon on `db`; stops it gracefully if the test has not."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "agor_reactive.daemon", "--quiet",
        "--port", str(port), "--db", str(db), "--speed", "100", "--api-version", "branches", *more,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment(key),
    )  # fmt: skip
    assert running.stdout is not None
    async with asyncio.timeout(20):
        line = await running.stdout.readline()
    try:
        yield Process(running, json.loads(line))
    finally:
        if running.returncode is None:
            running.terminate()
        _, complaints = await running.communicate()
        assert complaints == b""


def environment(key: str) -> dict[str, str]:
    import os

    return {**os.environ, "AGOR_DAEMON_API_KEY": key}


async def rows(url: str, key: str, path: str) -> list[dict[str, Any]]:
    async with httpx2.AsyncClient(base_url=url, headers={"X-API-Key": key}) as http:
        found: list[dict[str, Any]] = (await http.get(path)).json()["data"]
        return found


async def at_work(url: str, key: str, workspace_id: str, stack: AsyncExitStack) -> tuple[Watcher, str]:
    """A watcher of a session with one task running and one queued."""
    watcher = Watcher(url)
    stack.push_async_callback(watcher.close)
    await watcher.open()
    await watcher.ok("create", "authentication", {"strategy": "api-key", "apiKey": key})
    session_id = str((await watcher.ok("create", "sessions", {"branch_id": workspace_id}))["session_id"])
    await watcher.prompt(session_id, "Go. [slow]")
    await watcher.prompt(session_id, "Then this.")
    return watcher, session_id


@pytest.mark.parametrize("ending", ["kill", "terminate"])
async def test_a_daemon_comes_back_on_the_same_port_with_its_rows_and_its_key(
    tmp_path: Path, stack: AsyncExitStack, ending: str
) -> None:
    db = tmp_path / "rows.db"
    async with process(db) as first:
        key: str = first.said["api_key"]
        watcher, session_id = await at_work(first.url, key, first.said["workspace_id"], stack)
        token = (await watcher.ok("create", "authentication", {"strategy": "api-key", "apiKey": key}))["accessToken"]
        getattr(first.running, ending)()
        await watcher.until(lambda: watcher.gone)
        assert (watcher.gone == ["server disconnect"]) == (ending == "terminate")
        await first.running.wait()
    async with process(db, port=int(first.url.rpartition(":")[2])) as second:
        assert (second.url, second.said["api_key"]) == (first.url, None)
        tasks = await rows(second.url, key, f"/tasks?session_id={session_id}")
        assert [(row["status"], row.get("queue_position")) for row in tasks] == [("stopped", None), ("stopped", 1)]
        session = (await rows(second.url, key, "/sessions"))[0]
        assert (session["status"], session["ready_for_prompt"]) == ("idle", True)
        last = (await rows(second.url, key, f"/messages?session_id={session_id}"))[-1]
        kind = "daemon_restart" if ending == "terminate" else "daemon_crash"
        assert (last["type"], last["role"], last["metadata"]) == (kind, "system", {"source": "agor"})
        async with httpx2.AsyncClient(base_url=second.url) as http:
            kept = await http.get("/sessions", headers={"Authorization": f"Bearer {token}"})
            assert kept.status_code == 200
    assert key.encode() not in db.read_bytes()


async def test_a_key_given_from_outside_is_the_key(tmp_path: Path) -> None:
    async with process(tmp_path / "rows.db", key="agor_sk_chosen") as running:
        assert running.said["api_key"] == "agor_sk_chosen"
        assert await rows(running.url, "agor_sk_chosen", "/sessions") == []


async def test_ids_do_not_repeat_after_a_restart(tmp_path: Path, stack: AsyncExitStack) -> None:
    seen: set[str] = set()
    key = None
    for _ in range(2):
        async with EmbeddedDaemon(db=tmp_path / "rows.db", speed=200, api_key=key, api_version="branches") as daemon:
            key = daemon.api_key
            watcher = await Watcher(daemon.url).open()
            await watcher.login(daemon)
            task = await watcher.prompt(await watcher.new_session(daemon), "Go.")
            assert (await watcher.ended(task["task_id"]))["status"] == "completed"
            ids = {row["message_id"] for row in watcher.of("messages created")}
            await watcher.close()
        assert not ids & seen
        seen |= ids


async def test_a_database_of_another_versions_words_is_refused(tmp_path: Path) -> None:
    async with EmbeddedDaemon(db=tmp_path / "rows.db"):
        pass
    with pytest.raises(ValueError, match="branch"):
        await EmbeddedDaemon(db=tmp_path / "rows.db", api_version="worktrees").start()
    async with EmbeddedDaemon(db=tmp_path / "rows.db", api_version="branches") as daemon:
        assert daemon.api_key is None


async def test_a_port_in_use_is_an_os_error(tmp_path: Path) -> None:
    async with EmbeddedDaemon() as daemon:
        with pytest.raises(OSError, match="in use"):
            await EmbeddedDaemon(port=daemon.port).start()


@pytest.mark.parametrize("by", ["file", "stdin", "environment"])
async def test_the_key_to_accept_comes_by_file_stdin_or_environment_and_never_by_argument(
    tmp_path: Path, by: str
) -> None:
    key = "agor_sk_" + "7" * 48
    (tmp_path / "key").write_text(f"{key}\n")
    given = {"file": ["--api-key-file", str(tmp_path / "key")], "stdin": ["--api-key-file", "-"], "environment": []}[by]
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agor_reactive.daemon", "--quiet", *given,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env=environment(key if by == "environment" else ""),
    )  # fmt: skip
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(f"{key}\n".encode())
    try:
        async with asyncio.timeout(20):
            url = json.loads(await running.stdout.readline())["url"]
        async with httpx2.AsyncClient(base_url=url, headers={"X-API-Key": key}) as http:
            assert (await http.get("/sessions")).status_code == 200
    finally:
        running.terminate()
        await running.communicate()


def test_no_option_of_any_command_takes_a_key() -> None:
    import typer.main

    from agor_reactive.cli.app import app
    from agor_reactive.daemon.__main__ import _parser

    named = [option for action in _parser()._actions for option in action.option_strings]
    for command in typer.main.get_command(app).commands.values():  # type: ignore[attr-defined]
        named += [option for parameter in command.params for option in parameter.opts]
    secret = ("key", "token", "password", "secret")
    assert {option for option in named if any(option.endswith(word) for word in secret)} == set()

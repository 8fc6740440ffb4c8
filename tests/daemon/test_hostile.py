"""Clients that mean no good: requests that never end, endless numbers, guesses; and who can read the files."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agor_reactive.daemon import EmbeddedDaemon, rest, serving

from .conftest import Open

Start = Callable[..., Awaitable[EmbeddedDaemon]]
VERSIONS = ["handshake", "branches", "worktrees"]


async def raw_answer(daemon: EmbeddedDaemon, sent: bytes) -> bytes:
    """What a connection answers until the daemon closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    writer.write(sent)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


HALVES = {
    "nothing": b"",
    "half a line": b"GET /hea",
    "half a head": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    "a second request": b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /he",
}


@pytest.mark.parametrize("name", HALVES)
async def test_a_request_that_is_never_finished_times_out(
    start: Start, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEAD_TIME", 0.1)
    await raw_answer(await start(), HALVES[name])


async def test_a_body_that_never_ends_is_answered_with_a_timeout(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "BODY_TIME", 0.1)
    head = b"POST /authentication HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"
    assert (await raw_answer(await start(), head)).startswith(b"HTTP/1.1 408")


ENDLESS = ["Infinity", "-Infinity", "NaN", "1e400", "inf", "nan"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["$limit", "$skip"])
async def test_an_endless_number_of_rows_is_a_bad_request(start: Start, version: Any, name: str) -> None:
    daemon = await start(api_version=version)
    place = "worktrees" if version == "worktrees" else "branches"
    headers = {"X-API-Key": daemon.api_key or ""}
    found = {}
    async with httpx2.AsyncClient(base_url=daemon.url, headers=headers) as http:
        for path in ("sessions", "tasks", "messages", "boards", "repos", place):
            for number in ENDLESS:
                answer = await http.get(f"/{path}", params={name: number})
                found[path, number] = answer.status_code
    assert set(found.values()) == {400}, found


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_endless_number_over_a_socket_is_a_bad_request(start: Start, connect: Open, version: Any) -> None:
    if version == "handshake":
        version = "branches"
    daemon = await start(api_version=version)
    watcher = await connect(daemon)
    for number in (float("inf"), float("nan"), "Infinity"):
        for path in ("sessions", "tasks", "messages"):
            assert (await watcher.fault("find", path, {"$limit": number}))["code"] == 400


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity"])
async def test_a_body_with_a_constant_that_json_lacks_is_refused(start: Start, constant: bytes) -> None:
    daemon = await start()
    async with httpx2.AsyncClient(base_url=daemon.url, headers={"X-API-Key": daemon.api_key or ""}) as http:
        answer = await http.post(
            "/boards", content=b'{"name": ' + constant + b"}", headers={"content-type": "application/json"}
        )
    assert answer.status_code >= 400
    assert "JSON" in answer.text


@pytest.mark.parametrize("version", VERSIONS)
async def test_bad_logins_of_one_client_lock_out_nobody_else(start: Start, version: Any) -> None:
    daemon = await start(api_version=version, login_limit=3)
    key = {"strategy": "api-key", "apiKey": daemon.api_key}
    password = {"strategy": "local", "email": daemon.email, "password": daemon.password}
    async with httpx2.AsyncClient(base_url=daemon.url) as http:

        async def tried(body: dict[str, Any]) -> int:
            return (await http.post("/authentication", json=body)).status_code

        guesses = [{"strategy": "api-key", "apiKey": f"agor_sk_{n}"} for n in range(5)]
        guesses += [{"strategy": "local", "email": f"x{n}@x.test", "password": "p"} for n in range(5)]
        guesses += [{"strategy": "jwt", "accessToken": f"a.b.{n}"} for n in range(5)]
        assert [await tried(guess) for guess in guesses][-1] in (429, 500)
        assert await tried(key) == 201
        assert await tried(password) == 201


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def open_to_all(folder: Path) -> None:
    for file in folder.iterdir():
        file.chmod(0o666)


@pytest.mark.parametrize("before", ["nothing", "open files"])
async def test_only_the_owner_can_read_the_files_of_a_database(tmp_path: Path, before: str) -> None:
    db = tmp_path / "rows.db"
    old = os.umask(0)
    try:
        if before == "open files":
            async with EmbeddedDaemon(db=db):
                pass
            open_to_all(tmp_path)
        async with EmbeddedDaemon(db=db):
            modes = modes_in(tmp_path)
    finally:
        os.umask(old)
    assert set(modes) == {"rows.db", "rows.db-wal", "rows.db-shm", "rows.db-secret"}
    assert os.name != "posix" or set(modes.values()) == {0o600}


async def test_the_signing_secret_is_not_in_the_database_and_tokens_survive_a_restart(tmp_path: Path) -> None:
    db = tmp_path / "rows.db"
    key = "agor_sk_" + "5" * 48
    async with EmbeddedDaemon(db=db, api_key=key) as daemon, httpx2.AsyncClient(base_url=daemon.url) as http:
        login = await http.post("/authentication", json={"strategy": "api-key", "apiKey": key})
        token = login.json()["accessToken"]
        secret = (tmp_path / "rows.db-secret").read_bytes()
        assert len(secret) == 64
        for file in ("rows.db", "rows.db-wal"):
            assert secret not in (tmp_path / file).read_bytes()
    async with EmbeddedDaemon(db=db, api_key=key) as daemon, httpx2.AsyncClient(base_url=daemon.url) as http:
        assert (await http.get("/sessions", headers={"Authorization": f"Bearer {token}"})).status_code == 200


async def test_a_secret_that_an_older_version_kept_in_the_database_is_replaced(tmp_path: Path) -> None:
    from agor_reactive.daemon.store import Store

    db = tmp_path / "rows.db"
    store = Store(db)
    store.set_setting("jwt_secret", "0ld5ecret" * 8)
    store.close()
    async with EmbeddedDaemon(db=db):
        assert (tmp_path / "rows.db-secret").read_text() != "0ld5ecret" * 8
        for file in ("rows.db", "rows.db-wal"):
            assert b"0ld5ecret" not in (tmp_path / file).read_bytes()

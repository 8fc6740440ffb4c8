"""Who is answered: the names and origins of requests, the hook of the host, and what a reader may not do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Mount
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agor_reactive.errors import UsageError
from agor_reactive.models.ids import new_id
from agor_reactive.web import connection, viewer
from agor_reactive.web.guard import Guard
from tests.contract.waiting import eventually
from tests.web.scene import Scene, anybody, next_message, scene

PATHS = ("/", "/sessions/{}", "/agor-session.js")
SOCKETS = ("/ws", "/sessions/{}/ws")


async def status_of(scene: Scene, path: str, **headers: str) -> int:
    """The status of a request, or of the handshake of a WebSocket (101 if it opened)."""
    path = path.format(scene.session_id)
    if not path.endswith("/ws"):
        async with httpx2.AsyncClient() as http:
            return int((await http.get(scene.url + path, headers=headers)).status_code)
    # A name that resolves to this machine: the address is right, the name is not.
    name = headers.pop("Host", scene.url.removeprefix("http://"))
    port = int(scene.url.rpartition(":")[2])
    try:
        options = {"host": "127.0.0.1", "port": port, "additional_headers": headers}
        async with connect(f"ws://{name}{path}", proxy=None, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("path", [*PATHS, *SOCKETS])
async def test_foreign_names_and_origins_are_refused(path: str) -> None:
    fine = 101 if path.endswith("/ws") else 200
    async with scene(allowed_origins=["https://portal.example.com"]) as s:
        port = s.url.rpartition(":")[2]
        assert await status_of(s, path) == fine
        assert await status_of(s, path, Origin=s.url) == fine
        assert await status_of(s, path, Origin="https://portal.example.com") == fine
        for origin in (
            "null", "https://evil.example", f"http://localhost:{port}", "http://127.0.0.1", "http://127.0.0.1:1",
            "https://portal.example.com.evil.example", "http://portal.example.com", "https://portal.example.com:8443",
            "file://", "javascript:1", "http://[", f"{s.url}.evil.example", "https://evil.example/portal.example.com",
        ):  # fmt: skip
            assert await status_of(s, path, Origin=origin) == 403, origin
        for host in (f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", f"localhost.:{port}"):
            assert await status_of(s, path, Host=host) == 403, host


@pytest.mark.parametrize(
    "headers",
    [[], [(b"host", b"127.0.0.1"), (b"host", b"evil.example")], [(b"host", b"[")], [(b"host", b"a@127.0.0.1:x")]],
)
async def test_a_host_that_cannot_be_read_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    guard = Guard(anybody, ["127.0.0.1"], [])
    assert "allowed_hosts" in str(await guard.refusal({"path": "/", "headers": headers}))


@pytest.mark.parametrize("origins", [["*"], ["portal.example.com"], ["https://a.example/b"], "https://a.example"])
def test_an_allowed_origin_is_one_origin(origins: Any) -> None:
    with pytest.raises(UsageError):
        Guard(anybody, ["localhost"], origins)


def test_somebody_must_decide_who_may_look() -> None:
    with pytest.raises(TypeError):
        viewer(None)  # type: ignore[call-arg, arg-type]
    with pytest.raises(UsageError):
        viewer(None, authorize=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_async", [False, True])
async def test_every_request_passes_the_hook_with_the_session_that_it_is_about(is_async: bool) -> None:
    seen: list[tuple[str, Any]] = []

    def member(scope: Mapping[str, Any]) -> bool:
        seen.append((scope["path"], scope["path_params"].get("session_id")))
        return HTTPConnection(scope).cookies.get("team") == "blue"

    async def later(scope: Mapping[str, Any]) -> bool:
        await asyncio.sleep(0)
        return member(scope)

    wrap = lambda app: Starlette(routes=[Mount("/agor", app)])  # noqa: E731
    async with scene(authorize=later if is_async else member, wrap=wrap) as s:
        for path in (*PATHS, *SOCKETS, "/nothing/here"):
            below = "/agor" + path
            session = s.session_id if "sessions" in path else None
            assert await status_of(s, below, Cookie="team=red") == 403, path
            assert seen[-1] == (below.format(s.session_id), session)
            found = await status_of(s, below, Cookie="team=blue")
            assert found == (101 if path.endswith("/ws") else 404 if "nothing" in path else 200), path
        assert s.app.viewers == {}


async def test_a_hook_that_raises_lets_nobody_in() -> None:
    def broken(scope: Any) -> bool:
        raise LookupError("no such member")

    async with scene(authorize=broken) as s:
        for path in (*PATHS, *SOCKETS):
            assert await status_of(s, path) == 500


async def test_a_session_is_named_by_its_full_id_only() -> None:
    """The hook compares ids; what it compares must be what is opened."""
    async with scene() as s:
        right = s.session_id
        for name in (right[:13], right.upper(), f"{right}%20", f"%20{right}", f"{right}%0A", f"{right}%00", "%00"):
            assert await status_of(s, f"/sessions/{name}") == 404, name
            assert await status_of(s, f"/sessions/{name}/ws") == 403, name
        assert s.app.viewers == {}


async def test_a_session_that_does_not_exist_says_so() -> None:
    async with scene(allow_prompts=True) as s, s.socket(f"/sessions/{new_id()}/ws") as socket:
        await socket.send('{"op": "sync"}')
        while (message := await next_message(socket)).get("head", {}).get("link") != "unavailable":
            assert message["op"] in ("snapshot", "patch")
        assert message["head"]["open"] is False


# ---- what a reader may do


async def act(socket: Any, op: str, **more: str) -> dict[str, Any]:
    await socket.send(json.dumps({"op": op, "action": "a1", **more}))
    return await next_message(socket, "done")


async def test_a_reader_changes_nothing_whatever_it_sends() -> None:
    async with scene(speed=5) as s:
        task = await s.client.sessions.prompt(s.session_id, "Tidy up [permission]")
        handle = s.client.registry.retain(s.session_id)
        await eventually(lambda: handle.state.active_task and handle.state.active_task.status == "awaiting_permission")
        before = await s.client.service("tasks").find_all({"session_id": s.session_id})
        async with s.socket() as socket:
            await socket.send('{"op": "sync"}')
            assert (await next_message(socket, "snapshot"))["head"]["open"] is False
            for op, more in (
                ("prompt", {"text": "more"}), ("stop", {}), ("cancel", {"task": task.task_id}),
                ("approve", {"request": "x"}), ("deny", {"request": "x"}),
            ):  # fmt: skip
                assert "read-only" in (await act(socket, op, **more))["error"]
        assert await s.client.service("tasks").find_all({"session_id": s.session_id}) == before
        handle.release()


async def test_who_may_prompt_does(caplog: pytest.LogCaptureFixture) -> None:
    async with scene(allow_prompts=True) as s, s.socket() as socket:
        await socket.send('{"op": "sync"}')
        assert (await next_message(socket, "snapshot"))["head"]["open"] is True
        assert await act(socket, "prompt", text="Say [say:This is new.]") == {
            "op": "done",
            "action": "a1",
            "error": None,
        }
        while '"completed"' not in json.dumps(await next_message(socket, "patch")):
            continue
    assert caplog.text == ""


@pytest.mark.parametrize(("recheck", "op"), [(60.0, "prompt"), (0.05, "seen")])
async def test_access_that_ends_ends_actions_at_once_and_reading_after_a_while(
    monkeypatch: pytest.MonkeyPatch, recheck: float, op: str
) -> None:
    monkeypatch.setattr(connection, "RECHECK", recheck)
    asked: list[str] = []
    members = {"alice"}

    def member(scope: Any) -> bool:
        asked.append(HTTPConnection(scope).cookies.get("name", ""))
        return asked[-1] in members

    async with scene(authorize=member, allow_prompts=True) as s:
        async with s.socket(additional_headers={"Cookie": "name=alice"}) as socket:
            await socket.send('{"op": "sync"}')
            await next_message(socket, "snapshot")
            if op == "seen":
                await eventually(lambda: len(asked) > 3)
            members.clear()
            with pytest.raises(ConnectionClosed) as ended:
                await act(socket, op, text="once more")
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1008
        assert not await s.client.service("tasks").find_all({"session_id": s.session_id})


@pytest.mark.parametrize(
    "text", ["[]", "1", "{", "null", '{"op": 5}', '{"op": "nonsense"}', '{"op": "open"}', '{"a":' * 500]
)
async def test_what_cannot_be_read_changes_nothing(text: str) -> None:
    async with scene() as s, s.socket() as socket:
        await socket.send(text)
        await socket.send('{"op": "sync", "view": "of another", "seq": "x"}')
        assert (await next_message(socket))["op"] == "snapshot"


async def test_what_is_too_long_or_too_much_ends_the_connection() -> None:
    async with scene() as s:
        for sent, code in (("x" * 1_000_001, 1009), (b"bytes", 1009)):
            async with s.socket() as socket:
                await socket.send(sent)
                with pytest.raises(ConnectionClosed) as ended:
                    await next_message(socket)
                assert ended.value.rcvd is not None
                assert ended.value.rcvd.code == code
        assert await eventually(lambda: s.app.viewers == {})


async def test_neither_the_page_nor_a_message_has_the_key() -> None:
    async with scene(allow_prompts=True) as s:
        key = str(s.daemon.api_key)
        async with httpx2.AsyncClient() as http:
            answers = [await http.get(s.url + path.format(s.session_id)) for path in PATHS]
        texts = [answer.text + str(dict(answer.headers)) for answer in answers]
        async with s.socket() as socket:
            await socket.send('{"op": "sync"}')
            await act(socket, "prompt", text="Look around [tools:2]")
            while not texts[-1].count('"completed"'):
                texts.append(json.dumps(await next_message(socket)))
        assert [text for text in texts if key in text or key[8:] in text] == []


async def test_the_policy_of_the_page_allows_only_itself() -> None:
    async with scene(allowed_origins=["https://portal.example.com"]) as s, httpx2.AsyncClient() as http:
        for path in ("/", f"/sessions/{s.session_id}"):
            headers = (await http.get(s.url + path)).headers
            policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
            assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
            assert policy["connect-src"] == "'self'"
            assert policy["frame-ancestors"] == "'self' https://portal.example.com"
            for source in ("script-src", "style-src"):
                assert policy[source].startswith("'sha256-")
                assert " " not in policy[source]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"

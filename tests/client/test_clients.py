"""The clients as scripts use them: what they cost to hold, how they end, and what is told when nothing is there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

import agor_reactive as agor
from tests.transport.rest_server import Reply, RestServer, Seen

HEALTH = {"status": "ok", "timestamp": 1795561650322, "version": "0.1.0"}


@pytest.fixture
def server() -> Iterator[RestServer]:
    server = RestServer()
    yield server
    server.stop()


def test_the_sync_and_the_async_client_ask_and_read_the_same(server: RestServer) -> None:
    def script(seen: Seen) -> Reply:
        return Reply(200, {"total": 1, "limit": 5, "skip": 0, "data": [{"session_id": "s"}]})

    server.script = script

    async def awaited() -> object:
        async with agor.create_async_rest_client(server.url, api_key="agor_sk_x") as client:
            return await client.service("sessions").find({"$limit": 5})

    with agor.create_rest_client(server.url, api_key="agor_sk_x") as client:
        page = client.service("sessions").find({"$limit": 5})
        assert repr(client) == f"<RestClient {server.url}>"
    assert page == asyncio.run(awaited())
    assert [(seen.verb, seen.target) for seen in server.seen] == [("GET", "/sessions?$limit=5")] * 2


def test_custom_methods_over_rest_say_where_they_are(server: RestServer) -> None:
    with (
        agor.create_rest_client(server.url) as client,
        pytest.raises(agor.UsageError, match="live client"),
    ):
        client.service("messages").call("findByTask", {"task_id": "t"})
    assert server.seen == []


def test_all_messages_are_read_in_few_pages_where_rest_adds_places_as_text(server: RestServer) -> None:
    """Fact of the wire (June 2026): ``$skip=9&$limit=16`` gives rows 9 to 916, and ranges of ids are ignored."""
    rows = [{"message_id": f"m{n:02}", "session_id": "s", "index": n} for n in range(25)]

    def script(seen: Seen) -> Reply:
        query = dict(pair.split("=") for pair in seen.target.partition("?")[2].split("&"))
        skip, limit = query.get("$skip", ""), query["$limit"]
        echo = {"limit": limit, "skip": skip or 0}
        return Reply(200, {"total": 25, **echo, "data": rows[int(skip or 0) : int(skip + limit)]})

    server.script = script
    with agor.create_rest_client(server.url) as client:
        found = client.service("messages").find_all({"session_id": "s"}, page_size=10)
    assert [message.index for message in found] == list(range(25))
    assert len(server.seen) == 3  # a page, whether ranges are offered, and the rest


def test_logging_out_forgets_the_key(server: RestServer) -> None:
    with agor.create_rest_client(server.url, api_key="agor_sk_x") as client:
        client.service("tasks").get("t")
        client.logout()
        client.service("tasks").get("t")
    assert [("authorization" in seen.headers) for seen in server.seen] == [True, False]


@pytest.mark.parametrize(
    ("reply", "running"),
    [
        (Reply(200, HEALTH), True),
        (Reply(200, {"status": "ok"}), False),
        (Reply(200, ["ok"]), False),
        (Reply(200, b"OK"), False),
        (Reply(503, HEALTH), False),
        (Reply(cut=True), False),
    ],
)
async def test_only_an_agor_daemon_is_running(server: RestServer, reply: Reply, running: bool) -> None:
    server.script = lambda seen: reply
    assert await agor.is_daemon_running_async(server.url) is running
    assert await asyncio.to_thread(agor.is_daemon_running, server.url) is running


def test_nothing_is_running_where_nothing_listens_or_where_no_address_is() -> None:
    assert not agor.is_daemon_running("http://127.0.0.1:9")
    assert not agor.is_daemon_running("not an address")


def test_keys_and_addresses_come_from_the_environment() -> None:
    assert agor.get_api_key_from_env({"AGOR_API_KEY": " agor_sk_x\n"}) == "agor_sk_x"
    assert agor.get_api_key_from_env({"AGOR_API_KEY": ""}) is None
    assert agor.daemon_url({}) == "http://localhost:3030"
    assert agor.daemon_url({"AGOR_DAEMON_URL": "https://x"}) == "https://x"


def test_ids_are_shown_short_and_made_whole() -> None:
    one, other = agor.new_id(), agor.new_id()
    assert agor.is_full_id(one)
    assert one != other
    assert one[14] == "7"
    assert one[19] in "89ab"
    assert agor.format_short_id(one) == one[:8]
    assert len(agor.format_short_id(one, 24)) == 24
    assert not agor.is_full_id(one[:8])


def test_a_script_with_every_client_exits_cleanly_and_silently(server: RestServer) -> None:
    server.script = lambda seen: Reply(200, [])
    code = f"""
import asyncio, agor_reactive as agor
with agor.create_rest_client({server.url!r}) as client:
    client.service("tasks").find()
async def main():
    async with agor.create_async_rest_client({server.url!r}) as client:
        await client.service("tasks").find()
    try:
        async with agor.create_client("http://127.0.0.1:9", api_key="agor_sk_x"):
            pass
    except agor.CannotConnect:
        print("done")
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")

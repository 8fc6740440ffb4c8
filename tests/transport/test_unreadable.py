"""Text that is not UTF-8, and frames that cannot be decoded: lone surrogates are replaced, no loss is silent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.calls.effects import Call
from agor_reactive.errors import NotFound, ProtocolError
from agor_reactive.models.wire import UNREADABLE
from agor_reactive.transport.codec import daemon_error, loads
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.http import Rest
from tests.transport.conftest import Received
from tests.transport.feathers import NEVER, FeathersServer, until
from tests.transport.rest_server import Reply, RestServer

KEY = ApiKey("agor_sk_good")
ANY_TEXT = st.text(st.characters(codec=None))  # lone surrogates, too


def whole(value: Any) -> Any:
    """The expected value: surrogate pairs as one character, lone surrogates as U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [whole(item) for item in value]
    return {whole(key): whole(item) for key, item in value.items()} if isinstance(value, dict) else value


@given(st.recursive(ANY_TEXT | st.integers(-9, 9), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)))
def test_json_with_half_characters_is_read_with_everything_else_as_it_was(value: Any) -> None:
    read = loads(json.dumps(value))
    orjson.dumps(read)  # can be sent on
    if "\ufffd" not in json.dumps(read, ensure_ascii=False):
        assert read == whole(value)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r'"A\ud83d"', "A\ufffd"),
        (r'"A\ud83dB"', "A\ufffdB"),
        (r'"\ude00B"', "\ufffdB"),
        (r'"\ud83d\ude00"', "😀"),
        (r'"\\ud83d"', "\\ud83d"),
        (r'"\\\ud83d\n"', "\\\ufffd\n"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd😀"),
    ],
)
def test_a_half_character_is_replaced_and_an_escaped_backslash_is_none(text: str, read: str) -> None:
    assert loads(text) == read
    assert loads(text.encode()) == read


@pytest.mark.parametrize("text", ['["', "", "[" * 3_000 + "]" * 3_000, "nonsense"])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loads(text)


async def frame(server: FeathersServer, text: str) -> None:
    """Send a Socket.IO packet as it stands, to the one socket."""
    sid = next(iter(server._logged_in))
    await server.sio.eio.send(server.sio.manager.eio_sid_from_sid(sid, "/"), text)


HALF = r'["messages created",{"content":"cut \ud83d here","session_id":"s"}]'
DEEP = '["messages created",{"session_id":"s","content":' + "[" * 2_000 + "]" * 2_000 + "}]"


@pytest.mark.parametrize("transports", [("websocket",), ("polling",)])
async def test_an_event_with_a_half_character_arrives(server: FeathersServer, transports: tuple[str, ...]) -> None:
    async with Received(server.url, credentials=KEY, transports=transports) as received:
        await frame(server, "2" + HALF)
        await until(lambda: received.events)
        assert [(e.topic, e.payload["content"]) for e in received.events] == [("messages created", "cut \ufffd here")]


@pytest.mark.parametrize("transports", [("websocket",), ("polling",)])
async def test_an_event_that_cannot_be_read_says_so_with_the_sessions_it_names(
    server: FeathersServer, transports: tuple[str, ...]
) -> None:
    async with Received(server.url, credentials=KEY, transports=transports) as received:
        for broken in (DEEP, '["messages created",{"sessionId" : "t"', "[1,2]"):
            await frame(server, "2" + broken)
        await server.emit("tasks patched", {"n": 1})
        await until(lambda: len(received.events) == 4)
        assert [e.topic for e in received.events] == [UNREADABLE] * 3 + ["tasks patched"]
        assert [e.payload["session_ids"] for e in received.events[:3]] == [["s"], ["t"], []]
        assert received.phases == ["live"]


@pytest.mark.parametrize("transports", [("websocket",), ("polling",)])
async def test_an_ack_with_a_half_character_is_an_answer_and_one_that_cannot_be_read_fails_at_once(
    server: FeathersServer, transports: tuple[str, ...]
) -> None:
    server.answers["find", "tasks"] = lambda *_: NEVER
    async with Received(server.url, credentials=KEY, transports=transports) as received:
        for ack, answer in ((r'[null,{"text":"\ud83d"}]', {"text": "\ufffd"}), ("[null," + "[" * 3_000, None)):
            before = len(server.frames)
            async with asyncio.TaskGroup() as group:
                call = group.create_task(answered(received, answer))
                await until(lambda before=before: len(server.frames) > before)
                await frame(server, f"3{ack_id(received)}{ack}")
            assert call.result() is None


async def answered(received: Received, answer: Any) -> None:
    if answer is None:
        with pytest.raises(ProtocolError, match="cannot be read"):
            await received.link.call("find", "tasks", timeout=30)
    else:
        assert await received.link.call("find", "tasks", timeout=30) == answer


def ack_id(received: Received) -> int:
    connection = received.link._state.connection
    assert connection is not None
    return int(max(connection._sio.callbacks["/"]))


def test_a_rest_answer_with_a_half_character_is_read(rest_server: RestServer) -> None:
    rest_server.script = lambda _: Reply(200, rb'{"total":1,"data":[{"content":"cut \ud83d"}]}')
    rest = Rest(rest_server.url)
    try:
        assert rest.call(Call("find", "messages"))["data"] == [{"content": "cut \ufffd"}]
    finally:
        rest.close()


@pytest.mark.parametrize("name", ["status", "statusCode"])
def test_an_error_that_names_its_status_only_is_what_the_status_says(name: str) -> None:
    error = daemon_error({"message": "no such session", name: 404})
    assert isinstance(error, NotFound)
    assert error.code == 404


@pytest.mark.parametrize("transports", [("websocket",), ("polling",)])
async def test_a_chunk_that_was_cut_keeps_its_halves_beside_its_text(
    server: FeathersServer, transports: tuple[str, ...]
) -> None:
    async with Received(server.url, credentials=KEY, transports=transports) as received:
        await frame(server, r'2["messages streaming:chunk",{"chunk":"A\ud83d"}]')
        await frame(server, r'2["messages streaming:chunk",{"chunk":"\ude00B"}]')
        await until(lambda: len(received.events) == 2)
        first, second = (event.payload["chunk"] for event in received.events)
    assert (first, second) == ("A\ufffd", "\ufffdB")
    assert (first.raw + second.raw).encode("utf-16", "surrogatepass").decode("utf-16") == "A😀B"

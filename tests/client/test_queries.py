"""Queries as Feathers speaks them, to a daemon: over REST and over the live link they find the same."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.errors import BadRequest, Forbidden, MissingExtra, NotAuthenticated, UsageError
from agor_reactive.models import Message, Page, freeze
from agor_reactive.models.inputs import MessageCreate

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def api_version() -> str:
    """Queries are the same with every API version."""
    return "branches"


@pytest.fixture
async def messages(client: agor.Client, session_id: str) -> tuple[Message, ...]:
    """Sixty, a second apart; every third by the assistant."""
    rows: list[MessageCreate] = [
        {
            "message_id": agor.new_id(),
            "session_id": session_id,
            "type": "assistant" if number % 3 == 0 else "user",
            "role": "assistant" if number % 3 == 0 else "user",
            "index": number,
            "timestamp": (BEGAN + timedelta(seconds=number)).isoformat(timespec="milliseconds")[:-6] + "Z",
            "content": f"text {number}",
            "content_preview": f"text {number}",
        }
        for number in range(60)
    ]
    return await client.service("messages").create_many(rows)


def indexes(found: Any) -> list[Any]:
    return sorted(message.index for message in found)


@pytest.mark.parametrize("count", [0, 1, 25, 60])
async def test_in_of_any_number_of_ids(
    client: agor.Client, rest: agor.AsyncRestClient, messages: tuple[Message, ...], count: int
) -> None:
    wanted = {"message_id": {"$in": [message.message_id for message in messages[:count]]}}
    for service in (client.service("messages"), rest.service("messages")):
        assert indexes(await service.find(wanted)) == list(range(count))
        assert indexes(await service.find_all(wanted)) == list(range(count))
        assert indexes([message async for message in service.iterate(wanted)]) == list(range(count))


async def test_in_of_thousands_of_ids(
    client: agor.Client, rest: agor.AsyncRestClient, messages: tuple[Message, ...]
) -> None:
    others = [agor.new_id() for _ in range(4_940)]
    wanted = {"message_id": {"$in": [*others, *(message.message_id for message in messages)]}}
    for service in (client.service("messages"), rest.service("messages")):
        page = await service.find({**wanted, "$sort": {"index": -1}, "$limit": 2, "$skip": 1})
        assert ([message.index for message in page], page.total) == ([58, 57], 60)
        assert indexes(await service.find_all(wanted)) == list(range(60))


QUERIES: list[tuple[str, dict[str, Any], list[int]]] = [
    ("ne", {"role": {"$ne": "user"}}, list(range(0, 60, 3))),
    ("nin", {"role": {"$nin": ["assistant"]}}, [number for number in range(60) if number % 3]),
    ("or", {"$or": [{"content": "text 1"}, {"content": {"$in": ["text 2", "text 3"]}}]}, [1, 2, 3]),
    ("moments", {"timestamp": {"$gte": BEGAN, "$lt": BEGAN + timedelta(seconds=3)}}, [0, 1, 2]),
    ("offsets", {"timestamp": {"$gt": datetime.fromisoformat("2026-01-31T13:00:57+01:00")}}, [58, 59]),
    ("awkward", {"content": {"$in": ["text 4", "a&b=c", "ü%[x]"]}}, [4]),
]


@pytest.mark.parametrize(("query", "found"), [query[1:] for query in QUERIES], ids=[query[0] for query in QUERIES])
async def test_nested_operators(
    client: agor.Client,
    rest: agor.AsyncRestClient,
    messages: tuple[Message, ...],
    query: dict[str, Any],
    found: list[int],
) -> None:
    for service in (client.service("messages"), rest.service("messages")):
        assert indexes(await service.find(query)) == found
        assert indexes(await service.find_all(query, page_size=7)) == found


async def test_numbers_and_null_over_the_live_link(client: agor.Client, messages: tuple[Message, ...]) -> None:
    service = client.service("messages")
    assert indexes(await service.find({"index": {"$gte": 10, "$lt": 12}})) == [10, 11]
    assert indexes(await service.find_all({"index": {"$gte": 50}, "$sort": {"index": -1}}, page_size=3)) == [
        *range(50, 60)
    ]
    assert await service.find({"parent_tool_use_id": None, "role": "nobody"}) == Page((), 0, 10_000, 0)


async def test_rest_says_that_messages_compare_text(
    rest: agor.AsyncRestClient, messages: tuple[Message, ...], session_id: str
) -> None:
    """Facts of the wire: there a number of a query string stays text, and would fit nothing, silently."""
    for query in (
        {"index": 5},
        {"session_id": session_id, "index": {"$gte": 5}},
        {"index": {"$in": [1, 2]}},
        {"$or": [{"index": 1}]},
        {"parent_tool_use_id": None},
        {"hidden": True},
    ):
        for ask in (rest.service("messages").find, rest.service("messages").find_all):
            with pytest.raises(UsageError, match="live client"):
                await ask(query)
    assert len(await rest.service("messages").find({"$limit": 3, "$sort": {"index": 1}})) == 3
    assert len(await rest.service("sessions").find({"archived": False})) == 1


async def test_numbers_of_numpy_are_numbers(
    client: agor.Client, rest: agor.AsyncRestClient, messages: tuple[Message, ...]
) -> None:
    numpy = pytest.importorskip("numpy")
    found = await client.service("messages").find({"index": {"$gte": numpy.int64(58), "$lt": numpy.float64(70)}})
    assert indexes(found) == [58, 59]
    assert len(await rest.service("messages").find({"$limit": numpy.int64(3)})) == 3


async def test_a_whole_row_is_no_id(client: agor.Client, rest: agor.AsyncRestClient, session_id: str) -> None:
    session: Any = await client.service("sessions").get(session_id)
    for face in (client, rest):
        with pytest.raises(UsageError, match="session_id"):
            await face.service("sessions").get(session)
        with pytest.raises(UsageError, match="session_id"):
            await face.service("sessions").patch(session, {"title": "x"})


async def test_nothing_to_create_asks_nothing(client: agor.Client, rest: agor.AsyncRestClient) -> None:
    for face in (client, rest):
        for path in ("boards", "tasks", "messages", "other"):
            assert await face.service(path).create_many([]) == ()


async def test_users_over_rest_say_what_to_use(rest: agor.AsyncRestClient) -> None:
    for asking in (rest.service("users").find(), rest.service("users").get("u"), rest.service("users").patch("u", {})):
        with pytest.raises((NotAuthenticated, Forbidden), match="live client") as raised:
            await asking
        assert raised.value.code in (401, 403)


async def test_a_walk_in_the_order_of_a_number_brings_all(
    client: agor.Client, rest: agor.AsyncRestClient, messages: tuple[Message, ...]
) -> None:
    for face in (client, rest):
        for direction in (1, -1):
            found = face.service("messages").iterate({"$sort": {"index": direction}}, page_size=7)
            assert [message.index async for message in found] == list(range(60))[::direction]


async def test_select_and_sort_and_booleans(client: agor.Client, rest: agor.AsyncRestClient, session_id: str) -> None:
    for sessions in (client.service("sessions"), rest.service("sessions")):
        page = await sessions.find({"archived": False, "$select": ["title", "status"], "$sort": {"created_at": -1}})
        assert [set(session.to_wire()) for session in page] == [{"session_id", "status"}]
        assert len(await sessions.find({"archived": True})) == 0


async def test_what_a_daemon_refuses_is_its_own_word(client: agor.Client, rest: agor.AsyncRestClient) -> None:
    for tasks in (client.service("tasks"), rest.service("tasks")):
        with pytest.raises(BadRequest):
            await tasks.find({"status": {"$in": ["running"]}})


async def test_rest_says_what_it_cannot_say(rest: agor.AsyncRestClient) -> None:
    with pytest.raises(UsageError, match="alternatives"):
        await rest.service("messages").find({"$or": [{"content": str(number)} for number in range(21)]})
    many = {"$or": [{"content": str(number)} for number in range(41)]}
    assert await rest.service("messages").find_all(many) == ()


async def test_rows_of_a_session_are_walked_over_rest_and_over_the_link(
    client: agor.Client, rest: agor.AsyncRestClient, messages: tuple[Message, ...], session_id: str
) -> None:
    notified: list[tuple[int, int | None]] = []
    for face in (client, rest):
        service = face.service("messages")
        assert [message.index for message in await service.find_by_session(session_id)] == list(range(60))
        assert [message.index for message in await service.find_by_range(session_id, 5, 7)] == [5, 6, 7]
        walk = service.iterate({"session_id": session_id}, page_size=8, on_page=lambda *at: notified.append(at))
        assert [message.index async for message in walk] == list(range(60))
    assert notified[-1] == (60, 60)


async def test_a_page_as_a_data_frame(client: agor.Client, messages: tuple[Message, ...]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = (await client.service("messages").find({"$limit": 5, "$sort": {"index": 1}})).dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["index"]) == [0, 1, 2, 3, 4]
    assert frame["timestamp"].iloc[1] == BEGAN + timedelta(seconds=1)
    nested = Page((freeze({"a": {"b": [1]}, "made_at": "2026-01-31T12:00:00Z"}), freeze({"made_at": "soon"})), 2)
    assert nested.dataframe()["a"].iloc[0] == {"b": [1]}
    assert Page((), 0).dataframe().empty


async def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"agor-reactive\[pandas\]"):
        Page((), 0).dataframe()

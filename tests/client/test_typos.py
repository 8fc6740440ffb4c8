"""A misspelled method, event, field or argument fails before anything is sent, and the message names the right one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, get_args, get_overloads, get_type_hints

import pytest

import agor_reactive as agor
from agor_reactive.errors import HandleDisposed, UnknownMethod, UsageError
from agor_reactive.services import Services
from agor_reactive.services.known import PAYLOADS, did_you_mean, events_of, fields_of, is_known
from agor_reactive.session.handles import checked_handle
from agor_reactive.transport.scripted import ScriptedLink
from tests.client.conftest import EmbeddedDaemon
from tests.services import table

SESSION = table.SOME_ID


@pytest.fixture
def api_version() -> str:
    return "handshake"


@pytest.fixture
def link() -> ScriptedLink:
    link = ScriptedLink()
    link.on_call("*", "*", lambda given: {})
    return link


def misspelled(word: str) -> str:
    """The word without its second letter, or with one doubled."""
    return word[0] + word[2:] if len(word) > 4 else word + word[-1]


@pytest.mark.parametrize("path", table.paths())
def test_a_misspelled_method_of_a_known_service_fails_at_once(path: str, link: ScriptedLink) -> None:
    service = agor.create_client(link=link).service(path)
    for name in (*table.SIX, "find_all", *table.operation_methods(path)):
        wrong = misspelled(name)
        with pytest.raises(UnknownMethod) as raised:
            getattr(service, wrong)
        assert f"has no method {wrong!r}. Did you mean" in str(raised.value)
        assert not hasattr(service, wrong)
    assert link.calls == []


def test_every_kind_of_client_refuses_it(link: ScriptedLink) -> None:
    clients: list[Any] = [
        agor.create_rest_client("http://127.0.0.1:9"),
        agor.create_async_rest_client("http://127.0.0.1:9"),
        agor.create_client(link=link),
        agor.connect(link=link),
    ]
    for client in clients:
        with pytest.raises(UsageError, match=r"sessions has no method 'promt'. Did you mean 'prompt'\?"):
            client.sessions.promt(SESSION, "hi")
        with pytest.raises(UsageError, match=r"Did you mean 'find_all'\?"):
            client.service("boards").findAll()
    for client in (clients[0], clients[3]):
        client.close()
    asyncio.run(clients[1].close())
    assert link.calls == []


async def test_call_and_an_unknown_path_stay_for_what_is_not_known(link: ScriptedLink) -> None:
    async with agor.create_client(link=link) as client:
        await client.sessions.call("promtAgain", {"a": 1})
        await client.service("zork").do_it({"a": 1})  # type: ignore[attr-defined]
        await client.service("sessions").call("create", {"titel": "x"})
        assert [one[:2] for one in link.calls][-3:] == [
            ("promtAgain", "sessions"),
            ("doIt", "zork"),
            ("create", "sessions"),
        ]


@pytest.mark.parametrize("path", table.paths())
async def test_a_misspelled_event_of_a_known_service_fails_at_once(path: str, link: ScriptedLink) -> None:
    async with agor.create_client(link=link) as client:
        service: Any = client.service(path)
        for event in events_of(path):
            service.on(event, print)()
            wrong = misspelled(event)
            with pytest.raises(UsageError, match=rf"{path} has no event {wrong!r}\. Did you mean"):
                service.on(wrong, print)
            seen: list[Any] = []
            service.on(wrong, seen.append, unchecked=True)
            link.emit(f"{path} {wrong}", {"a": 1})
            assert seen == [{"a": 1}]


async def test_a_whole_topic_is_not_the_name_of_an_event(link: ScriptedLink) -> None:
    async with agor.create_client(link=link) as client:
        with pytest.raises(UsageError, match=r"Did you mean 'created'\?"):
            client.service("tasks").on("tasks created", print)
        client.service("zork").on("anything at all", print)
    with agor.connect(link=ScriptedLink()) as blocking, pytest.raises(UsageError, match=r"Did you mean 'patched'\?"):
        blocking.service("boards").on("patchd", print)


def test_the_payloads_of_services_are_those_of_their_types() -> None:
    for overload in get_overloads(Services.service):
        hints = get_type_hints(overload, vars(__import__("agor_reactive.services.catalogue", fromlist=["x"])))
        service = hints["return"]
        base = next((one for one in getattr(service, "__orig_bases__", ()) if len(get_args(one)) == 4), service)
        given = [kind for kind in get_args(base)[2:] if hasattr(kind, "__required_keys__")]
        for path in get_args(hints["path"]) if given else ():
            documented = not any("undocumented" in (kind.__doc__ or "") for kind in given)
            login = path.startswith("authentication")
            assert PAYLOADS.get(path) == (tuple(given) if documented and not login else None), path


@pytest.mark.parametrize("path", PAYLOADS)
@pytest.mark.parametrize("method", ["create", "create_many", "update", "patch"])
async def test_a_misspelled_field_is_refused_and_none_that_exists(path: str, method: str, link: ScriptedLink) -> None:
    def write(client: Any, row: Any) -> Any:
        service = client.service(path)
        if method == "create_many":
            return service.create_many([row])
        return service.create(row) if method == "create" else getattr(service, method)("x", row)

    async with agor.create_client(link=link) as client:
        for name in sorted(fields_of(path)):
            await write(client, {name: 1})
        calls = len(link.calls)
        for name in sorted(fields_of(path)):
            wrong = misspelled(name)
            if wrong not in fields_of(path):
                with pytest.raises(UsageError, match=rf"there is no field {wrong!r}\. Did you mean"):
                    await write(client, {wrong: 1})
        assert len(link.calls) == calls


def test_a_misspelled_field_over_rest_reaches_no_daemon() -> None:
    with agor.create_rest_client("http://127.0.0.1:9") as client:
        with pytest.raises(UsageError, match=r"there is no field 'titel'. Did you mean 'title'\?"):
            client.sessions.create({"branch_id": "b", "titel": "x"})  # type: ignore[typeddict-unknown-key]
        with pytest.raises(UsageError, match=r"spawn has no argument 'titel'. Did you mean 'title'\?"):
            client.sessions.spawn(SESSION, titel="x")  # type: ignore[call-arg]


async def test_an_undocumented_payload_takes_any_field(link: ScriptedLink) -> None:
    async with agor.create_client(link=link) as client:
        for path in ("session-mcp-servers", "session-env-selections", "board-objects", "config", "zork"):
            await client.service(path).create({"whatever": 1})
    assert [path for path in table.paths() if not is_known(path)] == []


@pytest.mark.parametrize(
    "use",
    [
        lambda handle: handle.prompt("hi"),
        lambda handle: handle.ask("hi"),
        lambda handle: handle.stop(),
        lambda handle: handle.resync(),
        lambda handle: handle.ready(),
        lambda handle: handle.load_task_messages("t"),
        lambda handle: handle.subscribe(print),
        lambda handle: handle.approve("r"),
    ],
)
async def test_a_use_of_a_released_handle_is_named(
    use: Callable[[Any], Any], client: agor.Client, session_id: str
) -> None:
    handle = agor.retain_reactive_session(client, session_id)
    await handle.ready()
    handle.release()
    with pytest.raises(HandleDisposed, match=rf"^\w+(\(\))?: this handle was released. Retain session {session_id}"):
        await use(handle)


async def test_a_handle_outlived_by_its_client_says_so(daemon: EmbeddedDaemon, client: agor.Client) -> None:
    async with agor.create_client(daemon.url, api_key=daemon.api_key) as other:
        handle = agor.retain_reactive_session(other, SESSION)
    with pytest.raises(HandleDisposed, match=r"^prompt\(\): the client of this handle was closed"):
        await handle.prompt("hi")
    handle.release()


def test_what_is_no_handle_is_named() -> None:
    with pytest.raises(UsageError, match=r"SessionView\(retain_reactive_session\(client, 'abc'\)\)"):
        checked_handle("abc", "SessionView")
    with pytest.raises(UsageError, match="takes a handle, not int"):
        checked_handle(3, "SessionView")


def test_a_suggestion_is_close_or_none() -> None:
    assert did_you_mean("promt", ["prompt", "stop"]) == " Did you mean 'prompt'?"
    assert did_you_mean("findAll", ["find_all", "find"]) == " Did you mean 'find_all'?"
    assert did_you_mean("zzzz", ["prompt"]) == ""

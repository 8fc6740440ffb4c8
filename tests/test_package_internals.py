"""What we use of other packages beyond their documented interfaces: one test for each package.

This is the one list of it. A release that changes one of these fails here, by name, and not somewhere in the product.
Add such a use here; those of the notebook packages are in tests/adapters/ipywidgets/test_package_internals.py.
"""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

import pytest


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


async def test_python_engineio() -> None:
    """`transport.connection` and `daemon.sockets`."""
    import engineio
    from engineio.packet import NOOP, Packet

    client = engineio.AsyncClient()
    assert client.state == "disconnected"
    assert (client.read_loop_task, client.write_loop_task, client.ws) == (None, None, None)
    assert isinstance(engineio.base_client.connected_clients, list)  # a dead connection is removed from it
    fresh = "import engineio.payload as payload; print(payload.Payload.max_decode_packets)"
    command = [sys.executable, "-c", fresh]
    default = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert default.stdout.strip() == "16"  # raised for polling, in this process perhaps already
    assert Packet(NOOP).encode() == "6"
    server = engineio.AsyncServer(async_mode="asgi")
    assert server.sockets == {}
    assert callable(server.start_background_task)  # replaced: its tasks are cancelled with the daemon
    socket = engineio.async_socket.AsyncSocket(server, "sid")
    assert socket.queue.empty()
    assert {"wait", "reason"} <= set(parameters(socket.close))
    assert server.reason.SERVER_DISCONNECT


async def test_python_socketio() -> None:
    """`transport.frames` (the packet), `transport.connection` (the table of acks), `daemon.sockets`."""
    import socketio
    from socketio.packet import ACK, EVENT, Packet

    packet = Packet(encoded_packet='2/x,7["a",1]')
    assert (packet.packet_type, packet.namespace, packet.id, packet.data) == (EVENT, "/x", 7, ["a", 1])
    assert (EVENT, ACK) == (2, 3)
    assert parameters(Packet.decode) == ["self", "encoded_packet"]
    assert {"dumps", "loads"} <= set(dir(Packet.json))  # replaced in a subclass
    for side in (socketio.AsyncClient, socketio.AsyncServer):
        assert "serializer" in parameters(side.__mro__[1].__init__)
    client = socketio.AsyncClient(handle_sigint=False)
    assert client.callbacks == {}  # namespace: {ack id: callback}, from which an abandoned call is removed
    made = client._generate_ack_id("/", print)
    assert client.callbacks["/"][made] is print
    server = socketio.AsyncServer(async_mode="asgi")
    assert {"message", "disconnect"} <= set(server.eio.handlers)  # wrapped
    assert parameters(server.manager.eio_sid_from_sid) == ["sid", "namespace"]
    assert server.reason.SERVER_DISCONNECT


def test_aiohttp() -> None:
    """`transport.frames.EventLane` and `transport.connection._WholeResponse` subclass what sessions make."""
    import aiohttp

    assert {"response_class", "ws_response_class", "trace_configs", "proxy"} <= set(parameters(aiohttp.ClientSession))
    assert parameters(aiohttp.ClientWebSocketResponse.receive) == ["self", "timeout"]
    assert parameters(aiohttp.ClientResponse.start) == ["self", "connection"]
    made = inspect.getsource(aiohttp.ClientWebSocketResponse.__init__)
    assert "self._response = response" in made
    assert isinstance(aiohttp.ClientResponse.connection, property)


def test_uvicorn() -> None:
    """`daemon.serving` subclasses the server and its HTTP protocol."""
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    assert inspect.iscoroutinefunction(uvicorn.Server.main_loop)
    assert inspect.iscoroutinefunction(uvicorn.Server.on_tick)
    assert parameters(uvicorn.Server.on_tick) == ["self", "counter"]
    assert parameters(uvicorn.Server.shutdown) == ["self", "sockets"]
    assert hasattr(uvicorn.Server, "capture_signals")
    server = uvicorn.Server(uvicorn.Config(lambda: None, log_config=None, ws="websockets-sansio"))
    assert (set(server.server_state.connections), set(server.server_state.tasks)) == (set(), set())
    server.config.load()
    protocol = H11Protocol(server.config, server.server_state, {}, _FakeLoop())  # type: ignore[arg-type]
    for name in ("conn", "loop", "transport"):
        assert hasattr(protocol, name)
    for name in ("connection_made", "data_received", "connection_lost", "shutdown"):
        assert callable(getattr(protocol, name))
    import h11

    assert protocol.conn.their_state is h11.IDLE


class _FakeLoop:
    """A loop that a protocol is made with and does not use."""


def test_pydantic() -> None:
    """`models.base` and `models.session`: rows are validated, compared, blanked and pickled without detours."""
    import pickle

    from agor_reactive import Board

    row = Board.model_validate({"board_id": "b", "name": "n", "later": 1})
    assert row.__pydantic_extra__ is not None
    assert "later" in row.__pydantic_extra__
    assert "name" in row.__pydantic_fields_set__
    assert callable(Board.__pydantic_validator__.validate_python)
    kept = {"__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"}
    assert kept <= set(row.__getstate__())
    assert row.__dict__["name"] == "n"
    assert pickle.loads(pickle.dumps(row)) == row


def test_reactivex() -> None:
    """`session.observers`, `session.collection`, `session.permissions` and `blocking.portal` make Observables."""
    from reactivex import Observable, abc

    seen: list[int] = []

    class Own(Observable[int]):
        def _subscribe_core(
            self, observer: abc.ObserverBase[int], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            observer.on_next(1)
            return super()._subscribe_core(observer, scheduler)

    assert parameters(Observable._subscribe_core) == ["self", "observer", "scheduler"]
    Own().subscribe(seen.append).dispose()
    assert seen == [1]


def test_httpx2() -> None:
    """`transport.http`: a URL with a quiet text is put into a request that was built."""
    import httpx2

    class Quiet(httpx2.URL):
        pass

    with httpx2.Client(base_url="http://h", verify=False) as client:
        url = client.base_url.copy_with(raw_path=b"/a?b=%5B1%5D")
        request = client.build_request("GET", url)
        request.url = Quiet(request.url)
        assert request.url.raw_path == b"/a?b=%5B1%5D"
    assert all(hasattr(httpx2, name) for name in ("PoolTimeout", "ProxyError", "LocalProtocolError", "DecodingError"))


REQUIRED = ("python-engineio", "python-socketio", "aiohttp", "uvicorn", "pydantic", "reactivex", "httpx2")


@pytest.mark.parametrize("package", REQUIRED)
def test_each_of_them_has_a_test_and_a_lower_bound(package: str) -> None:
    assert f"test_{package.replace('-', '_')}" in globals()
    needed = metadata.requires("agor-reactive") or []
    assert any(line.partition(";")[0].startswith(package) and ">=" in line for line in needed)


def test_textual() -> None:
    """`tui.still` (every way to scroll ends there), `tui.prompt_box` (Enter sends), and what tests look at."""
    from textual._compositor import Compositor
    from textual.scroll_view import ScrollView
    from textual.widget import Widget
    from textual.widgets import TextArea

    assert {"x", "y", "animate"} <= set(parameters(Widget._scroll_to))
    assert ScrollView._scroll_to is Widget._scroll_to
    assert inspect.iscoroutinefunction(TextArea._on_key)
    assert {"action_cursor_up", "action_cursor_down"} <= set(dir(TextArea))
    assert callable(Compositor.render_strips)

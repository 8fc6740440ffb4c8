"""One Socket.IO connection, from its first packet to its last: opened once, used once, cleaned up completely.

Adds to python-socketio: a drop fails every call in flight at once, a call that timed out or was cancelled leaves no
callback behind, closing takes bounded time, and the HTTP session is closed here. A connection never reconnects and
never logs in; `socketio.SocketLink` does.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import engineio
import socketio
from pydantic import SecretStr

from agor_reactive.calls.methods import is_repeatable, lost_in_flight
from agor_reactive.errors import CallTimeout, CannotConnect, NotConnected, OutcomeUnknown
from agor_reactive.models.secrecy import reveal_values
from agor_reactive.models.wire import EventRun
from agor_reactive.transport.address import Address
from agor_reactive.transport.codec import DEFAULT_MAX_PAYLOAD, checked_frame, read_ack
from agor_reactive.transport.environment import live_proxy
from agor_reactive.transport.frames import EventLane, WirePacket, event_lane
from agor_reactive.transport.refusals import Redirected, refused_by_daemon, refused_on_the_way
from agor_reactive.transport.user_agent import with_user_agent

__all__ = ["MAX_FRAME", "ConnectOptions", "Connection"]

# python-socketio logs whole packets, tokens included, at INFO: it gets a separate logger that a general logging
# configuration does not reach. This also keeps the library from installing a handler.
_quiet = logging.getLogger("agor_reactive.transport.wire")
_quiet.setLevel(logging.ERROR)

MAX_FRAME: Final = 64_000_000
"""The largest frame accepted from a daemon by default, in bytes."""

_CLOSING_GRACE: Final = 0.4  # seconds
_CANCEL_AGAIN: Final = 0.02  # seconds
_MOST_PACKETS_A_POLL: Final = 100_000


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """How to reach the daemon. `timeout` in seconds covers one whole connect. `headers` go with the handshake.

    `verify` is the result of `tls.ssl_setting`. `proxy` is the address of a proxy; else the environment's is used,
    unless `proxy_from_env` is false or the daemon is on this machine. `max_frame` is the largest frame accepted, in
    bytes.
    """

    transports: Sequence[str] = ("websocket",)
    timeout: float = 10.0
    headers: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)
    verify: bool | ssl.SSLContext = True
    proxy: SecretStr | None = field(default=None, repr=False)
    proxy_from_env: bool = True
    max_frame: int = MAX_FRAME


class _WholeResponse(aiohttp.ClientResponse):
    """Reads the body of a poll's POST answer, which python-engineio does not: unread, it keeps its connection open
    until it is garbage-collected."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        await super().start(connection)
        if self.method == "POST":
            await self.read()
        return self


class Connection:
    """One connection. `lost` is a future with the reason why it ended; `on_events` gets the events that
    arrived together, in order."""

    def __init__(self, address: Address, options: ConnectOptions, *, on_events: Callable[[EventRun], None]) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.max_payload = DEFAULT_MAX_PAYLOAD
        self._address = address
        self._options = options
        self._on_events = on_events
        self._in_flight: dict[asyncio.Future[tuple[Any, ...]], tuple[str, str]] = {}
        self._refused: asyncio.Future[Any] = loop.create_future()  # with the daemon's reason
        self._redirected: Redirected | None = None
        self._session = aiohttp.ClientSession(
            trace_configs=[self._no_redirects()],
            response_class=_WholeResponse,
            ws_response_class=event_lane(self._deliver, self._took_max_payload, self._oversize),
            connector=aiohttp.TCPConnector(ssl=options.verify),
            # aiohttp reads the environment for http and https addresses only, and not for those of WebSockets.
            proxy=_address_of(live_proxy(options.proxy, address, from_env=options.proxy_from_env)),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=options.timeout),
        )
        self._sio = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            logger=_quiet,
            engineio_logger=_quiet,
            serializer=WirePacket,
            http_session=self._session,
            websocket_extra_options={
                # aiohttp's own bound is 4 MB, which a session of many tasks may exceed; the next frame goes with it.
                "max_msg_size": options.max_frame,
                "timeout": aiohttp.ClientWSTimeout(ws_close=_CLOSING_GRACE),
            },
            request_timeout=options.timeout,
        )
        # Plain functions: python-socketio runs them in order, where coroutines would overtake one another.
        self._sio.on("*", self._deliver_any)
        self._sio.on("disconnect", self.end)
        self._sio.on("connect_error", self._on_refusal)

    async def open(self, token: SecretStr | None = None) -> None:
        """Connect, with an access token on the request or without authentication.

        The token goes into the ``Authorization`` header of the upgrade (or polling) request, where every daemon with
        handshake authentication accepts it as a full login. Raises `NotAuthenticated` or `Forbidden` when the daemon
        refuses the identity, else `CannotConnect`; then, and when cancelled, nothing is left open.
        """
        options = self._options
        if "polling" in options.transports:
            _allow_busy_polls()
        failed: Exception
        try:
            async with asyncio.timeout(options.timeout):
                await self._connect(token)
            reading = self._sio.eio.read_loop_task
            if reading is None:
                raise ConnectionError("the connection ended while connecting")
            reading.add_done_callback(self._reading_ended)
            return
        except TimeoutError:
            await self.close()
            failed = CannotConnect(f"the daemon at {self._address.url} did not answer within {options.timeout:g} s")
        except Exception as error:  # noqa: BLE001 - a bad handshake makes python-socketio raise nearly anything
            await self.close()
            if self._refused.done():
                failed = refused_by_daemon(self._refused.result(), self._address.url)
            else:
                failed = refused_on_the_way(self._redirected or error, self._address.url)
        except BaseException:
            await self.close()
            raise
        raise failed  # not from within: the error behind it has the frames that hold headers and the proxy's password

    async def _connect(self, token: SecretStr | None) -> None:
        """Run python-socketio's `connect`, and end it when the daemon refuses: with polling it would wait for a
        ping."""
        options = self._options
        connecting = asyncio.ensure_future(
            self._sio.connect(
                self._address.origin,
                headers=_handshake_headers(options, token),
                transports=list(options.transports),
                socketio_path=f"{self._address.prefix}/socket.io".lstrip("/"),
                wait_timeout=options.timeout,
            )
        )
        try:
            await asyncio.wait({connecting, self._refused}, return_when=asyncio.FIRST_COMPLETED)
            if self._refused.done():
                if (writing := self._sio.eio.write_loop_task) is not None:
                    # Disconnect and stop; the reading task would wait for the daemon's next ping.
                    await asyncio.wait({writing}, timeout=_CLOSING_GRACE)
                raise ConnectionRefusedError("the daemon refused the connection")
            await connecting
        finally:
            # Cancelled repeatedly: CPython 3.11's wait_for loses a cancellation that arrives together with its result.
            while not connecting.done():
                connecting.cancel()
                await asyncio.wait({connecting}, timeout=_CANCEL_AGAIN)
            if not connecting.cancelled():
                connecting.exception()

    async def call(self, method: str, service: str, args: Sequence[Any], *, timeout: float) -> Any:
        """Make one call and return its answer; see `seam.Link.call` for the errors."""
        frame = checked_frame(method, service, args, max_payload=self.max_payload)
        if self.lost.done():
            raise NotConnected(f"{method} {frame[1]}: the connection has ended; nothing was sent")
        answer: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()

        def acked(*ack: Any) -> None:
            if not answer.done():
                answer.set_result(ack)

        self._in_flight[answer] = (method, frame[1])
        try:
            await self._sio.emit(frame[0], tuple(frame[1:]), callback=acked)
            async with asyncio.timeout(timeout):
                ack = await answer
        except TimeoutError:
            what = f"{method} {frame[1]}: no answer within {timeout:g} s"
            if is_repeatable(method, service):
                raise CallTimeout(f"{what} (a daemon never answers a method it does not know)") from None
            raise OutcomeUnknown(f"{what}; it may have been carried out. Check before you repeat it") from None
        except socketio.exceptions.SocketIOError:
            raise NotConnected(f"{method} {frame[1]}: the connection has ended; nothing was sent") from None
        finally:
            del self._in_flight[answer]
            self._forget(acked)
        return read_ack(ack)

    async def announce(self, method: str, service: str, *args: Any) -> None:
        """Make a call and ignore its answer; a daemon without the method may refuse it."""
        frame = checked_frame(method, service, args, max_payload=self.max_payload)
        with suppress(socketio.exceptions.SocketIOError):  # it ended meanwhile; `lost` has the reason
            await self._sio.emit(frame[0], tuple(frame[1:]))

    async def close(self) -> None:
        """Close the connection and its HTTP session, within about a second. Idempotent."""
        self.end("closed")
        eio = self._sio.eio
        lane = eio.ws if isinstance(eio.ws, EventLane) else None
        loops = [task for task in (eio.read_loop_task, eio.write_loop_task) if task is not None]
        try:
            if eio.state == "connected" and not self._refused.done():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._sio.disconnect(), _CLOSING_GRACE * 2)
            elif loops:
                # The server is disconnecting us; disconnect() now would empty the queue that python-socketio still
                # reads.
                await asyncio.wait(loops, timeout=_CLOSING_GRACE)
        except Exception as error:  # noqa: BLE001 - a dead transport may fail in any way while it is closed
            _quiet.debug("closing a connection: %s", type(error).__name__)
        finally:
            for task in loops:
                task.cancel()
            try:
                await asyncio.gather(*loops, return_exceptions=True)
            finally:  # a cancelled close must still close the HTTP session
                with suppress(ValueError):
                    engineio.base_client.connected_clients.remove(eio)
                if lane is not None and lane.transport is not None:
                    # All packets are sent. A TLS shutdown would wait for the peer's close_notify, maybe past the loop's
                    # end, and leave the socket to the garbage collector.
                    lane.transport.abort()
                await self._session.close()
                await asyncio.sleep(0)  # the transport closes its socket in the next loop iteration

    # ---- called by python-socketio and by the lane ----

    def _deliver(self, events: EventRun) -> None:
        if not self.lost.done():
            self._on_events(events)

    def _deliver_any(self, topic: str, *payload: Any) -> None:
        self._deliver([(topic, payload[0] if payload else None)])

    def _on_refusal(self, *data: Any) -> None:
        # python-socketio reports a failed connect in the same way; only the daemon's answer counts.
        if self._sio.eio.state == "connected" and not self._refused.done():
            self._refused.set_result(data[0] if data else None)

    def _took_max_payload(self, size: int) -> None:
        self.max_payload = size

    def _oversize(self) -> None:
        most = self._options.max_frame
        self.end(f"the daemon sent more than {most:,} bytes in one frame. Request less, or allow more (max_response=)")

    def _reading_ended(self, reading: asyncio.Task[None]) -> None:
        if not reading.cancelled():
            reading.exception()
        self.end("transport error")

    def end(self, reason: str = "transport error") -> None:
        """Mark the connection as ended: no more events are delivered, and every call in flight fails. Then `close`
        it."""
        if self.lost.done():
            return
        self.lost.set_result(reason)
        for answer, (method, service) in tuple(self._in_flight.items()):
            if not answer.done():
                answer.set_exception(lost_in_flight(method, service, reason))

    def _no_redirects(self) -> aiohttp.TraceConfig:
        """Refuse HTTP redirects: aiohttp follows them, and the credentials of the request would go along."""

        async def refuse(_session: Any, _context: Any, params: aiohttp.TraceRequestRedirectParams) -> None:
            # Kept, because with polling python-engineio converts exceptions to text.
            self._redirected = Redirected(params.response.headers.get("Location", ""))
            raise self._redirected

        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(refuse)
        return trace

    def _forget(self, callback: Callable[..., None]) -> None:
        """Remove the callback of an abandoned call from python-socketio's table."""
        table = self._sio.callbacks.get("/", {})
        for ack_id, waiting in tuple(table.items()):
            if waiting is callback:
                del table[ack_id]


def _handshake_headers(options: ConnectOptions, token: SecretStr | None) -> dict[str, str]:
    identity = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
    return {**with_user_agent(reveal_values(options.headers)), **identity}


def _address_of(proxy: SecretStr | None) -> str | None:
    return None if proxy is None else proxy.get_secret_value()


def _allow_busy_polls() -> None:
    """Raise python-engineio's limit of packets per poll to what a busy daemon sends.

    python-engineio drops the connection above 16. The documented way to raise that is this process-wide setting, so it
    is only changed when polling is used, and never lowered.
    """
    payload = engineio.payload.Payload
    payload.max_decode_packets = max(payload.max_decode_packets, _MOST_PACKETS_A_POLL)

"""The Socket.IO side: connections, logins that expire, calls and acks, events out.

Everything that leaves goes through one outbox in the order it was decided, so a caller has its own events before its
ack and a kick comes after what was said before it. The protocol itself is python-socketio's.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import socketio
from engineio.packet import NOOP, Packet

from agor_reactive.daemon.accounts import Accounts, public_user
from agor_reactive.daemon.events import Publication
from agor_reactive.daemon.faults import Fault, bad_request
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.services.base import Call, Registry
from agor_reactive.daemon.store import Row

__all__ = ["MAX_FRAME", "Sockets"]

MAX_FRAME = 1_000_000
_ARGUMENTS = {"find": 0, "get": 1, "remove": 1, "create": 1, "update": 2, "patch": 2}
_LOGGED_IN = "authenticated"
_FAREWELL = 0.1


class Sockets:
    """All connections of one daemon."""

    def __init__(self, kernel: Kernel, registry: Registry, accounts: Accounts) -> None:
        self._kernel = kernel
        self._registry = registry
        self._accounts = accounts
        self._peers: dict[str, _Peer] = {}
        self._kicked: set[str] = set()
        self._outbox: asyncio.Queue[Callable[[], Awaitable[Any]]] = asyncio.Queue()
        self._pump: asyncio.Task[None] | None = None
        self._marks: set[asyncio.Future[None]] = set()
        self._background: set[asyncio.Task[Any]] = set()
        self._stopped = False
        # python-socketio logs whole packets at INFO: prompts and keys among them. Its words go nowhere.
        silent = logging.getLogger("agor_reactive.daemon.silent")
        silent.setLevel(logging.CRITICAL + 1)
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            # Foreign origins are refused at the gate, before this is reached.
            cors_allowed_origins="*",
            ping_interval=25,
            ping_timeout=60,
            max_http_buffer_size=MAX_FRAME,
            logger=silent,
            engineio_logger=silent,
        )
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        self.server.on("*", self._call)
        # Pings and handlers in flight are tasks of the library; ours to end, or they outlive the daemon by a ping.
        self.server.eio.start_background_task = self._start_background_task
        self._engine_message = self.server.eio.handlers["message"]
        self._engine_disconnect = self.server.eio.handlers["disconnect"]
        self.server.eio.on("message", self._guarded_message)
        self.server.eio.on("disconnect", self._engine_gone)

    def start(self) -> None:
        self._pump = asyncio.get_running_loop().create_task(self._run_outbox(), name="daemon outbox")
        self._kernel.bus.deliver_to(self._deliver)

    async def stop(self) -> None:
        """Close every connection that is left and end the outbox."""
        for peer in self._peers.values():
            peer.forget_expiry()
        engines = list(self.server.eio.sockets.values())
        for engine in engines:
            # Not waiting here: the library would wait for a writer that may be gone already.
            await engine.close(wait=False, reason=self.server.reason.SERVER_DISCONNECT)
        loop = asyncio.get_running_loop()
        until = loop.time() + _FAREWELL
        # The library tells nobody when a queue has run dry, so this looks.
        while any(self._has_more_to_say(engine) for engine in engines) and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        self._stopped = True
        for mark in self._marks:
            if not mark.done():
                mark.set_result(None)
        ending = [*self._background, *([self._pump] if self._pump is not None else [])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _has_more_to_say(self, engine: Any) -> bool:
        return engine.sid in self.server.eio.sockets and not engine.queue.empty()

    async def kick_all(self) -> None:
        """Cut every connection the way a server does it on purpose (a namespace disconnect)."""
        for peer in list(self._peers.values()):
            self.kick(peer)
        await self._flushed()

    def kick(self, peer: _Peer) -> None:
        """Cut one connection, after everything that was said to it before."""
        peer.forget_expiry()
        self._outbox.put_nowait(partial(self._cut, peer))

    def later(self, job: Callable[[], Awaitable[Any]]) -> None:
        """Do something in the order of what leaves."""
        self._outbox.put_nowait(job)

    # ---- out -------------------------------------------------------------------------------------------------

    def _deliver(self, publication: Publication) -> None:
        self._outbox.put_nowait(partial(self._emit, publication))

    async def _emit(self, publication: Publication) -> None:
        room: str | None = _LOGGED_IN
        if publication.audience == "everyone":
            room = None
        elif publication.audience == "room":
            room = _room(str(publication.room))
        await self.server.emit(publication.name, (publication.payload,), to=room)

    async def _cut(self, peer: _Peer) -> None:
        if self._peers.get(peer.sid) is not peer:
            return
        self._kicked.add(peer.engine_sid)
        await self.server.disconnect(peer.sid)

    async def _run_outbox(self) -> None:
        while True:
            job = await self._outbox.get()
            try:
                await job()
            except (KeyError, ValueError, TypeError, OSError):
                # The peer is gone, or a relayed payload was not for this world: the next one counts.
                continue

    async def _flushed(self) -> None:
        """Return when all that was decided so far has left."""
        if self._stopped:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def mark() -> None:
            if not done.done():
                done.set_result(None)

        self._marks.add(done)
        self._outbox.put_nowait(mark)
        try:
            await done
        finally:
            self._marks.discard(done)

    # ---- in --------------------------------------------------------------------------------------------------

    def _start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **more: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(target(*args, **more))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _guarded_message(self, engine_sid: str, data: Any) -> None:
        # A call sent after the kick, on the same engine connection, gets the connection closed.
        if engine_sid in self._kicked:
            if not (isinstance(data, str) and data.startswith("0")):
                engine = self.server.eio.sockets[engine_sid]
                await engine.close(wait=False, reason=self.server.reason.SERVER_DISCONNECT)
                # The end of the writer: it closes the websocket itself, rather than asking the peer to.
                engine.queue.put_nowait(None)
                return
            self._kicked.discard(engine_sid)
        await self._engine_message(engine_sid, data)

    async def _engine_gone(self, engine_sid: str, reason: str) -> None:
        await self._engine_disconnect(engine_sid, reason)
        self._kicked.discard(engine_sid)
        engine = self.server.eio.sockets.get(engine_sid)
        if engine is not None:
            # A poll that is waiting would wait on for a minute: the library answers none when its peer says goodbye.
            engine.queue.put_nowait(Packet(NOOP))

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        peer = _Peer(self, sid, self.server.manager.eio_sid_from_sid(sid, "/"))
        token = auth.get("token") if isinstance(auth, dict) else None
        header = str(environ.get("HTTP_AUTHORIZATION", ""))
        if token is None and header.startswith("Bearer "):
            token = header.removeprefix("Bearer ")
        if token is not None:
            user = self._accounts.handshake_user(token)
            if user is None:
                raise socketio.exceptions.ConnectionRefusedError("Invalid or expired authentication token")
            # Known, but not in the channel of events: only a login gets there.
            peer.user_id = user["user_id"]
        self._peers[sid] = peer
        info = {"buildSha": "embedded", "builtAt": None}
        loop = asyncio.get_running_loop()
        # After this handler has let the connection through, or the greeting would overtake it.
        loop.call_soon(self._outbox.put_nowait, partial(self.server.emit, "server-info", (info,), to=sid))

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        peer = self._peers.pop(sid, None)
        if peer is not None:
            peer.forget_expiry()

    async def _call(self, method: str, sid: str, *args: Any) -> Any:
        peer = self._peers.get(sid)
        if method not in self._registry.methods or peer is None or not args or not isinstance(args[0], str):
            # Never acknowledged, as on the real wire.
            return self.server.not_handled
        try:
            answer: Any = (None, await self._invoke(peer, method, args[0], list(args[1:])))
        except Fault as fault:
            answer = fault.over_socket()
        except Exception as error:  # noqa: BLE001 - a service that breaks is an answer too, and is told as one
            answer = {"stack": traceback.format_exc(limit=1), "message": str(error), "name": type(error).__name__}
        await self._flushed()
        return answer

    async def _invoke(self, peer: _Peer, method: str, path: str, args: list[Any]) -> Any:
        own = _ARGUMENTS.get(method, 1)
        if len(args) > own + 1:
            raise bad_request(f"Too many arguments for '{method}' method")
        query = args[own] if len(args) > own else None
        given = args[:own] + [None] * (own - len(args[:own]))
        call = Call(
            provider="socketio",
            user=self._user(peer),
            query=dict(query) if isinstance(query, dict) else {},
            connection=peer,
        )
        return await self._registry.invoke(path, method, given, call)

    def _user(self, peer: _Peer) -> Row | None:
        row = self._kernel.users.find(peer.user_id)
        return None if row is None else public_user(row)


class _Peer:
    """One connection: who it is, when that ends, which rooms it hears."""

    def __init__(self, sockets: Sockets, sid: str, engine_sid: str) -> None:
        self._sockets = sockets
        self.sid = sid
        self.engine_sid = engine_sid
        self.user_id: str | None = None
        self.auth_result: dict[str, Any] | None = None
        self._rooms: set[str] = set()
        self._expiry: asyncio.TimerHandle | None = None

    def login(self, user_id: str, result: dict[str, Any], *, expires_at: float) -> None:
        self.forget_expiry()
        self.user_id = user_id
        self.auth_result = result
        left = expires_at - self._sockets._kernel.clock.time()
        self._expiry = asyncio.get_running_loop().call_later(max(0.0, left), self._sockets.kick, self)
        self._enter(_LOGGED_IN)

    def logout(self) -> None:
        self.forget_expiry()
        self.user_id = None
        self.auth_result = None
        for room in (_LOGGED_IN, *self._rooms):
            self._sockets.later(partial(self._sockets.server.leave_room, self.sid, room))
        self._rooms.clear()

    def join(self, session_id: str) -> None:
        self._rooms.add(_room(session_id))
        self._enter(_room(session_id))

    def leave(self, session_id: str) -> None:
        self._rooms.discard(_room(session_id))
        self._sockets.later(partial(self._sockets.server.leave_room, self.sid, _room(session_id)))

    def forget_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _enter(self, room: str) -> None:
        self._sockets.later(partial(self._sockets.server.enter_room, self.sid, room))


def _room(session_id: str) -> str:
    return f"session/{session_id}"

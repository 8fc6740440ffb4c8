"""The Socket.IO API: connections, expiring logins, calls and acks, outgoing events.

All outgoing packets go through one outbox in order, so that a caller gets its own events before its ack, and a
disconnect comes after earlier packets. The protocol is python-socketio's.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

import socketio
from engineio.packet import NOOP, Packet

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.events import Publication
from agor_reactive.daemon.faults import Fault, bad_request
from agor_reactive.daemon.peers import LOGGED_IN, SERVICES, Peer, owner_room, session_room
from agor_reactive.daemon.services.base import Call, Registry
from agor_reactive.daemon.user_directory import Identity, UserDirectory, public_user

__all__ = ["MAX_FRAME", "Sockets"]

MAX_FRAME = 1_000_000
_ARGUMENTS = {"find": 0, "get": 1, "remove": 1, "create": 1, "update": 2, "patch": 2}
_REFUSED = "Invalid or expired authentication token"
_REFUSED_DATA = {"code": 401, "className": "not-authenticated"}
_FAREWELL = 0.1
_AFTER_ANSWER = 0.02


class Sockets:
    """All connections of one daemon."""

    def __init__(self, context: DaemonContext, registry: Registry, user_directory: UserDirectory) -> None:
        self._context = context
        self._registry = registry
        self._user_directory = user_directory
        self._handshake = context.api.handshake
        self._peers: dict[str, Peer] = {}
        self._kicked: set[str] = set()
        self._outbox: asyncio.Queue[Callable[[], Awaitable[Any]]] = asyncio.Queue()
        self._pump: asyncio.Task[None] | None = None
        self._marks: set[asyncio.Future[None]] = set()
        self._background: set[asyncio.Task[Any]] = set()
        self._stopped = False
        # python-socketio logs whole packets at INFO: including prompts and keys. Its log records are dropped.
        silent = logging.getLogger("agor_reactive.daemon.silent")
        silent.setLevel(logging.CRITICAL + 1)
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            # Foreign origins are refused by the loopback guard, before this code.
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
        # Pings and running handlers are tasks of the library. They are cancelled here, or they would outlive the daemon
        # by a ping.
        self.server.eio.start_background_task = self._start_background_task
        self._engine_message = self.server.eio.handlers["message"]
        self._engine_disconnect = self.server.eio.handlers["disconnect"]
        self.server.eio.on("message", self._guarded_message)
        self.server.eio.on("disconnect", self._engine_gone)

    def start(self) -> None:
        self._pump = asyncio.get_running_loop().create_task(self._run_outbox(), name="daemon outbox")
        self._context.bus.deliver_to(self._deliver)
        if self._handshake:
            self._context.access_changed = self._kick_soon

    async def stop(self) -> None:
        """Close all remaining connections and end the outbox."""
        for peer in self._peers.values():
            peer.forget_expiry()
        engines = list(self.server.eio.sockets.values())
        for engine in engines:
            # Does not wait, because the library would wait for a writer that may have ended.
            await engine.close(wait=False, reason=self.server.reason.SERVER_DISCONNECT)
        loop = asyncio.get_running_loop()
        until = loop.time() + _FAREWELL
        # The library has no notification for an empty queue, so this polls.
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
        """Disconnect every connection on purpose (a namespace disconnect)."""
        self._kick_everybody()
        await self._flushed()

    def kick(self, peer: Peer) -> None:
        """Disconnect one connection, after all earlier packets to it."""
        peer.forget_expiry()
        self._outbox.put_nowait(partial(self._cut, peer))

    def kick_at(self, peer: Peer, when: float) -> asyncio.TimerHandle:
        """Disconnect the connection at a time, in epoch seconds."""
        left = when - self._context.clock.time()
        return asyncio.get_running_loop().call_later(max(0.0, left), self.kick, peer)

    def later(self, job: Callable[[], Awaitable[Any]]) -> None:
        """Queue an action in the outgoing order."""
        self._outbox.put_nowait(job)

    def _kick_soon(self) -> None:
        # The caller is disconnected, too, after its answer.
        asyncio.get_running_loop().call_later(_AFTER_ANSWER, self._kick_everybody)

    def _kick_everybody(self) -> None:
        for peer in self._all():
            self.kick(peer)

    def _all(self) -> list[Peer]:
        return list(self._peers.values())

    # ---- out -------------------------------------------------------------------------------------------------

    def _deliver(self, publication: Publication) -> None:
        self._outbox.put_nowait(partial(self._emit, publication))

    async def _emit(self, publication: Publication) -> None:
        await self.server.emit(publication.name, (publication.payload,), to=self._audience(publication))

    def _audience(self, publication: Publication) -> str | list[str] | None:
        """The rooms that receive an event; None is every socket. A socket in several rooms receives it once."""
        if publication.audience == "everyone":
            return None
        if publication.audience == "authenticated":
            return LOGGED_IN
        rooms = [session_room(str(publication.session_id)), SERVICES]
        session = self._context.sessions.find(publication.session_id)
        return rooms if session is None else [*rooms, owner_room(str(session.get("created_by")))]

    async def _cut(self, peer: Peer) -> None:
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
                # The peer is gone, or a relayed payload cannot be encoded: continue with the next packet.
                continue

    async def _flushed(self) -> None:
        """Wait until all packets queued so far are sent."""
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
                # Ends the writer, which closes the websocket itself, instead of requesting it from the peer.
                engine.queue.put_nowait(None)
                return
            self._kicked.discard(engine_sid)
        await self._engine_message(engine_sid, data)

    async def _engine_gone(self, engine_sid: str, reason: str) -> None:
        await self._engine_disconnect(engine_sid, reason)
        self._kicked.discard(engine_sid)
        engine = self.server.eio.sockets.get(engine_sid)
        if engine is not None:
            # A pending poll would wait for a minute: the library does not answer it when its peer disconnects.
            engine.queue.put_nowait(Packet(NOOP))

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        peer = Peer(self, sid, self.server.manager.eio_sid_from_sid(sid, "/"))
        peer.address = str(((environ.get("asgi.scope") or {}).get("client") or ("",))[0])
        identity = self._handshake_identity(str(environ.get("HTTP_AUTHORIZATION", "")), auth)
        self._peers[sid] = peer
        info = {"buildSha": "embedded", "builtAt": None}
        if self._handshake:
            info |= {"instanceId": "embedded", "bootId": self._context.boot_id}
        # On older versions the token is accepted, but the socket joins the channel of events only with a login.
        peer.identity = identity

        def greet() -> None:
            if self._handshake and identity is not None:
                peer.admit(identity)
            self.later(partial(self.server.emit, "server-info", (info,), to=sid))

        # After this handler has accepted the connection, or the greeting would overtake it.
        asyncio.get_running_loop().call_soon(greet)

    def _handshake_identity(self, header: str, auth: Any) -> Identity | None:
        """Identify the user of the handshake. Every failure raises the same refusal."""
        try:
            identity = self._user_directory.identify_handshake(header, auth)
        except Fault:
            pass
        else:
            if identity is not None or not self._handshake:
                return identity
        data = (_REFUSED_DATA,) if self._handshake else ()
        raise socketio.exceptions.ConnectionRefusedError(_REFUSED, *data)

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        peer = self._peers.pop(sid, None)
        if peer is not None:
            peer.forget_expiry()

    async def _call(self, method: str, sid: str, *args: Any) -> Any:
        peer = self._peers.get(sid)
        if method not in self._registry.methods or peer is None or not args or not isinstance(args[0], str):
            # Never acknowledged, as on the real wire.
            return self.server.not_handled
        if self._handshake and method == "create" and self._registry.keeps_rows(args[0]):
            return await self._answer_first(peer, method, args)
        answer = await self._answer(peer, method, args)
        await self._flushed()
        return answer

    async def _answer_first(self, peer: Peer, method: str, args: tuple[Any, ...]) -> Any:
        """Answer a plain create; its events come after the acknowledgement."""
        # Such creates do not await, so all held events are their own.
        with self._context.bus.held() as held:
            answer = await self._answer(peer, method, args)
        # The library writes the acknowledgement without giving up control in between.
        asyncio.get_running_loop().call_soon(self._context.bus.release, held)
        return answer

    async def _answer(self, peer: Peer, method: str, args: tuple[Any, ...]) -> Any:
        try:
            return (None, await self._invoke(peer, method, args[0], list(args[1:])))
        except Fault as fault:
            return fault.over_socket()
        except Exception as error:  # noqa: BLE001 - a failing service is answered as an error
            return {"stack": traceback.format_exc(limit=1), "message": str(error), "name": type(error).__name__}

    async def _invoke(self, peer: Peer, method: str, path: str, args: list[Any]) -> Any:
        own = _ARGUMENTS.get(method, 1)
        if len(args) > own + 1:
            raise bad_request(f"Too many arguments for '{method}' method")
        query = args[own] if len(args) > own else None
        given = args[:own] + [None] * (own - len(args[:own]))
        call = Call(
            provider="socketio",
            identity=self._identity(peer),
            query=dict(query) if isinstance(query, dict) else {},
            connection=peer,
            address=peer.address,
        )
        return await self._registry.invoke(path, method, given, call)

    def _identity(self, peer: Peer) -> Identity | None:
        """The caller's identity: with today's rules that of the handshake, before that the user's current row."""
        if peer.identity is None or self._handshake:
            return peer.identity
        row = self._context.users.find(peer.identity.user["user_id"])
        return None if row is None else replace(peer.identity, user=public_user(row))

"""The embedded daemon as a whole: puts the parts together, starts them in the caller's loop, stops them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import socketio

from agor_reactive.daemon.accounts import Accounts
from agor_reactive.daemon.agent import play
from agor_reactive.daemon.clock import Clock, Ids, WallClock
from agor_reactive.daemon.eras import ERAS, EraName
from agor_reactive.daemon.events import Bus
from agor_reactive.daemon.gate import Gate
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.recovery import Credentials, boot_number, mark_clean, plant, recover, signing_secret
from agor_reactive.daemon.rest import Rest
from agor_reactive.daemon.services.authentication import Authentication, AuthenticationRefresh
from agor_reactive.daemon.services.base import Registry
from agor_reactive.daemon.services.health import Health
from agor_reactive.daemon.services.messages import Messages, message_routes
from agor_reactive.daemon.services.places import Boards, Places, Repos, place_routes
from agor_reactive.daemon.services.rooms import SessionStreams
from agor_reactive.daemon.services.sessions import Sessions, session_routes
from agor_reactive.daemon.services.tasks import Tasks, task_routes
from agor_reactive.daemon.services.users import ApiKeys, Users
from agor_reactive.daemon.serving import Serving, listen
from agor_reactive.daemon.sockets import Sockets
from agor_reactive.daemon.store import Store
from agor_reactive.daemon.tokens import Tokens
from agor_reactive.daemon.turns import Turns

__all__ = ["EmbeddedDaemon"]


class EmbeddedDaemon:
    """An Agor-compatible daemon on loopback, in the caller's own event loop.

    `port` 0 lets the system choose. `db`: a file that outlives the daemon, or None for rows in memory. `era`: which
    generation of daemons to be ("branches" is June 2026, "worktrees" older, "session-streams" newer). `speed`
    multiplies the pace of the scripted agent, `seed` fixes what it says. `access_token_life` in seconds: when it is
    over the login is cut. `api_key`: the key to accept; None makes one up (a database that has one keeps it).
    `login_limit`: failed logins allowed in 15 minutes.

    ::

        async with EmbeddedDaemon() as daemon:
            client = create_client(daemon.url, api_key=daemon.api_key)

    After the start: `url`, `port`, `email`, `password`, `api_key` (the last two are None when an existing database
    knows them only as hashes), and `workspace_id`, the branch or worktree that sessions can be created in.
    Raises OSError when the port is taken, ValueError when `db` was made under an era with other words.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        db: str | Path | None = None,
        era: EraName = "branches",
        speed: float = 1.0,
        seed: int = 0,
        access_token_life: float = 900.0,
        api_key: str | None = None,
        password: str | None = None,
        login_limit: int = 200,
        clock: Clock | None = None,
    ) -> None:
        if era not in ERAS:
            raise ValueError(f"era is one of {', '.join(ERAS)}, not {era!r}")
        if speed <= 0 or access_token_life <= 0:
            raise ValueError("speed and access_token_life are greater than 0")
        self.era: EraName = era
        self._port = port
        self._db = db
        self._speed = speed
        self._seed = seed
        self._life = access_token_life
        self._wanted_key = api_key
        self._wanted_password = password
        self._login_limit = login_limit
        self._clock = clock or WallClock()
        self._running: _Running | None = None

    @property
    def url(self) -> str:
        return self._now_running.kernel.url

    @property
    def port(self) -> int:
        return self._now_running.port

    @property
    def api_key(self) -> str | None:
        return self._now_running.credentials.api_key

    @property
    def email(self) -> str:
        return self._now_running.credentials.email

    @property
    def password(self) -> str | None:
        return self._now_running.credentials.password

    @property
    def workspace_id(self) -> str:
        """The id of the branch (worktree) that was the oldest at the start. Like the rest, readable from any thread."""
        return self._now_running.workspace_id

    async def start(self) -> Self:
        """Listen. Idempotent while running."""
        if self._running is None:
            self._running = self._assemble()
            self._running.sockets.start()
            self._running.serving.begin()
        return self

    async def kick_all(self) -> None:
        """Cut every socket as a server does on purpose; the daemon goes on."""
        await self._now_running.sockets.kick_all()

    async def cut_all(self) -> None:
        """Drop every connection without a word, as a failing network does; the daemon goes on."""
        self._now_running.serving.drop()

    async def stop(self, *, graceful: bool = True) -> None:
        """End within a second. Graceful: sockets are cut on purpose first, and the next start knows it was in order.
        Otherwise connections just drop and the next start takes it for a crash.
        """
        running, self._running = self._running, None
        if running is None:
            return
        if graceful:
            await running.sockets.kick_all()
        else:
            running.serving.drop()
        await running.turns.close()
        await running.sockets.stop()
        await running.serving.end()
        if graceful:
            mark_clean(running.kernel.store, clean=True)
        running.kernel.store.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def _now_running(self) -> _Running:
        if self._running is None:
            raise RuntimeError("the daemon is not running: use it inside `async with EmbeddedDaemon() as daemon`")
        return self._running

    def _assemble(self) -> _Running:
        sock = listen(self._port)
        try:
            store = Store(self._db)
        except BaseException:
            sock.close()
            raise
        try:
            port = int(sock.getsockname()[1])
            kernel = self._kernel(store, f"http://127.0.0.1:{port}")
            accounts = Accounts(kernel, login_limit=self._login_limit)
            credentials = plant(kernel, accounts, api_key=self._wanted_key, password=self._wanted_password)
            recover(kernel)
            mark_clean(store, clean=False)
            turns = Turns(kernel, play)
            registry = _registry(kernel, turns, accounts)
            sockets = Sockets(kernel, registry, accounts)
            gate = Gate(socketio.ASGIApp(sockets.server), Rest(registry, accounts))
            workspace_id = str(kernel.places.all()[0][kernel.era.place_id])
            return _Running(port, kernel, credentials, turns, sockets, Serving(gate, sock), workspace_id)
        except BaseException:
            sock.close()
            store.close()
            raise

    def _kernel(self, store: Store, url: str) -> Kernel:
        era = ERAS[self.era]
        # Another start of the same database must not hand out the ids of the last one again.
        seed = f"{self._seed}/{boot_number(store, place=era.place)}"
        return Kernel(
            store=store,
            bus=Bus(rooms=era.rooms),
            clock=self._clock,
            ids=Ids(self._clock, Random(seed)),
            era=era,
            tokens=Tokens(signing_secret(store)),
            seed=str(self._seed),
            speed=self._speed,
            access_token_life=self._life,
            url=url,
        )


@dataclass(frozen=True)
class _Running:
    """Everything that exists only while the daemon runs."""

    port: int
    kernel: Kernel
    credentials: Credentials
    turns: Turns
    sockets: Sockets
    serving: Serving
    workspace_id: str


def _registry(kernel: Kernel, turns: Turns, accounts: Accounts) -> Registry:
    sessions, tasks, messages = Sessions(kernel, turns), Tasks(kernel, turns), Messages(kernel)
    repos, places = Repos(kernel), Places(kernel)
    registry = Registry(kernel.bus)
    registry.add(
        Health(kernel),
        Authentication(accounts),
        AuthenticationRefresh(accounts),
        Users(kernel, accounts),
        ApiKeys(kernel, accounts),
        Boards(kernel),
        sessions,
        tasks,
        messages,
        repos,
        places,
        *session_routes(kernel, turns, sessions),
        *task_routes(kernel, turns, tasks),
        *message_routes(kernel, messages),
        *place_routes(kernel, repos, places),
    )
    if kernel.era.rooms:
        registry.add(SessionStreams(kernel))
    return registry

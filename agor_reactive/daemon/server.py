"""The embedded daemon as a whole: puts the parts together, starts them in the caller's loop, stops them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self
from uuid import uuid4

import socketio

from agor_reactive.daemon.accounts import Accounts
from agor_reactive.daemon.agent import play
from agor_reactive.daemon.api_versions import API_VERSIONS, DEFAULT_API_VERSION, ApiVersionName
from agor_reactive.daemon.clock import Clock, Ids, WallClock
from agor_reactive.daemon.events import Bus
from agor_reactive.daemon.gate import Gate
from agor_reactive.daemon.issuer import Issuer
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.logins import Logins
from agor_reactive.daemon.recovery import Credentials, boot_number, mark_clean, plant, recover, signing_secret
from agor_reactive.daemon.rest import Rest
from agor_reactive.daemon.services.authentication import Authentication, AuthenticationRefresh
from agor_reactive.daemon.services.base import Registry, Service
from agor_reactive.daemon.services.health import Health
from agor_reactive.daemon.services.messages import Messages, Streaming
from agor_reactive.daemon.services.older_messages import MessagesBulk, OlderMessages
from agor_reactive.daemon.services.older_tasks import OlderTasks, TasksBulk
from agor_reactive.daemon.services.places import Boards, Places, Repos, place_routes
from agor_reactive.daemon.services.rooms import SessionStreams
from agor_reactive.daemon.services.session_routes import session_routes
from agor_reactive.daemon.services.sessions import Sessions
from agor_reactive.daemon.services.tasks import Tasks, task_routes
from agor_reactive.daemon.services.users import ApiKeys, Me, Users
from agor_reactive.daemon.serving import Serving, listen
from agor_reactive.daemon.sockets import Sockets
from agor_reactive.daemon.stops import Stops
from agor_reactive.daemon.store import Store
from agor_reactive.daemon.tokens import Tokens
from agor_reactive.daemon.turns import Turns

__all__ = ["EmbeddedDaemon"]


class EmbeddedDaemon:
    """An Agor-compatible daemon on loopback, in the caller's own event loop.

    `port` 0 lets the system choose. `db`: a file that outlives the daemon, or None for rows in memory. `api_version`:
    which rules to follow ("handshake" is today's, "branches" June 2026's, "worktrees" older). `speed` multiplies the
    pace of the scripted agent, `seed` fixes what it says. `access_token_life` in seconds: afterwards the token is
    refused, and before "handshake" the socket that logged in with it is cut. `api_key`: the key to accept; None makes
    one up (a database that has one keeps it). `login_limit`: logins allowed in 15 minutes (None: 50; before
    "handshake" 200, failed ones only). `page_limit`: most rows of one find of messages; older versions answer all.

    ::

        async with EmbeddedDaemon() as daemon:
            client = create_client(daemon.url, api_key=daemon.api_key)

    After the start: `url`, `port`, `email`, `password`, `api_key` (the last two are None when an existing database
    knows them only as hashes), and `workspace_id`, the branch or worktree that sessions can be created in.
    Raises OSError when the port is taken, ValueError when `db` was made under an API version with other words.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        db: str | Path | None = None,
        api_version: ApiVersionName = DEFAULT_API_VERSION,
        speed: float = 1.0,
        seed: int = 0,
        access_token_life: float = 900.0,
        api_key: str | None = None,
        password: str | None = None,
        login_limit: int | None = None,
        page_limit: int = 1000,
        clock: Clock | None = None,
    ) -> None:
        if api_version not in API_VERSIONS:
            raise ValueError(f"api_version is one of {', '.join(API_VERSIONS)}, not {api_version!r}")
        if speed <= 0 or access_token_life <= 0 or page_limit <= 0:
            raise ValueError("speed, access_token_life and page_limit are greater than 0")
        self.api_version: ApiVersionName = api_version
        self._port = port
        self._db = db
        self._speed = speed
        self._seed = seed
        self._life = access_token_life
        self._wanted_key = api_key
        self._wanted_password = password
        self._login_limit = API_VERSIONS[api_version].login_limit if login_limit is None else login_limit
        self._page_limit = page_limit
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

    @property
    def service_token(self) -> str | None:
        """A token that may do what executors do (stream events, patch tasks), for tests. None before "handshake"."""
        return self._now_running.service_token

    @property
    def logins(self) -> int:
        """How many logins succeeded since the start, refreshes not counted."""
        return self._now_running.logins.succeeded

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

    async def revoke_tokens(self) -> None:
        """Make every access and refresh token issued so far void, and cut every socket; key and password still work."""
        self._now_running.issuer.revoke()
        await self.kick_all()

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
        running.stops.close()
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
            issuer = Issuer(kernel)
            accounts = Accounts(kernel, issuer)
            logins = Logins(kernel, accounts, issuer, limit=self._login_limit)
            credentials = plant(kernel, accounts, api_key=self._wanted_key, password=self._wanted_password)
            recover(kernel)
            mark_clean(store, clean=False)
            turns = Turns(kernel, play)
            stops = Stops(turns)
            registry = Registry(kernel)
            registry.add(*_services(kernel, turns, stops), *_user_services(kernel, accounts, logins))
            sockets = Sockets(kernel, registry, accounts)
            rest = Rest(registry, accounts, handshake=kernel.api.handshake)
            return _Running(
                port=port,
                kernel=kernel,
                credentials=credentials,
                issuer=issuer,
                logins=logins,
                turns=turns,
                stops=stops,
                sockets=sockets,
                serving=Serving(Gate(socketio.ASGIApp(sockets.server), rest), sock),
                workspace_id=str(kernel.places.all()[0][kernel.api.place_id]),
                service_token=issuer.service(kernel.users.all()[0]) if kernel.api.handshake else None,
            )
        except BaseException:
            sock.close()
            store.close()
            raise

    def _kernel(self, store: Store, url: str) -> Kernel:
        api = API_VERSIONS[self.api_version]
        # Another start of the same database must not hand out the ids of the last one again.
        seed = f"{self._seed}/{boot_number(store, place=api.place)}"
        return Kernel(
            store=store,
            bus=Bus(handshake=api.handshake),
            clock=self._clock,
            ids=Ids(self._clock, Random(seed)),
            api=api,
            tokens=Tokens(signing_secret(store)),
            seed=str(self._seed),
            speed=self._speed,
            access_token_life=self._life,
            page_limit=self._page_limit,
            boot_id=str(uuid4()),
            url=url,
        )


@dataclass(frozen=True)
class _Running:
    """Everything that exists only while the daemon runs."""

    port: int
    kernel: Kernel
    credentials: Credentials
    issuer: Issuer
    logins: Logins
    turns: Turns
    stops: Stops
    sockets: Sockets
    serving: Serving
    workspace_id: str
    service_token: str | None


def _services(kernel: Kernel, turns: Turns, stops: Stops) -> list[Service]:
    sessions, repos, places = Sessions(kernel, turns), Repos(kernel), Places(kernel)
    return [
        Health(kernel),
        Boards(kernel),
        sessions,
        repos,
        places,
        Streaming(kernel, "messages"),
        Streaming(kernel, "tasks"),
        *(_todays_rows(kernel, turns) if kernel.api.handshake else _older_rows(kernel, turns)),
        *session_routes(kernel, turns, stops, sessions),
        *task_routes(kernel, turns),
        *place_routes(kernel, repos, places),
    ]


def _todays_rows(kernel: Kernel, turns: Turns) -> list[Service]:
    return [Messages(kernel), Tasks(kernel, turns), SessionStreams(kernel)]


def _older_rows(kernel: Kernel, turns: Turns) -> list[Service]:
    messages, tasks = OlderMessages(kernel), OlderTasks(kernel, turns)
    return [messages, MessagesBulk(messages), tasks, TasksBulk(tasks)]


def _user_services(kernel: Kernel, accounts: Accounts, logins: Logins) -> list[Service]:
    return [
        Authentication(kernel, logins),
        AuthenticationRefresh(kernel, logins),
        Users(kernel, accounts),
        ApiKeys(kernel, accounts),
        *([Me()] if kernel.api.handshake else []),
    ]

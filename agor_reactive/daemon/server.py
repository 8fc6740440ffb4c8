"""The embedded daemon: assembles the parts, starts them in the caller's loop, and stops them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Self
from uuid import uuid4

import socketio

from agor_reactive.daemon.agent import play
from agor_reactive.daemon.api_versions import API_VERSIONS, DEFAULT_API_VERSION, ApiVersionName
from agor_reactive.daemon.clock import Clock, Ids, WallClock
from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.events import Bus
from agor_reactive.daemon.issuer import Issuer
from agor_reactive.daemon.logins import Logins
from agor_reactive.daemon.loopback_guard import LoopbackGuard
from agor_reactive.daemon.rest import Rest
from agor_reactive.daemon.services.authentication import Authentication, AuthenticationRefresh
from agor_reactive.daemon.services.base import Registry, Route, Service
from agor_reactive.daemon.services.health import Health
from agor_reactive.daemon.services.messages import Messages, Streaming
from agor_reactive.daemon.services.older_messages import OlderMessages
from agor_reactive.daemon.services.older_tasks import OlderTasks
from agor_reactive.daemon.services.places import Boards, Places, Repos, place_routes
from agor_reactive.daemon.services.rooms import SessionStreams
from agor_reactive.daemon.services.session_routes import session_routes
from agor_reactive.daemon.services.sessions import Sessions
from agor_reactive.daemon.services.tasks import Tasks, task_routes
from agor_reactive.daemon.services.users import ApiKeys, Users, whoami
from agor_reactive.daemon.serving import Serving
from agor_reactive.daemon.sockets import Sockets
from agor_reactive.daemon.startup import Credentials, boot_number, mark_clean, plant, recover, signing_secret
from agor_reactive.daemon.stops import Stops
from agor_reactive.daemon.store import Store
from agor_reactive.daemon.task_runner import TaskRunner
from agor_reactive.daemon.tokens import Tokens
from agor_reactive.daemon.user_directory import UserDirectory
from agor_reactive.transport.listening import listen
from agor_reactive.transport.own_daemons import serve_here

__all__ = ["EmbeddedDaemon"]


class EmbeddedDaemon:
    """An Agor-compatible daemon on loopback, in the caller's event loop.

    `port` 0 lets the system choose. `db`: a file that outlives the daemon, or None for rows in memory; only its owner
    may read it and the signing secret beside it (``<db>-secret``). `api_version`:
    which rules to follow ("handshake" is today's, "branches" June 2026's, "worktrees" older). `speed` multiplies the
    pace of the scripted agent, `seed` fixes its replies. `access_token_life` in seconds: afterwards the token is
    refused, and before "handshake" its socket is disconnected. `api_key`: the key to accept; None generates one (an
    existing database keeps its own). `login_limit`: logins allowed in 15 minutes (None: 50; before "handshake" 200,
    failed ones only). `page_limit`: the most rows of one find of messages; older versions return all.

    ::

        async with EmbeddedDaemon() as daemon:
            client = create_client(daemon.url, api_key=daemon.api_key)

    After the start: `url`, `port`, `email`, `password`, `api_key` (the last two are None when an existing database
    knows them only as hashes), and `workspace_id`, the branch or worktree for new sessions. Raises OSError when the
    port is taken, ValueError when `db` was created by an API version with other names.
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
        self._unserve: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return self._now_running.context.url

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
        """The id of the oldest branch (worktree) at the start. Readable from any thread, like the other attributes."""
        return self._now_running.workspace_id

    @property
    def service_token(self) -> str | None:
        """A token with the rights of executors (stream events, patch tasks), for tests. None before "handshake"."""
        return self._now_running.service_token

    @property
    def logins(self) -> int:
        """The number of successful logins since the start, without refreshes."""
        return self._now_running.logins.succeeded

    async def start(self) -> Self:
        """Listen. Idempotent while running."""
        if self._running is None:
            self._running = self._assemble()
            self._running.sockets.start()
            self._running.serving.begin()
            self._unserve = serve_here(self._running.port)
        return self

    async def kick_all(self) -> None:
        """Disconnect every socket with a server-side disconnect. The daemon keeps running."""
        await self._now_running.sockets.kick_all()

    async def revoke_tokens(self) -> None:
        """Revoke all access and refresh tokens issued so far, and disconnect every socket; key and password still
        work."""
        self._now_running.issuer.revoke()
        await self.kick_all()

    async def cut_all(self) -> None:
        """Drop every connection without a closing message, like a network failure. The daemon keeps running."""
        self._now_running.serving.drop()

    async def stop(self, *, graceful: bool = True) -> None:
        """Stop within a second. Graceful: sockets are disconnected first, and the next start sees a clean shutdown.
        Otherwise connections drop and the next start treats it as a crash.
        """
        running, self._running = self._running, None
        if running is None:
            return
        self._unserve()
        if graceful:
            await running.sockets.kick_all()
        else:
            running.serving.drop()
        running.stops.close()
        await running.task_runner.close()
        await running.sockets.stop()
        await running.serving.end()
        if graceful:
            mark_clean(running.context.store, clean=True)
        running.context.store.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
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
            context = self._context(store, f"http://127.0.0.1:{port}")
            issuer = Issuer(context)
            user_directory = UserDirectory(context, issuer)
            logins = Logins(context, user_directory, issuer, limit=self._login_limit)
            credentials = plant(context, user_directory, api_key=self._wanted_key, password=self._wanted_password)
            recover(context)
            mark_clean(store, clean=False)
            task_runner = TaskRunner(context, play)
            stops = Stops(task_runner)
            registry = self._registry(context)
            registry.add(*_services(context, task_runner, stops), *_user_services(context, user_directory, logins))
            sockets = Sockets(context, registry, user_directory)
            rest = Rest(registry, user_directory, handshake=context.api.handshake)
            return _Running(
                port=port,
                context=context,
                credentials=credentials,
                issuer=issuer,
                logins=logins,
                task_runner=task_runner,
                stops=stops,
                sockets=sockets,
                serving=Serving(LoopbackGuard(socketio.ASGIApp(sockets.server), rest), sock),
                workspace_id=str(context.places.all()[0][context.api.place_id]),
                service_token=issuer.service(context.users.all()[0]) if context.api.handshake else None,
            )
        except BaseException:
            sock.close()
            store.close()
            raise

    def _registry(self, context: DaemonContext) -> Registry:
        return Registry(context)

    def _context(self, store: Store, url: str) -> DaemonContext:
        api = API_VERSIONS[self.api_version]
        # A restart with the same database must not create the ids of the last run again.
        seed = f"{self._seed}/{boot_number(store, place=api.place)}"
        return DaemonContext(
            store=store,
            bus=Bus(handshake=api.handshake),
            clock=self._clock,
            ids=Ids(self._clock, Random(seed)),
            api=api,
            tokens=Tokens(signing_secret(store, self._db)),
            seed=str(self._seed),
            speed=self._speed,
            access_token_life=self._life,
            page_limit=self._page_limit,
            boot_id=str(uuid4()),
            url=url,
        )


@dataclass(frozen=True)
class _Running:
    """The parts that exist only while the daemon runs."""

    port: int
    context: DaemonContext
    credentials: Credentials
    issuer: Issuer
    logins: Logins
    task_runner: TaskRunner
    stops: Stops
    sockets: Sockets
    serving: Serving
    workspace_id: str
    service_token: str | None


def _services(context: DaemonContext, task_runner: TaskRunner, stops: Stops) -> list[Service]:
    sessions, repos, places = Sessions(context, task_runner), Repos(context), Places(context)
    return [
        Health(context),
        Boards(context),
        sessions,
        repos,
        places,
        Streaming(context, "messages"),
        Streaming(context, "tasks"),
        *(_todays_rows(context, task_runner) if context.api.handshake else _older_rows(context, task_runner)),
        *session_routes(context, task_runner, stops, sessions),
        *task_routes(context, task_runner),
        *place_routes(context, repos, places),
    ]


def _todays_rows(context: DaemonContext, task_runner: TaskRunner) -> list[Service]:
    return [Messages(context), Tasks(context, task_runner), SessionStreams(context)]


def _older_rows(context: DaemonContext, task_runner: TaskRunner) -> list[Service]:
    messages, tasks = OlderMessages(context), OlderTasks(context, task_runner)
    return [
        messages,
        Route("messages/bulk", create=messages.createMany, many=True),
        tasks,
        Route("tasks/bulk", create=tasks.create_bulk, many=True),
    ]


def _user_services(context: DaemonContext, user_directory: UserDirectory, logins: Logins) -> list[Service]:
    return [
        Authentication(context, logins),
        AuthenticationRefresh(context, logins),
        Users(context, user_directory),
        ApiKeys(context, user_directory),
        *([Route("api/v1/user/me", find=whoami)] if context.api.handshake else []),
    ]

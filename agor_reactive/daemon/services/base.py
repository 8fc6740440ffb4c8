"""The base of services: a path, its methods, and the dispatch of calls.

A service offers exactly the standard methods that its class defines, plus those named in `custom`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.encodable import encodable
from agor_reactive.daemon.faults import (
    bad_request,
    forbidden,
    method_not_allowed,
    not_authenticated,
    not_found,
)
from agor_reactive.daemon.queries import refuse_endless
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.user_directory import Identity

__all__ = ["STANDARD_METHODS", "Call", "Connection", "Registry", "Resolved", "Route", "Service", "refuse_no_text"]

STANDARD_METHODS = ("find", "get", "create", "update", "patch", "remove")
_TAKES_ID = frozenset({"get", "update", "patch", "remove"})
_TAKES_DATA = frozenset({"create", "update", "patch"})


class Connection(Protocol):
    """The interface of a call's socket for services."""

    @property
    def auth_result(self) -> dict[str, Any] | None: ...

    def login(self, identity: Identity, result: dict[str, Any]) -> None: ...

    def logout(self) -> None: ...

    def join(self, session_id: str) -> None: ...

    def leave(self, session_id: str) -> None: ...

    def announce_capability(self) -> None: ...


@dataclass
class Call:
    """The caller, its address, transport and query of a call; `route` holds the values of a route's `:id`."""

    provider: Literal["socketio", "rest"]
    identity: Identity | None = None
    query: dict[str, Any] = field(default_factory=dict)
    connection: Connection | None = None
    address: str = ""
    route: dict[str, str] = field(default_factory=dict)

    @property
    def user(self) -> Row | None:
        return None if self.identity is None else self.identity.user

    @property
    def service(self) -> bool:
        """Whether the caller has the rights of executors."""
        return self.identity is not None and self.identity.service

    @property
    def user_id(self) -> str:
        if self.user is None:
            raise not_authenticated()
        return str(self.user["user_id"])


class Service:
    """The base of all services. `path` may contain `:id`; then every create is announced as `<path> created`."""

    path: str = ""
    custom: ClassVar[tuple[str, ...]] = ()
    open: ClassVar[bool] = False
    """Needs no login."""
    announces: bool = False
    """A create is announced under the service's path, without a twin event."""
    many: bool = False
    """A create accepts a list of rows, too."""
    keeps_rows: ClassVar[bool] = False
    """A create stores a row. With today's rules its event comes after the caller's acknowledgement."""

    def method(self, name: str) -> Callable[..., Any] | None:
        if name in STANDARD_METHODS or name in self.custom:
            found: Callable[..., Any] | None = getattr(self, name, None)
            return found
        return None


class Route(Service):
    """A service of one or two methods, given as functions. `many` and `announces` as in `Service`."""

    def __init__(
        self,
        path: str,
        *,
        find: Callable[..., Any] | None = None,
        create: Callable[..., Any] | None = None,
        announces: bool = True,
        many: bool = False,
    ) -> None:
        self.path = path
        self.announces = announces
        self.many = many
        self.find = find
        self.create = create


@dataclass(frozen=True)
class Resolved:
    """A service found under a concrete path."""

    service: Service
    route: dict[str, str]


class Registry:
    """All services by path, and the dispatch of calls."""

    def __init__(self, context: DaemonContext) -> None:
        self._bus = context.bus
        self._handshake = context.api.handshake
        self._plain: dict[str, Service] = {}
        self._routes: list[tuple[list[str], Service]] = []
        self.methods: set[str] = set(STANDARD_METHODS)

    def add(self, *services: Service) -> None:
        for service in services:
            self.methods.update(service.custom)
            if ":" in service.path:
                self._routes.append((service.path.split("/"), service))
            else:
                self._plain[service.path] = service

    def resolve(self, path: str) -> Resolved | None:
        """Find the service of a concrete path, with or without outer slashes."""
        path = path.strip("/")
        plain = self._plain.get(path)
        if plain is not None:
            return Resolved(plain, {})
        parts = path.split("/")
        for template, service in self._routes:
            if len(template) == len(parts) and all(t in (":id", p) for t, p in zip(template, parts, strict=True)):
                return Resolved(service, {"id": next(p for t, p in zip(template, parts, strict=True) if t == ":id")})
        return None

    def keeps_rows(self, path: str) -> bool:
        """Whether a create there stores a row."""
        found = self.resolve(path)
        return found is not None and found.service.keeps_rows

    async def invoke(self, path: str, method: str, args: list[Any], call: Call) -> Any:
        """Make one call. `args` are the method's own, without the query. Raises Fault, and exceptions of the
        service."""
        path, args, call = encodable(path), encodable(args), replace(call, query=encodable(call.query))
        found = self.resolve(path)
        if found is None:
            raise not_found(f"Service '{path.strip('/')}' not found")
        service = found.service
        handler = service.method(method)
        if handler is None:
            raise method_not_allowed(f"Method '{method}' not allowed on service '{path.strip('/')}'")
        if not service.open and call.user is None:
            raise not_authenticated()
        _refuse_unfit(service, method, args)
        if call.user is not None and not service.open and (self._handshake or call.provider == "socketio"):
            _demand_new_password(service, args, call)
        refuse_endless(call.query)
        call.route = found.route
        result = handler(*args, call)
        if isinstance(result, Awaitable):
            result = await result
        if service.announces and method == "create":
            for item in result if isinstance(result, list) else [result]:
                self._bus.route(service.path, item)
        return result


def _refuse_unfit(service: Service, method: str, args: list[Any]) -> None:
    if method in _TAKES_ID and (not args or (args[0] is None and method in ("get", "update"))):
        raise bad_request(f"id for '{method}' can not be undefined")
    if method not in _TAKES_DATA and method not in service.custom:
        return
    data = args[-1] if args else None
    unfit = bad_request(f"A data object must be provided to the '{method}' method")
    if isinstance(data, list):
        if method == "update":
            raise bad_request("You can not replace multiple instances. Did you mean 'patch'?")
        if method == "create" and not service.many and service.method("find") is not None:
            raise method_not_allowed("Can not create multiple entries")
        if method == "patch" or (method == "create" and not service.many):
            raise unfit
        if not all(isinstance(item, dict) for item in data):
            raise bad_request(f"Every item of the list given to '{method}' must be an object")
    elif method in _TAKES_DATA and not isinstance(data, dict):
        raise unfit


def refuse_no_text(data: Row, *names: str) -> None:
    """Check that fields hold text or null: other values would break later readers of the row."""
    for name in names:
        if data.get(name) is not None and not isinstance(data[name], str):
            raise bad_request(f"{name} must be a string")


def _demand_new_password(service: Service, args: list[Any], call: Call) -> None:
    user = call.user
    if user is None or not user.get("must_change_password"):
        return
    if service.path == "users" and args and args[0] == user["user_id"]:
        return
    raise forbidden(
        "Password change required. Please update your password.",
        {"code": "PASSWORD_CHANGE_REQUIRED", "user_id": user["user_id"]},
    )

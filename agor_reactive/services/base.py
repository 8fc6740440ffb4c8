"""The base of all services: reads and writes of rows, any method by its name, and events.

The type parameters are the kind of surface (`calls.surface`), the row, and the payloads of `create` and `patch`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from agor_reactive.calls import operations as op
from agor_reactive.calls import paging
from agor_reactive.calls.answers import model_of, row_of
from agor_reactive.calls.arguments import callback as checked_callback
from agor_reactive.calls.drivers import Driver
from agor_reactive.calls.effects import Operation
from agor_reactive.calls.progress import Progress, reporting_rows
from agor_reactive.calls.queries import query_of
from agor_reactive.calls.raw import RawDriver
from agor_reactive.calls.surface import (
    Async,
    Kind,
    OperationMethod,
    RawAsync,
    RawSync,
    Surface,
    Sync,
    WithEvents,
    operation,
    paged,
)
from agor_reactive.errors import UsageError
from agor_reactive.models import Page
from agor_reactive.services.known import check_event, check_fields, is_known, unknown_method
from agor_reactive.transport.codec import service_path

__all__ = ["Deliver", "JsonData", "Listen", "Query", "Service", "passthrough"]

R = TypeVar("R")
C = TypeVar("C")
U = TypeVar("U")
P = ParamSpec("P")
Query = Mapping[str, Any]
JsonData = Mapping[str, Any]
Listen = Callable[[str, str, Callable[[Any], Any]], Callable[[], None]]
Deliver = Callable[[Callable[[], Any]], Any]
"""Schedules a call elsewhere: ``executor.submit``, ``queue.put``, ``root.after_idle``,
``loop.call_soon_threadsafe``."""

_ROW_EVENTS = frozenset({"created", "patched", "updated", "removed", "queued"})
_WITHOUT_SERVICE = frozenset({"repo:cloneError"})
"""Events that daemons send without a service name."""


class _WithRawResponse:
    """The property of a service whose methods return a `RawResponse`."""

    @overload
    def __get__(self, service: None, owner: Any = None) -> _WithRawResponse: ...
    @overload
    def __get__(self, service: Service[Sync, R, C, U], owner: Any = None) -> Service[RawSync, R, C, U]: ...
    @overload
    def __get__(self, service: Service[Async, R, C, U], owner: Any = None) -> Service[RawAsync, R, C, U]: ...
    def __get__(self, service: Any, owner: Any = None) -> Any:
        if service is None:
            return self
        if service._listen is not None:
            raise UsageError("a live connection has no HTTP responses; use a REST client (create_rest_client)")
        driver = service._driver
        return type(service)(service.path, driver if isinstance(driver, RawDriver) else RawDriver(driver))


def passthrough(method: str, path: str) -> Callable[[Callable[Concatenate[Any, P], Any]], OperationMethod[Any, P]]:
    """Make a method of a service that passes its arguments on, from a declaration without a body.

    Its arguments are an id for each ``:id`` of `path`, then the body (`JsonData`), if the daemon takes one. Of a body
    nothing is known: it is sent as given, and the docstring says so.
    """
    template = path.split("/")

    def decorate(declared: Callable[Concatenate[Any, P], Any]) -> OperationMethod[Any, P]:
        signature = inspect.signature(declared)

        @wraps(declared)
        def operation(*args: Any, **kwargs: Any) -> Operation[Any]:
            return call(signature.bind(*args, **kwargs).arguments)

        def call(given: Mapping[str, Any]) -> Operation[Any]:
            ids = (given[name] for name in signature.parameters if name.endswith("_id"))
            route = op.route(*(next(ids) if part == ":id" else part for part in template))
            body = () if method == "find" else (dict(given.get("data") or {}),)
            return (yield from op.request(method, route, body))

        if "data" in signature.parameters:
            operation.__doc__ = f"{declared.__doc__}\n\nThe body is undocumented and passed through as given."
        return OperationMethod(operation)

    return decorate


class Service(Surface[Kind], Generic[Kind, R, C, U]):
    """One service of the daemon. Known paths answer with typed rows, others with frozen JSON.

    Every method takes `timeout`, in seconds, for each request it makes, and `max_retries`, how often each is repeated
    (0: never); None is the client's default. A call is repeated only where that cannot carry it out twice: reads, and
    calls that the daemon refused before it did anything (429, and 503 with a pause to wait). Cancelling a call, or
    breaking out of `iterate`, frees everything on the client; a write that has reached the daemon continues there.
    """

    def __init__(self, path: str, driver: Driver, listen: Listen | None = None) -> None:
        super().__init__(driver)
        self.path = service_path(path)
        self._listen = listen
        self._listeners: list[tuple[str, Callable[[Any], Any], Callable[[], None]]] = []

    with_raw_response = _WithRawResponse()
    """The same service over REST, whose methods return a `RawResponse`: the result with status, headers and body."""

    # ---- rows ----

    @operation
    def find(
        self, query: Query | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Page[R]]:
        """Find the matching rows, in the daemon's order.

        The query is sent as it is, and daemons differ in what they apply: sessions and tasks refuse operators (``$in``,
        ``$ne``) with a `BadRequest` and drop unknown fields silently; tasks of one session come by creation in June
        2026, regardless of ``$sort``. A page may be shorter than ``$limit``: since August 2026 messages come in pages
        of 100, at most 1,000 (`Page.limit`, `Page.total`). Over REST, conditions on numbers, booleans and null, which
        match no message in June, raise `UsageError`. A few services answer with a single object; then that is the
        result.

        Rows are checked against the ids, text and booleans of the query, since some daemons drop filters over REST when
        the caller uses an API key. There, pages are read from the first until this one is complete; `ProtocolError`
        when 100 pages do not suffice.

        ``$in`` takes any collection of values; an empty one gives an empty page without a call. ``$in`` of more than
        100 values is split over several calls whose rows make one page, sorted and cut here; above 10,000 values it
        raises `UsageError`.
        """
        page: Page[R] = yield from paging.find(self.path, query_of(query), self._driver.filters)
        return page

    @operation
    def find_all(
        self,
        query: Query | None = None,
        *,
        page_size: int = 1_000,
        on_page: paging.OnPage | None = None,
        progress: Progress = False,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[tuple[R, ...]]:
        """Find every matching row once, page by page; sorted here if the query has ``$sort``.

        ``$limit`` in the query is the page size, ``$skip`` the first row. `on_page` is called after each page with the
        number of rows so far and the expected number (None while unknown). With `progress`, a bar in the terminal or
        the notebook's cell shows them; a function gets them as a line. Messages and tasks of one session are read
        by id ranges where the daemon offers them, and checked by a second walk over the ids alone. Raises
        `ProtocolError` when the daemon counts more rows than it returns, `UsageError` where it does not give access to
        all: older daemons end at 20,000 rows of a query.
        """
        with reporting_rows(progress, self.path, on_page) as report:
            rows: tuple[R, ...] = yield from paging.find_all(
                self.path, query_of(query), page_size, report, self._driver.filters
            )
        return rows

    @paged
    def iterate(
        self,
        query: Query | None = None,
        *,
        page_size: int = 1_000,
        on_page: paging.OnPage | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> paging.Walk[R]:
        """Iterate over the rows of `find_all`, with one page in memory: with `for`, or `async for` on async clients.

        Pages begin at a value where the order allows (one ``$sort`` field that holds text, on a daemon that applies
        operators), else at the last row of the previous page. Rows created or removed meanwhile hide no other row; no
        row comes twice. Raises as `find_all` does, after the rows already read.
        """
        return paging.Walk(self.path, query_of(query), page_size, on_page, self._driver.filters)

    @operation
    def get(
        self, row_id: str, query: Query | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[R]:
        """Get one row. Sessions, tasks and boards also accept a unique id prefix; `AmbiguousId` lists the matches."""
        row: R = yield from op.request("get", self.path, (row_id,), query)
        return row

    @operation
    def create(
        self,
        data: C | Mapping[str, Any],
        query: Query | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[R]:
        """Create a row. Raises `UsageError` for a field that rows of a documented service do not have."""
        check_fields("create", self.path, data)
        row: R = yield from op.request("create", self.path, (data,), query)
        return row

    @operation
    def create_many(
        self, rows: Sequence[C | Mapping[str, Any]], *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[tuple[R, ...]]:
        """Create many rows in one call, where the service allows it. An empty list makes no call."""
        check_fields("create", self.path, rows)
        made: tuple[R, ...] = yield from op.create_many(self.path, rows)
        return made

    @operation
    def update(
        self,
        row_id: str,
        data: C | Mapping[str, Any],
        query: Query | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[R]:
        """Replace a row."""
        check_fields("update", self.path, data)
        row: R = yield from op.request("update", self.path, (row_id, data), query)
        return row

    @operation
    def patch(
        self,
        row_id: str | None,
        data: U | Mapping[str, Any],
        query: Query | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[R]:
        """Change some fields of a row; with id None, of every row that matches the query, where that is allowed."""
        check_fields("patch", self.path, data)
        row: R = yield from op.request("patch", self.path, (row_id, data), query)
        return row

    @operation
    def remove(
        self,
        row_id: str | None,
        query: Query | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[R]:
        """Remove a row. Returns the removed row."""
        row: R = yield from op.request("remove", self.path, (row_id,), query)
        return row

    @operation
    def call(
        self,
        method: str,
        data: Any = None,
        query: Query | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Any]:
        """Call any method by its wire name (`findByTask`). Custom methods need a live client: `UsageError` over REST.

        A daemon never answers a method that it does not know: the call ends with the timeout.
        """
        return (yield from op.custom(method, self.path, data, query))

    # ---- events ----

    def on(
        self: Service[WithEvents, R, C, U],
        event: str,
        callback: Callable[[Any], Any],
        *,
        deliver: Deliver | None = None,
        unchecked: bool = False,
    ) -> Callable[[], None]:
        """Call `callback` with the payload of every such event (a typed row, where there is one). Returns the undo.

        Raises `UsageError` for an event that a known service does not have, unless `unchecked`.

        It is called on the client's loop, in order of arrival, or by `deliver`. An exception there is reported and
        affects no other listener.
        """
        if self._listen is None:
            raise UsageError("REST has no events; use a live client (create_client)")
        self._driver.check_loop()
        if not unchecked:
            check_event(self.path, event)
        if deliver is None:
            checked_callback(callback)
        model = model_of(self.path) if event in _ROW_EVENTS else None

        def notify(payload: Any) -> Any:
            row = row_of(model, payload)
            return callback(row) if deliver is None else deliver(lambda: callback(row))

        undo = self._listen("" if event in _WITHOUT_SERVICE else self.path, event, notify)
        entry = (event, callback, undo)
        self._listeners.append(entry)

        def leave() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)
            undo()

        return leave

    def off(self: Service[WithEvents, R, C, U], event: str, callback: Callable[[Any], Any] | None = None) -> None:
        """Stop calling `callback` (or every callback) for `event`. Unknown callbacks change nothing."""
        self._driver.check_loop()
        for entry in tuple(self._listeners):
            if entry[0] == event and callback in (None, entry[1]):
                self._listeners.remove(entry)
                entry[2]()

    if not TYPE_CHECKING:  # hidden from type checkers, so that they report misspelled methods

        def __getattr__(self, name: str) -> Any:
            """Return a custom method of a service that is not known: ``find_by_range`` calls `findByRange`. Type
            checkers see `call` instead. Raises `UnknownMethod` for a known service."""
            if name.startswith("_") or "path" not in vars(self):
                raise AttributeError(name)
            if is_known(self.path):
                methods = [known for known in dir(type(self)) if not known.startswith("_")]
                raise unknown_method(self.path, name, methods)
            head, *rest = name.split("_")
            method = head + "".join(part[:1].upper() + part[1:] for part in rest)

            def custom(
                data: Any = None,
                query: Query | None = None,
                *,
                timeout: float | None = None,
                max_retries: int | None = None,
            ) -> Any:
                return self.call(method, data, query, timeout=timeout, max_retries=max_retries)

            return custom

    def __repr__(self) -> str:
        return f"<service {self.path}>"

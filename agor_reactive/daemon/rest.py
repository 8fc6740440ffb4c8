"""The REST API: the services under their paths, with HTTP methods and the real daemon's status codes."""

from __future__ import annotations

import asyncio
import html
import json
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from agor_reactive.daemon.faults import (
    DomainFault,
    Fault,
    FeathersFault,
    RateLimited,
    method_not_allowed,
    not_authenticated,
)
from agor_reactive.daemon.loopback_guard import Receive, Scope, Send
from agor_reactive.daemon.query_strings import parse_query
from agor_reactive.daemon.services.base import Call, Registry
from agor_reactive.daemon.tokens import KEY_PREFIX
from agor_reactive.daemon.user_directory import Identity, UserDirectory

__all__ = ["MAX_BODY", "Rest"]

MAX_BODY = 10 * 1024 * 1024
BODY_TIME = 30.0
"""Seconds in which the body of a request must be here."""

_WITH_ID = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "remove"}
_WITHOUT_ID = {"GET": "find", "POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "remove"}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Rest:
    """An ASGI application over the registry of services."""

    def __init__(self, registry: Registry, user_directory: UserDirectory, *, handshake: bool) -> None:
        self._registry = registry
        self._handshake = handshake
        self._user_directory = user_directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except RateLimited as fault:
            response = _slow_down(fault) if self._handshake else _failure(request, fault)
        except Fault as fault:
            response = _failure(request, fault)
        except Exception as error:  # noqa: BLE001 - a failing service is answered as an error
            response = _failure(request, DomainFault(str(error)))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path.strip("/")
        if request.method == "OPTIONS":
            return Response(status_code=204)
        found = self._locate(path, request.method)
        if found is None:
            return HTMLResponse(
                f'<!DOCTYPE html>\n<html lang="en">\n<body>\n<pre>Cannot {request.method} /{html.escape(path)}</pre>\n'
                "</body>\n</html>\n",
                status_code=404,
            )
        service_path, method, row_id = found
        data = await _body(request) if request.method in _WITH_BODY else None
        resolved = self._registry.resolve(service_path)
        if resolved is not None and resolved.service.method(method) is None:
            raise method_not_allowed(f"Method `{method}` is not supported by this endpoint.")
        is_open = resolved is not None and resolved.service.open
        identity = self._identity(request, optional=is_open)
        args: list[Any] = [] if method in ("find", "create") else [row_id]
        if request.method in _WITH_BODY:
            args.append(data)
        address = request.client.host if request.client is not None else ""
        call = Call(provider="rest", identity=identity, query=parse_query(request.url.query), address=address)
        result = await self._registry.invoke(service_path, method, args, call)
        return JSONResponse(result, status_code=201 if request.method == "POST" else 200)

    def _locate(self, path: str, verb: str) -> tuple[str, str, str | None] | None:
        if self._registry.resolve(path) is not None and verb in _WITHOUT_ID:
            return path, _WITHOUT_ID[verb], None
        parent, _, row_id = path.rpartition("/")
        if parent and row_id and self._registry.resolve(parent) is not None and verb in _WITH_ID:
            return parent, _WITH_ID[verb], row_id
        return None

    def _identity(self, request: Request, *, optional: bool) -> Identity | None:
        header = request.headers.get("authorization")
        credential = request.headers.get("x-api-key")
        if header is not None:
            scheme, _, rest = header.partition(" ")
            if scheme.lower() != "bearer":
                if optional:
                    return None
                raise not_authenticated("jwt malformed", {"name": "JsonWebTokenError"})
            credential = rest.strip()
        elif credential is not None and not credential.startswith(KEY_PREFIX):
            credential = None
        if credential is None:
            return None
        try:
            return self._user_directory.identify(credential)
        except Fault:
            if optional:
                return None
            raise


async def _body(request: Request) -> Any:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise DomainFault("request entity too large")
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_TIME):
            async for part in request.stream():
                raw.extend(part)
                if len(raw) > MAX_BODY:
                    raise DomainFault("request entity too large")
    except TimeoutError:
        raise FeathersFault("Timeout", "The request took too long") from None
    if not raw.strip():
        return {}
    try:
        return json.loads(raw, parse_constant=_no_number)
    except ValueError as error:
        raise DomainFault(f"Unexpected token in JSON: {error.args[0] if error.args else 'malformed'}") from error


def _no_number(name: str) -> Any:
    """JSON has no ``NaN`` and no ``Infinity``, which Python would read."""
    raise ValueError(name)


def _failure(request: Request, fault: Fault) -> Response:
    status, body = fault.over_rest()
    if "text/html" in request.headers.get("accept", ""):
        said = html.escape(fault.message)
        page = f"<!DOCTYPE html>\n<html>\n<body>\n<h1>{status}</h1>\n<p>{said}</p>\n</body>\n</html>\n"
        return HTMLResponse(page, status_code=status)
    return JSONResponse(body, status_code=status)


def _slow_down(fault: RateLimited) -> Response:
    """Build the answer of today's rate limiter, which runs before the services: plain text, and the draft-7 headers."""
    headers = {
        "RateLimit": f"limit={fault.limit}, remaining=0, reset={fault.wait}",
        "RateLimit-Policy": f"{fault.limit};w=900",
        "Retry-After": str(fault.wait),
    }
    return PlainTextResponse(fault.message, status_code=429, headers=headers)

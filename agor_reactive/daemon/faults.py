"""The wire shapes of error answers.

Two families, as on the real wire: Feathers errors (name, message, numeric code, className) and plain exceptions that
escape a service (a `stack`, often no code, or a string one). Over REST the second family is always a 500. This module
knows shapes only: not services, not transports.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

__all__ = [
    "DomainFault",
    "Fault",
    "FeathersFault",
    "RateLimited",
    "ambiguous",
    "bad_request",
    "conflict",
    "forbidden",
    "immutable_socket",
    "method_not_allowed",
    "missing_row",
    "not_authenticated",
    "not_found",
    "repository_fault",
    "sql_fault",
    "validation_failed",
]


class Fault(Exception):
    """An error answer with its own wire shape."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def over_socket(self) -> dict[str, Any]:
        """The single argument of the failing ack."""
        raise NotImplementedError

    def over_rest(self) -> tuple[int, dict[str, Any]]:
        """HTTP status and JSON body."""
        raise NotImplementedError


_CODES: Final = {
    "BadRequest": 400,
    "NotAuthenticated": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "Timeout": 408,
    "Conflict": 409,
    "TooManyRequests": 429,
}


class FeathersFault(Fault):
    """A Feathers error, by its name: the same body over both transports."""

    def __init__(self, name: str, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.name = name
        self.code = _CODES[name]
        self.data = data

    def over_socket(self) -> dict[str, Any]:
        class_name = re.sub("(?<!^)(?=[A-Z])", "-", self.name).lower()
        body = {"name": self.name, "message": self.message, "code": self.code, "className": class_name}
        return body if self.data is None else {**body, "data": self.data}

    def over_rest(self) -> tuple[int, dict[str, Any]]:
        return self.code, self.over_socket()


class DomainFault(Fault):
    """An exception that no hook converted: a stack over the socket, a plain 500 over REST."""

    def __init__(self, message: str, *, name: str | None = None, **fields: Any) -> None:
        super().__init__(message)
        self.name = name
        self.fields = fields

    def over_socket(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "stack": f"{self.name or 'Error'}: {self.message}\n    at embedded-daemon",
            "message": self.message,
            **self.fields,
        }
        if self.name is not None:
            body["name"] = self.name
        return body

    def over_rest(self) -> tuple[int, dict[str, Any]]:
        return 500, {"name": "GeneralError", "message": self.message, "code": 500, "className": "general-error"}


bad_request = partial(FeathersFault, "BadRequest")
forbidden = partial(FeathersFault, "Forbidden")
not_found = partial(FeathersFault, "NotFound")
method_not_allowed = partial(FeathersFault, "MethodNotAllowed")
conflict = partial(FeathersFault, "Conflict")


def validation_failed(errors: list[dict[str, Any]]) -> FeathersFault:
    return bad_request("validation failed", errors)


def not_authenticated(message: str = "Not authenticated", data: Any = None) -> FeathersFault:
    return FeathersFault("NotAuthenticated", message, data)


def immutable_socket() -> FeathersFault:
    """The error of today's daemon for a login, a logout or a refresh on a connected socket."""
    return not_authenticated("Socket connection authentication is immutable")


class RateLimited(FeathersFault):
    """Too many attempts: `limit` per window; `wait` seconds until the next one is allowed."""

    def __init__(self, message: str, *, limit: int, wait: int) -> None:
        super().__init__("TooManyRequests", message)
        self.limit = limit
        self.wait = wait


def missing_row(entity: str, ref: object) -> DomainFault:
    """The error for a missing row. Its code is a string, so a client that checks for 404 does not see it."""
    return DomainFault(
        f"{entity} not found: {ref}", name="NotFoundError", code="NOT_FOUND", resourceType=entity, id=str(ref)
    )


def ambiguous(entity: str, prefix: str, matches: list[str]) -> DomainFault:
    listed = ", ".join(matches)
    return DomainFault(
        f"Ambiguous ID prefix '{prefix}' for {entity} ({len(matches)} matches: {listed})",
        name="AmbiguousIdError",
        entityType=entity,
        prefix=prefix,
        matches=matches,
    )


def repository_fault(message: str) -> DomainFault:
    return DomainFault(message, name="RepositoryError")


def sql_fault(table: str, why: str) -> DomainFault:
    """The error for a violated database constraint, which includes the statement and its parameters."""
    query = f'insert into "{table}" (...) values (...)'
    return DomainFault(
        f"Failed query: {query}",
        query=query,
        params=[],
        cause={"code": "SQLITE_CONSTRAINT", "name": "LibsqlError", "message": f"SQLITE_CONSTRAINT: {why}"},
    )

"""A table of the routes and methods that only some daemon versions have, and the error made from it.

Daemons do not report their version, so nothing is checked before a call. A refusal that means "no such route" becomes a
`UsageError` that names the daemons which have the route. Other refusals are raised unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from agor_reactive.calls.drivers import carried_out
from agor_reactive.calls.effects import Call, Effect, Operation
from agor_reactive.calls.methods import STANDARD_METHODS
from agor_reactive.errors import (
    BadRequest,
    CallTimeout,
    DaemonError,
    LinkError,
    MethodNotAllowed,
    NotFound,
    OutcomeUnknown,
    UsageError,
)

__all__ = ["OFFERED", "Offer", "explained", "is_missing_route", "offer_of"]

T = TypeVar("T")

JUNE: Final = "Daemons of June 2026 (0.21, 0.22) and older"
BEFORE_PAGES: Final = "Daemons before 13 August 2026 (about 0.24.6)"
BEFORE_HANDSHAKE: Final = "Daemons before 21 August 2026 (about 0.24)"
SINCE_AUGUST: Final = "Daemons of 0.25.2 (22 August 2026) and later"
SINCE_HANDSHAKE: Final = "Daemons of 0.26 (30 August 2026) and later"


@dataclass(frozen=True, slots=True)
class Offer:
    """A path, or some `methods` of it, that only some daemons have (empty: all methods).

    `path` may have ``:id`` for any id. `have` names those daemons, `instead` says what to use on others. A `BadRequest`
    whose message matches `refusal` means the same.
    """

    path: str
    have: str
    methods: tuple[str, ...] = ()
    instead: str = ""
    refusal: str = ""

    def fits(self, call: Call) -> bool:
        """Whether `call` is covered by this entry."""
        if self.methods and call.method not in self.methods:
            return False
        wanted, given = self.path.split("/"), call.service.split("/")
        return len(wanted) == len(given) and all(w in (":id", g) for w, g in zip(wanted, given, strict=True))


_ONE_BY_ONE: Final = "Create the rows one by one."
_BULK: Final = r"(?i)bulk .* not supported|requires one (task|message)"
_ME: Final = (
    "They answer over REST (create_rest_client). On other daemons any read, such as find sessions, checks a credential."
)
_TEAMMATE: Final = "Newer daemons say teammate instead of assistant."


def _removed() -> Iterator[Offer]:
    for path in ("messages", "tasks"):
        yield Offer(f"{path}/bulk", BEFORE_PAGES, ("create",), _ONE_BY_ONE, _BULK)
        yield Offer(path, BEFORE_PAGES, ("create", "createMany"), _ONE_BY_ONE, _BULK)
        yield Offer(path, JUNE, ("update",), "Use patch.")
    yield Offer(
        "messages",
        BEFORE_PAGES,
        ("findBySession", "findByTask", "findByRange"),
        "Use find_by_session, find_by_task or find_by_range, which read with find.",
    )
    yield Offer("config", JUNE, instead="Newer daemons do not let clients read their configuration.")
    yield Offer("context", JUNE)
    for path in ("boards", "branches"):
        for old in ("owners", "group-grants"):
            yield Offer(f"{path}/:id/{old}", BEFORE_HANDSHAKE, instead=f"Newer daemons have {path}/:id/permissions.")
            yield Offer(
                f"{path}/:id/{old}/:id", BEFORE_HANDSHAKE, instead=f"Newer daemons have {path}/:id/permissions."
            )
    yield Offer("sessions/:id/restart-cli", JUNE, instead="Newer daemons always refuse it.", refusal=".")
    yield Offer("boards", JUNE, ("setPrimaryAssistant", "clearPrimaryAssistant"), _TEAMMATE)
    yield Offer("users", BEFORE_HANDSHAKE, ("getGitEnvironment",), "Newer daemons give it to executors only.")


def _added() -> Iterator[Offer]:
    yield Offer("sessions/:id/initialize", SINCE_AUGUST, instead="Patch the session, then prompt it.")
    yield Offer("sessions/:id/archive", SINCE_AUGUST)
    yield Offer("sessions/:id/unarchive", SINCE_AUGUST)
    yield Offer("sessions/:id/spawn-prompt", SINCE_HANDSHAKE)
    yield Offer("api/v1/user/me", SINCE_HANDSHAKE, instead=_ME)
    for path in ("boards", "branches"):
        yield Offer(f"{path}/:id/permissions", SINCE_HANDSHAKE)
    for name in ("filesystem-status", "clean", "retry-provisioning", "retire-teammate", "effective-access"):
        yield Offer(f"branches/:id/{name}", SINCE_HANDSHAKE)
    yield Offer("branches", SINCE_HANDSHAKE, ("ensureTeammateKnowledgeNamespace",))
    teammate = ("setPrimaryTeammate", "clearPrimaryTeammate", "ensureTeammateWelcomeNote")
    yield Offer("boards", SINCE_HANDSHAKE, teammate, "Older daemons say assistant instead of teammate.")
    yield Offer(
        "users",
        SINCE_HANDSHAKE,
        (
            "getAvatarSettings",
            "updateAvatarSettings",
            "syncAvatars",
            "getPrimaryTeammate",
            "getPrimaryTeammateCandidates",
            "setPrimaryTeammate",
            "setPrimaryTeammateIfUnset",
            "setPrimaryAgenticToolIfUnset",
        ),
    )
    yield Offer("kb/namespaces", SINCE_HANDSHAKE, ("saveWithAcl",))
    yield Offer("board-comments/:id/reposition", SINCE_HANDSHAKE)
    yield Offer("widgets/:id/oauth-resolve", SINCE_HANDSHAKE)
    for path in (
        "agentic-tool-presets",
        "agentic-tool-settings",
        "branch-counts",
        "claude-auth",
        "claude-models",
        "codex-auth",
        "kb/document-edits",
        "mcp-catalog",
        "mcp-egress/status",
        "mcp-marketplace",
        "mcp-member-policy",
        "opencode-auth",
        "opencode-models",
        "session-counts",
        "uploads",
        "workspace-preferences",
    ):
        yield Offer(path, SINCE_HANDSHAKE)


OFFERED: Final[tuple[Offer, ...]] = (*_removed(), *_added())
"""Paths and methods that only some daemons have."""

# The texts of a daemon without such a service: over the socket, over REST as JSON, over REST as a page.
_MISSING: Final = re.compile(r"Service .+ not found|Page not found|(?:HTTP 404: .*)?\bCannot [A-Z]+ /|HTTP 404\b")


def offer_of(call: Call) -> Offer | None:
    """The entry for a path or method; None where all daemons have it, or nothing is known."""
    return next((offer for offer in OFFERED if offer.fits(call)), None)


def is_missing_route(error: DaemonError) -> bool:
    """Whether an error means that the daemon has no such path or method, rather than no such row."""
    if isinstance(error, MethodNotAllowed):
        return True
    return isinstance(error, NotFound) and _MISSING.match(error.message) is not None


def explained(operation: Operation[T]) -> Operation[T]:
    """Run `operation`; a refusal because this daemon version lacks the route becomes a `UsageError`.

    A custom method that the daemon does not know is never answered. That stays a `CallTimeout` or `OutcomeUnknown`,
    with the versions in its message.
    """
    refused: list[tuple[Call, Exception]] = []

    def perform(effect: Effect) -> Operation[Any]:
        try:
            return (yield effect)
        except Exception as error:
            if isinstance(effect, Call):
                refused.append((effect, error))
            raise

    try:
        return (yield from carried_out(operation, perform))
    except (DaemonError, CallTimeout, OutcomeUnknown) as error:
        call = next((call for call, seen in refused if seen is error), None)
        offer = None if call is None else offer_of(call)
        if call is None or offer is None:
            raise
        words = f"{offer.have} have it. {offer.instead}".rstrip()
        if isinstance(error, LinkError):
            if call.method in STANDARD_METHODS:
                raise
            raise type(error)(
                f"{error}. Perhaps this daemon has no {call.method} on {call.service}. {words}"
            ) from error
        if is_missing_route(error) or (offer.refusal and _refuses(offer, error)):
            raise UsageError(f"This daemon has no {call.method} on {offer.path}. {words}") from error
        raise


def _refuses(offer: Offer, error: DaemonError) -> bool:
    return isinstance(error, BadRequest) and re.search(offer.refusal, error.message) is not None

"""What is known of each service: its paths, methods, events and payloads; and the errors for names that are not known.

Facts of the wire. A path that is not here is any service of the daemon: nothing of it is checked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, Literal, get_args

from agor_reactive.calls.service_table import SERVICE_TABLE, facts_of
from agor_reactive.errors import UnknownMethod, UsageError
from agor_reactive.models import inputs
from agor_reactive.models.realtime import PAYLOAD_OF_TOPIC

__all__ = [
    "EVENTS",
    "OFFERS",
    "PAYLOADS",
    "ROW_EVENTS",
    "SMALL",
    "UntypedPath",
    "check_event",
    "check_fields",
    "check_options",
    "did_you_mean",
    "events_of",
    "fields_of",
    "is_known",
    "unknown_method",
]

OFFERS: Mapping[str, tuple[str, ...]] = {
    "session-streams": ("create", "remove"),
    "users": ("find", "get", "create", "patch", "remove"),
    "groups": ("find", "get", "create", "patch", "remove"),
    "group-memberships": ("find", "create", "remove"),
    "session-mcp-servers": ("find", "create", "remove"),
    "session-env-selections": ("find", "create", "remove"),
    "gateway": ("create",),
    "api/v1/user/api-keys": ("find", "create", "patch", "remove"),
    "api/v1/user/me": ("find",),
    "branch-counts": ("find",),
    "session-counts": ("find",),
    "claude-models": ("find",),
    "opencode-models": ("find",),
    "mcp-egress/status": ("find",),
    "kb/document-edits": ("create",),
    "uploads": ("find", "get", "patch", "remove"),
    "authentication": ("create", "remove"),
    "authentication/refresh": ("create",),
    "authentication/impersonate": ("create",),
    "auth/launch": ("create",),
    "health": ("find",),
}
"""The standard methods of a service, where it does not offer all six. For documentation: the daemon itself answers
`MethodNotAllowed`, and versions differ."""

UntypedPath = Literal[
    "kb/search",
    "kb/graph",
    "kb/settings",
    "kb/indexing/status",
    "kb/indexing/reindex",
    "file",
    "files",
    "templates",
    "config",
    "check-auth",
    "leaderboard",
    "terminals",
    "copilot-models",
    "cursor-models",
    "opencode/models",
    "opencode/health",
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
]
"""The services of which nothing but the name is known."""

SMALL: tuple[str, ...] = ("kb/versions", "context", *(path for path in get_args(UntypedPath) if path not in OFFERS))
"""Services that offer find, get or create, as their names say. Except for `kb/versions` and `context`, payloads and
answers are undocumented: bodies are passed through as given, answers come as frozen JSON."""

EVENTS: Mapping[str, tuple[str, ...]] = {
    "artifacts": ("agor-query",),
    "repos": ("repo:cloneError",),
    "tasks": ("termination_requested",),
}
"""Events of a service that are neither row events nor in `models.realtime`."""

ROW_EVENTS: Final = ("created", "patched", "updated", "removed")

PAYLOADS: Mapping[str, tuple[type, ...]] = {
    "sessions": (inputs.SessionCreate, inputs.SessionPatch),
    "tasks": (inputs.TaskCreate, inputs.TaskPatch),
    "messages": (inputs.MessageCreate, inputs.MessagePatch),
    "boards": (inputs.BoardCreate, inputs.BoardPatch),
    "board-comments": (inputs.BoardCommentCreate, inputs.BoardCommentPatch),
    "cards": (inputs.CardCreate, inputs.CardPatch),
    "card-types": (inputs.CardTypeCreate, inputs.CardTypePatch),
    "artifacts": (inputs.ArtifactCreate, inputs.ArtifactPatch),
    "branches": (inputs.BranchCreate, inputs.BranchPatch),
    "worktrees": (inputs.WorktreeCreate, inputs.WorktreePatch),
    "repos": (inputs.RepoCreate, inputs.RepoPatch),
    "schedules": (inputs.ScheduleCreate, inputs.SchedulePatch),
    "users": (inputs.UserCreate, inputs.UserPatch),
    "groups": (inputs.GroupCreate, inputs.GroupPatch),
    "group-memberships": (inputs.GroupMembershipCreate,),
    "mcp-servers": (inputs.McpServerCreate, inputs.McpServerPatch),
    "gateway-channels": (inputs.GatewayChannelCreate, inputs.GatewayChannelPatch),
    "kb/documents": (inputs.KnowledgeDocumentCreate, inputs.KnowledgeDocumentPatch),
    "kb/namespaces": (inputs.KnowledgeNamespaceCreate, inputs.KnowledgeNamespacePatch),
    "api/v1/user/api-keys": (inputs.ApiKeyCreate, inputs.ApiKeyPatch),
    "session-streams": (inputs.SessionStreamCreate,),
}
"""The payloads of a service, where they are documented. The others take any field."""


def is_known(path: str) -> bool:
    """Whether the methods and events of a path are known."""
    return path in SERVICE_TABLE or path in OFFERS or path in SMALL


def events_of(path: str) -> tuple[str, ...]:
    """The events of a known service, without its name."""
    named = (topic.removeprefix(f"{path} ") for topic in PAYLOAD_OF_TOPIC if topic.startswith(f"{path} "))
    return tuple(dict.fromkeys((*ROW_EVENTS, *named, *EVENTS.get(path, ()))))


@cache
def fields_of(path: str) -> frozenset[str]:
    """The fields that a row of the service may be created or patched with: those of the payloads and of the row itself.

    Empty where they are not documented.
    """
    payloads = PAYLOADS.get(path)
    if payloads is None:
        return frozenset()
    model = facts_of(path).model
    row = () if model is None else (field.alias or name for name, field in model.model_fields.items())
    return frozenset(row).union(*(_fields(payload) for payload in payloads))


def _fields(payload: type) -> frozenset[str]:
    """The fields of a TypedDict."""
    required: frozenset[str] = getattr(payload, "__required_keys__", frozenset())
    optional: frozenset[str] = getattr(payload, "__optional_keys__", frozenset())
    return required | optional


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'prompt'?`` for a misspelled word; ``""`` when nothing is close."""
    spellings = {_plain(name): name for name in known}
    close = difflib.get_close_matches(_plain(word), spellings, n=1, cutoff=0.6)
    return f" Did you mean {spellings[close[0]]!r}?" if close else ""


def _plain(name: str) -> str:
    """A name as camelCase, snake_case and kebab-case have it alike."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def unknown_method(path: str, name: str, methods: Iterable[str]) -> UnknownMethod:
    """The error for a method that a known service does not have."""
    return UnknownMethod(
        f"{path} has no method {name!r}.{did_you_mean(name, methods)} "
        f"call({_camel(name)!r}, data) calls a method of the daemon that is not known here."
    )


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def check_event(path: str, event: Any) -> None:
    """Raise `UsageError` for an event that a known service does not have."""
    if not isinstance(event, str):
        raise UsageError(f"the name of an event is text, not {type(event).__name__}")
    if not is_known(path) or event in (known := events_of(path)):
        return
    raise UsageError(
        f"{path} has no event {event!r}.{did_you_mean(event.removeprefix(f'{path} '), known)} "
        "on(…, unchecked=True) takes an event that is not known here."
    )


def check_fields(method: str, path: str, data: Any) -> None:
    """Raise `UsageError` for a field that rows of a service do not have. Daemons drop such fields silently."""
    rows = data if isinstance(data, list | tuple) else (data,)
    known = fields_of(path)
    if not known:
        return
    for row in rows:
        for name in row if isinstance(row, Mapping) else ():
            if name not in known:
                raise UsageError(
                    f"{method} {path}: there is no field {str(name)!r}.{did_you_mean(str(name), known)} "
                    f"call({method!r}, …) sends a field that is not known here."
                )


def check_options(method: str, options: Mapping[str, Any], payload: type) -> None:
    """Raise `UsageError` for a keyword that a method sending `payload` does not have."""
    known = _fields(payload)
    for name in options:
        if name not in known:
            raise UsageError(f"{method} has no argument {name!r}.{did_you_mean(name, known)}")

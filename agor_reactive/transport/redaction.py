"""What must not leave the process in a log, a recording, an error or `client.events`: keys, tokens, passwords.

Every socket hears everybody's events, some of which carry secrets. `redact` is for whole events, `scrub` for any JSON,
`scrub_text` for one string. All three give back the very same object when there is nothing to take out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agor_reactive.calls.service_table import SECRET_PATHS
from agor_reactive.models.secrecy import REDACTED, is_secret, scrub_text

__all__ = ["REDACTED", "redact", "scrub", "scrub_text"]

# Whole families: a route below such a path is as secret as the path itself.
_SECRET_PREFIXES: Final = (*SECRET_PATHS, "auth/")

# The frequent ones, made of ids and text alone: never looked into.
_PLAIN_NAMES: Final = ("streaming:chunk", "thinking:chunk", "streaming:start", "streaming:end", "thinking:start")
_PLAIN_NAMES_END: Final = (*_PLAIN_NAMES, "thinking:end", "tool:start", "tool:complete")

_DEEPEST: Final = 64


def redact(topic: str, payload: Any) -> Any:
    """`payload` without its secrets; a copy where something was taken out, else `payload` itself."""
    if topic.endswith(_PLAIN_NAMES_END):
        return payload
    if topic.startswith(_SECRET_PREFIXES):
        return REDACTED
    return scrub(payload)


def scrub(value: Any) -> Any:
    """Any JSON without the values of secret-sounding fields, and without keys and tokens inside its strings."""
    return _scrub(value, 0)


def _scrub(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, Mapping):
        if depth >= _DEEPEST:
            return REDACTED
        changed: dict[Any, Any] | None = None
        for key, item in value.items():
            if item is None or item is True or item is False:
                continue
            # Numbers and booleans under such a name are counts and flags (`ANTHROPIC_API_KEY: false`), not secrets.
            clean = REDACTED if isinstance(item, str) and isinstance(key, str) and is_secret(key) else None
            clean = clean if clean is not None else _scrub(item, depth + 1)
            if clean is not item:
                changed = dict(value) if changed is None else changed
                changed[key] = clean
        return value if changed is None else changed
    if isinstance(value, (list, tuple)):
        if depth >= _DEEPEST:
            return REDACTED
        items = [_scrub(item, depth + 1) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value

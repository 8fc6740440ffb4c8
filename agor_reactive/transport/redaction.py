"""Removes keys, tokens and passwords from logs, recordings, errors and `client.events`.

Every socket receives all users' events, some of which carry secrets. `redact` is for whole events, `scrub` for any
JSON, `scrub_text` for one string. All three return the same object when there is nothing to remove.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agor_reactive.calls.service_table import SECRET_PATHS
from agor_reactive.models.secrecy import REDACTED, is_secret, scrub_text

__all__ = ["REDACTED", "redact", "scrub", "scrub_text"]

# Whole families: a route below such a path is secret, too.
_SECRET_PREFIXES: Final = (*SECRET_PATHS, "auth/")

# Frequent events with only ids and text are not scanned.
_PLAIN_NAMES: Final = ("streaming:chunk", "thinking:chunk", "streaming:start", "streaming:end", "thinking:start")
_PLAIN_NAMES_END: Final = (*_PLAIN_NAMES, "thinking:end", "tool:start", "tool:complete")

_DEEPEST: Final = 64


def redact(topic: str, payload: Any) -> Any:
    """Remove the secrets of an event's payload: returns a copy if something was removed, else `payload`."""
    if topic.endswith(_PLAIN_NAMES_END):
        return payload
    if topic.startswith(_SECRET_PREFIXES):
        return REDACTED
    return scrub(payload)


def scrub(value: Any) -> Any:
    """Remove the values of secret-sounding fields, and the keys and tokens inside strings, from any JSON."""
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

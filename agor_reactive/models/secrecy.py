"""Detects secrets: field names whose text is never shown, and texts that are keys or tokens."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["REDACTED", "is_secret", "scrub_text"]

REDACTED: Final = "[redacted]"

_SECRET_FIELD: Final = re.compile(
    r"(?:token|apikey|rawkey|secret|password|passphrase|privatekey|sshkey|authorization|cookie|credential)$"
)
_KEY: Final = re.compile(r"agor_sk_\w+")
# The end of a token is optional: a long word that only begins like one is one match, not one try for each letter.
_SECRET_TEXT: Final = re.compile(r"agor_sk_\w+|eyJ[\w-]{6,}(\.[\w-]{6,}\.[\w-]*)?")
_MOST_NAMES: Final = 4096
_LONGEST_NAME: Final = 80

_known_fields: dict[str, bool] = {}


def is_secret(field: str) -> bool:
    """Whether a field of that name is secret: ``apiKey``, ``mcp_token``, ``Authorization``."""
    known = _known_fields.get(field)
    if known is None:
        known = _SECRET_FIELD.search(field.lower().replace("_", "").replace("-", "")) is not None
        if len(_known_fields) < _MOST_NAMES and len(field) <= _LONGEST_NAME:  # bounded: senders choose field names
            _known_fields[field] = known
    return known


def scrub_text(text: str) -> str:
    """Replace API keys and JWTs in `text`."""
    if "agor_sk_" in text or "eyJ" in text:
        return _SECRET_TEXT.sub(_redacted, text)
    return text


def _redacted(found: re.Match[str]) -> str:
    word = found.group()
    begins_like_token = word.startswith("eyJ") and found.group(1) is None
    return _KEY.sub(REDACTED, word) if begins_like_token else REDACTED

"""Detects secrets (field names whose text is never shown, texts that are keys or tokens) and hides those that we hold.

Keys, tokens and passwords that we hold are `pydantic.SecretStr`: neither a repr nor a traceback that renders the
variables of its frames shows them. They are revealed where a request becomes bytes, and nowhere before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

__all__ = [
    "REDACTED",
    "hide",
    "hide_fields",
    "hide_values",
    "is_secret",
    "reveal_fields",
    "reveal_values",
    "scrub_text",
]

REDACTED: Final = "[redacted]"

_SECRET_FIELD: Final = re.compile(
    r"(?:token|apikey|rawkey|secret|password|passphrase|privatekey|sshkey|authorization|cookie|credential)$"
)
_KEY: Final = re.compile(r"agor_sk_\w+")
# The end of a token is optional: a long word that only begins like one is one match, not a try for each letter.
_SECRET_TEXT: Final = re.compile(r"agor_sk_\w+|eyJ[\w-]{6,}(\.[\w-]{6,}\.[\w-]*)?")
_MOST_NAMES: Final = 4096
_LONGEST_NAME: Final = 80

_known_fields: dict[str, bool] = {}


def is_secret(field: str) -> bool:
    """Whether a field of that name is secret: ``apiKey``, ``mcp_token``, ``Authorization``."""
    known = _known_fields.get(field)
    if known is None:
        known = _SECRET_FIELD.search(field.lower().replace("_", "").replace("-", "")) is not None
        # Names are the sender's to choose: bounded.
        if len(_known_fields) < _MOST_NAMES and len(field) <= _LONGEST_NAME:
            _known_fields[field] = known
    return known


def hide(*values: Any) -> Any:
    """Each text as a `SecretStr`, anything else as it is: one value for one argument, else a tuple.

    A function that is given secrets assigns the result to its parameters in its first line, so that its own variables
    hold no text.
    """
    hidden = tuple(SecretStr(value) if isinstance(value, str) else value for value in values)
    return hidden[0] if len(hidden) == 1 else hidden


def hide_fields(value: Any) -> Any:
    """A JSON object whose text under secret names is a `SecretStr`, at every level; else the value itself."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: hide(item) if isinstance(item, str) and is_secret(str(key)) else hide_fields(item)
        for key, item in value.items()
    }


def hide_values(value: Any) -> Any:
    """A mapping whose texts are all `SecretStr`, whatever their names: headers. Anything else as it is."""
    return {name: hide(item) for name, item in value.items()} if isinstance(value, Mapping) else value


def reveal_fields(value: Any) -> Any:
    """The opposite of `hide_fields`, for what needs the text."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return {key: reveal_fields(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def reveal_values(value: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite of `hide_values`, for what needs the text."""
    return {name: reveal_fields(item) if isinstance(item, SecretStr) else item for name, item in value.items()}


def scrub_text(text: str) -> str:
    """Replace API keys and JWTs in `text`."""
    if "agor_sk_" in text or "eyJ" in text:
        return _SECRET_TEXT.sub(_redacted, text)
    return text


def _redacted(found: re.Match[str]) -> str:
    word = found.group()
    begins_like_token = word.startswith("eyJ") and found.group(1) is None
    return _KEY.sub(REDACTED, word) if begins_like_token else REDACTED

"""JSON as text, for every value that JSON has."""

from __future__ import annotations

import json
from typing import Any

import orjson

__all__ = ["json_bytes"]


def json_bytes(value: Any) -> bytes:
    """Encode `value` as JSON on one line. Raises TypeError for what is no JSON.

    An integer may have more than 64 bits: JSON has those, orjson refuses them.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()

"""Ids: their format, and their short form for display.

Ids are UUIDv7: their first 8 hex digits are a time bucket of about a minute, so two rows made together share them. The
8 digits that people read are for display; address rows by their full id.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Final
from uuid import UUID

__all__ = ["format_short_id", "is_full_id", "new_id"]

_FULL: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def format_short_id(full_id: str, length: int = 8) -> str:
    """The first `length` hex digits of an id, no dashes: 8 for display, 24 (the daemon's own short form) to be
    distinct.

    >>> format_short_id("01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d")
    '01970a3f'
    >>> format_short_id("01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d", 24)
    '01970a3f91c27b1e8d550c1f'
    """
    return full_id.replace("-", "")[: max(0, length)]


def is_full_id(text: str) -> bool:
    """Whether `text` is a whole id, not a prefix of one."""
    return _FULL.fullmatch(text) is not None


def new_id() -> str:
    """Create a UUIDv7, as the daemon does. Some rows (messages) get their id from the client."""
    stamp = time.time_ns() // 1_000_000
    value = (stamp & (1 << 48) - 1) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(UUID(int=value))

"""Text that can be encoded: JSON may hold lone surrogates, which Node accepts, and neither SQLite nor UTF-8 does."""

from __future__ import annotations

from typing import Any

__all__ = ["encodable"]


def encodable(value: Any, _left: int = 100) -> Any:
    """JSON with U+FFFD for each lone surrogate, as SQLite's own conversion has it; the same object without any.

    Values deeper than a hundred levels are not looked at.
    """
    if isinstance(value, str):
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return value
    if not _left:
        return value
    if isinstance(value, dict):
        clean = {encodable(key): encodable(item, _left - 1) for key, item in value.items()}
        same = all(new is old for new, old in zip(clean.values(), value.values(), strict=False))
        return value if same and clean.keys() == value.keys() else clean
    if isinstance(value, list):
        items = [encodable(item, _left - 1) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value

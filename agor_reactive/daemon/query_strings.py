"""Parses nested query strings as Express does with the Node parser `qs`.

`a[b]=1` nests; `a[]=1&a[]=2`, `a[0]=1&a[1]=2` and a repeated `a=` make a list. Lists end at 1,000 items: a longer one
becomes an object keyed by the indices. Nesting stops at five levels; the rest of the name is one key. All values are
strings.
"""

from __future__ import annotations

from typing import Any

from qs_codec import DecodeOptions, decode

__all__ = ["parse_query"]

_EXPRESS = DecodeOptions(list_limit=1000)


def parse_query(text: str) -> dict[str, Any]:
    """Parse a query string into nested dicts and lists of strings."""
    return decode(text, _EXPRESS)

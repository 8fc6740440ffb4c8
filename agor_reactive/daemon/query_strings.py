"""Nested query strings the way the usual Node parser (`qs`) reads them.

`a[b]=1` nests, `a[]=1&a[]=2` and a repeated `a=` make a list, `a[0]=…` too, but an index over 20 turns the whole list
into an object keyed by the indices. Nesting stops at five levels; the rest of the name is one key. All values are
strings.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

__all__ = ["parse_query"]

_ARRAY_LIMIT = 20
_DEPTH = 5
_PARAMETERS = 1000
_BRACKET = re.compile(r"\[([^\[\]]*)\]")


class _Node(dict[str, Any]):
    """A level that is still being filled; list or object is decided at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.pushed = 0


def parse_query(text: str) -> dict[str, Any]:
    """The query as nested dicts and lists of strings."""
    root = _Node()
    for name, value in parse_qsl(text, keep_blank_values=True)[:_PARAMETERS]:
        _put(root, _path(name), value)
    return {name: _settled(value) for name, value in root.items()}


def _path(name: str) -> list[str]:
    start = name.find("[")
    if start < 0:
        return [name]
    head = name[:start]
    path = [head] if head else []
    position = start
    while len(path) <= _DEPTH:
        found = _BRACKET.match(name, position)
        if found is None:
            break
        path.append(found.group(1))
        position = found.end()
    if position < len(name) and path:
        path.append(name[position:])
    return path or [name]


def _put(node: _Node, path: list[str], value: str) -> None:
    for step in path[:-1]:
        key = _key(node, step)
        inner = node.get(key)
        if not isinstance(inner, _Node):
            fresh = _Node()
            if inner is not None:
                for item in inner if isinstance(inner, list) else [inner]:
                    fresh[_key(fresh, "")] = item
            node[key] = inner = fresh
        node = inner
    key = _key(node, path[-1])
    if key not in node:
        node[key] = value
    elif isinstance(node[key], _Node):
        node[key][_key(node[key], "")] = value
    else:
        held = node[key]
        node[key] = [*held, value] if isinstance(held, list) else [held, value]


def _key(node: _Node, step: str) -> str:
    if step:
        return step
    # "[]" appends; the mark keeps pushed items apart from written indices, so they never meet the index limit.
    node.pushed += 1
    return f"\0{node.pushed}"


def _settled(value: Any) -> Any:
    if not isinstance(value, _Node):
        return value
    items = {name: _settled(inner) for name, inner in value.items()}
    if all(name.startswith("\0") or (name.isdigit() and int(name) <= _ARRAY_LIMIT) for name in items):
        written = sorted((name for name in items if name.isdigit()), key=int)
        pushed = [name for name in items if name.startswith("\0")]
        return [part for name in (*written, *pushed) for part in _spread(items[name], pushed=name in pushed)]
    return {(name[1:] if name.startswith("\0") else name): inner for name, inner in items.items()}


def _spread(item: Any, *, pushed: bool) -> list[Any]:
    return item if pushed and isinstance(item, list) else [item]

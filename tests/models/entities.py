"""What is known of the rows of the wire, as a table of our own (`entities.json`), and instances made from it.

A kind is ``str num bool null any``, ``= a b c`` (one of these words), ``@Name`` (another entity), ``[kind]`` (a list),
``{"*": kind}`` (names to values), ``{"|": [kind, …]}`` (one of several) or an object of fields; a field whose name ends
in ``!`` is always there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

__all__ = ["ENTITIES", "full", "instances", "minimal", "words_of"]

ENTITIES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("entities.json").read_text("utf-8"))


def minimal(entity: str) -> dict[str, Any]:
    """An instance with nothing but what is always there."""
    made: dict[str, Any] = _example(ENTITIES[entity], every=False)
    return made


def full(entity: str) -> dict[str, Any]:
    """An instance with every field."""
    made: dict[str, Any] = _example(ENTITIES[entity], every=True)
    return made


def _example(kind: Any, *, every: bool) -> Any:
    if isinstance(kind, list):
        return [_example(kind[0], every=every)]
    if isinstance(kind, dict):
        if "|" in kind:
            return _example(kind["|"][0 if every else -1], every=every)
        if "*" in kind:
            return {"one": _example(kind["*"], every=every)}
        return {
            name.rstrip("!"): _example(inner, every=every)
            for name, inner in kind.items()
            if every or name.endswith("!")
        }
    if kind.startswith("= "):
        return kind.split()[1]
    if kind.startswith("@"):
        return _example(ENTITIES[kind[1:]], every=every)
    return {"str": "text", "num": 3, "bool": True, "null": None, "any": {"deep": [1, {"down": None}]}}[kind]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def instances(entity: str) -> st.SearchStrategy[dict[str, Any]]:
    """Instances with any of the fields that may be left out, and one that nobody knows."""
    return st.builds(lambda row, zork: {**row, "zork": zork}, _strategy(ENTITIES[entity]), _JSON)


def _strategy(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, list):
        return st.lists(_strategy(kind[0]), max_size=2)
    if isinstance(kind, dict):
        if "|" in kind:
            return st.one_of([_strategy(option) for option in kind["|"]])
        if "*" in kind:
            return st.dictionaries(st.text(max_size=5), _strategy(kind["*"]), max_size=2)
        return st.fixed_dictionaries(
            {name[:-1]: _strategy(inner) for name, inner in kind.items() if name.endswith("!")},
            optional={name: _strategy(inner) for name, inner in kind.items() if not name.endswith("!")},
        )
    if kind.startswith("= "):
        return st.sampled_from(kind.split()[1:])
    if kind.startswith("@"):
        return st.deferred(lambda: _strategy(ENTITIES[kind[1:]]))
    numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    return {"str": st.text(max_size=8), "num": numbers, "bool": st.booleans(), "null": st.none(), "any": _JSON}[kind]


def words_of(kind: Any) -> set[tuple[str, ...]]:
    """Every closed list of words in a kind."""
    if isinstance(kind, list):
        return words_of(kind[0])
    if isinstance(kind, dict):
        inner = kind["|"] if "|" in kind else kind.values()
        return set().union(*(words_of(item) for item in inner)) if inner else set()
    return {tuple(kind.split()[1:])} if kind.startswith("= ") else set()

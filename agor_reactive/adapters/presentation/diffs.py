"""What an edit of a file changes, as lines of a diff, read from the input of the call that makes it.

Agents name their arguments differently: old and new text (`old_string`, `oldString`), a list of such pairs (`edits`),
the whole new content of a file, or a patch. Lines are exact: no character of them hides another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from agor_reactive.adapters.presentation.exact import exact_text

__all__ = ["DiffLine", "DiffSign", "edit_diff"]

DiffSign: TypeAlias = Literal["+", "-", " ", "…"]
"""Added, removed, unchanged; or lines that are left out."""

TEXT_LIMIT: Final = 40_000
"""Characters of each text that are compared; longer ones are cut."""

COMPARED_LINES: Final = 600
"""Longer texts are shown as removed and added: comparing takes time that grows with the product of their lengths."""

CONTEXT: Final = 2
MOST_EDITS: Final = 50

_OLD: Final = ("old_string", "oldString", "old_str", "old_text")
_NEW: Final = ("new_string", "newString", "new_str", "new_text")
_PATCH: Final = ("patch", "input", "diff")


class DiffLine(NamedTuple):
    """A line of a diff."""

    sign: DiffSign
    text: str


def edit_diff(given: Any, *, limit: int = 2_000) -> tuple[DiffLine, ...]:
    """Return the diff of an edit, at most `limit` lines; empty for the input of a call that edits no file.

    >>> [*map(tuple, edit_diff({"file_path": "a", "old_string": "x\\ny", "new_string": "x\\nz"}))]
    [(' ', 'x'), ('-', 'y'), ('+', 'z')]
    """
    return tuple(islice(_lines(given), limit)) if isinstance(given, Mapping) else ()


def _lines(given: Mapping[str, Any]) -> Iterator[DiffLine]:
    old, new = _first(given, _OLD), _first(given, _NEW)
    edits = given.get("edits")
    if new is not None and old is not None:
        yield from _compared(old, new)
    elif isinstance(edits, tuple | list):
        first = True
        for edit in edits[:MOST_EDITS]:
            if isinstance(edit, Mapping):
                if not first:
                    yield DiffLine("…", "")
                first = False
                yield from _compared(_first(edit, _OLD) or "", _first(edit, _NEW) or "")
    elif isinstance(given.get("content"), str) and _first(given, ("file_path", "filePath", "path")) is not None:
        yield from _signed("+", _split(given["content"]))
    else:
        for name in _PATCH:
            patch = given.get(name)
            if isinstance(patch, str) and patch.startswith(("*** Begin Patch", "--- ", "diff --git ")):
                yield from _patched(_split(patch))
                return


def _first(given: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((value for name in names if isinstance(value := given.get(name), str)), None)


def _split(text: str) -> list[str]:
    return exact_text(text, TEXT_LIMIT).removesuffix("\n").split("\n") if text else []


def _signed(sign: DiffSign, lines: Iterable[str]) -> Iterator[DiffLine]:
    return (DiffLine(sign, line) for line in lines)


def _compared(old: str, new: str) -> Iterator[DiffLine]:
    before, after = _split(old), _split(new)
    if len(before) + len(after) > COMPARED_LINES:
        yield from _signed("-", before)
        yield from _signed("+", after)
        return
    for number, group in enumerate(SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT)):
        if number:
            yield DiffLine("…", "")
        for tag, first, last, start, end in group:
            if tag == "equal":
                yield from _signed(" ", before[first:last])
            else:
                yield from _signed("-", before[first:last])
                yield from _signed("+", after[start:end])


def _patched(lines: Iterable[str]) -> Iterator[DiffLine]:
    for line in lines:
        if line.startswith(("*** ", "@@", "--- ", "+++ ", "diff --git ", "index ")):
            yield DiffLine("…", line)
        elif line[:1] in ("+", "-"):
            yield DiffLine("+" if line[0] == "+" else "-", line[1:])
        else:
            yield DiffLine(" ", line[1:] if line[:1] == " " else line)

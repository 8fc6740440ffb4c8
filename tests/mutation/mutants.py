"""Small changes of a module's source that a test should notice: found in its syntax tree, made in its text."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mutant", "mutants_of"]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


Function = ast.FunctionDef | ast.AsyncFunctionDef
Scopes = tuple[Function | ast.ClassDef, ...]


@dataclass(frozen=True)
class Mutant:
    """One change: `before` and `after` are the text of the lines from `line` on that it touches.

    `name` tells it apart whatever its line number: file, function, old and new text. `functions` are the first lines of
    the functions that hold it, decorators included, the innermost last.
    """

    name: str
    path: str
    line: int
    functions: tuple[int, ...]
    before: str
    after: str
    source: str


def mutants_of(path: Path, root: Path) -> list[Mutant]:
    """Every change that is tried on a module."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    relative = path.relative_to(root).as_posix()
    found = []
    named: Counter[str] = Counter()
    for node, replacement, within in _changes(ast.parse(source)):
        start, end = _place(lines, node)
        if source[start:end] == replacement:
            continue
        changed = source[:start] + replacement + source[end:]
        first, last = node.lineno - 1, node.end_lineno or node.lineno  # type: ignore[attr-defined]
        after = changed.splitlines(keepends=True)
        old = "".join(lines[first:last])
        new = "".join(after[first : len(after) - (len(lines) - last)])
        within_name = ".".join(scope.name for scope in within)
        name = f"{relative} {within_name}: {' '.join(old.split())} => {' '.join(new.split())}"
        named[name] += 1
        if named[name] > 1:
            name += f" ({named[name]})"
        functions = tuple(_first_line(scope) for scope in within if isinstance(scope, Function))
        found.append(Mutant(name, relative, first + 1, functions, old, new, changed))
    return found


def _first_line(function: Function) -> int:
    return min([function.lineno, *(mark.lineno for mark in function.decorator_list)])


def _place(lines: list[str], node: ast.AST) -> tuple[int, int]:
    """Where the node's text begins and ends. Offsets of the tree count bytes."""

    def at(line: int, column: int) -> int:
        return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())

    return (
        at(node.lineno, node.col_offset),  # type: ignore[attr-defined]
        at(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
    )


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, Scopes]]:
    """Nodes, what is put in place of each, and the functions and classes around them."""
    for node, within in _executed(tree, ()):
        for changed, replacement in _changes_of(node):
            yield changed, replacement, within


def _changes_of(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        swapped = _COMPARISONS[type(node.ops[0])]()
        yield node, f"({ast.unparse(ast.Compare(node.left, [swapped], node.comparators))})"
    elif isinstance(node, ast.BoolOp):
        other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield node, f"({ast.unparse(ast.BoolOp(other, node.values))})"
        for value in node.values:
            yield value, "True" if isinstance(node.op, ast.And) else "False"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield node, str(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield node, str(node.value + 1)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.BitOr):
        yield node, f"({ast.unparse(node.left)})"
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        if not _is_negated_on_its_own(node.test):
            yield node.test, f"(not ({ast.unparse(node.test)}))"
    elif _is_an_effect(node):
        yield node, "pass"


def _is_negated_on_its_own(test: ast.expr) -> bool:
    """Whether the change of the test itself gives its opposite: `is not` for `is`, but not `<=` for `<`."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return not isinstance(test.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)


def _is_an_effect(node: ast.AST) -> bool:
    """Whether it is a call for its effect, or sets an attribute."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return isinstance(node, ast.Assign | ast.AugAssign) and isinstance(target, ast.Attribute)


def _executed(node: ast.AST, within: Scopes) -> Iterator[tuple[ast.AST, Scopes]]:
    """The nodes inside functions, without annotations and overloads, and the functions and classes around each."""
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, Function | ast.ClassDef):
        if any(getattr(mark, "id", "") == "overload" for mark in node.decorator_list):
            return
        within, children = (*within, node), list(node.body)
    elif any(isinstance(scope, Function) for scope in within):
        yield node, within
    for child in children:
        if child is not getattr(node, "annotation", None):
            yield from _executed(child, within)

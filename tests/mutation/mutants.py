"""Small changes of a module's source that a test should notice: found in its syntax tree, made in its text."""

from __future__ import annotations

import ast
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


@dataclass(frozen=True)
class Mutant:
    """One change: `before` and `after` are the text of the lines from `line` on that it touches."""

    path: str
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """What tells it apart, whatever its line number: file, old and new text."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.path}: {before} => {after}"


def mutants_of(path: Path, root: Path) -> list[Mutant]:
    """Every change that is tried on a module."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    found = []
    for node, replacement in _changes(ast.parse(source)):
        start, end = _place(lines, node)
        changed = source[:start] + replacement + source[end:]
        first, last = node.lineno - 1, node.end_lineno or node.lineno  # type: ignore[attr-defined]
        tail = len(lines) - last
        after = changed.splitlines(keepends=True)
        before_text = "".join(lines[first:last])
        after_text = "".join(after[first : len(after) - tail])
        found.append(Mutant(path.relative_to(root).as_posix(), first + 1, before_text, after_text, changed))
    return found


def _place(lines: list[str], node: ast.AST) -> tuple[int, int]:
    """Where the node's text begins and ends. Offsets of the tree count bytes."""

    def at(line: int, column: int) -> int:
        return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())

    return (
        at(node.lineno, node.col_offset),  # type: ignore[attr-defined]
        at(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
    )


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node in _executed(tree):
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
            yield node.test, f"(not ({ast.unparse(node.test)}))"
        elif _is_an_effect(node):
            yield node, "pass"


def _is_an_effect(node: ast.AST) -> bool:
    """Whether it is a call for its effect, or sets an attribute."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return isinstance(node, ast.Assign | ast.AugAssign) and isinstance(target, ast.Attribute)


def _executed(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes inside functions, without annotations and type-checking branches."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            if any(getattr(mark, "id", "") == "overload" for mark in function.decorator_list):
                continue
            pending: list[ast.AST] = list(function.body)
            while pending:
                node = pending.pop(0)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    continue  # found by the walk on its own
                yield node
                skipped = node.annotation if isinstance(node, ast.AnnAssign) else None
                pending += [child for child in ast.iter_child_nodes(node) if child is not skipped]

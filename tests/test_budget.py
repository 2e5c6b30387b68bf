"""The house stays small enough to read: lengths and parameters, measured over the whole source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import undrift

SOURCE = Path(undrift.__file__).parent

LINES, FILE, PARAMETERS, MEDIAN = 60, 500, 8, 5
"""Lines of a function and of a file (without blank lines, comments and docstrings), and parameters."""


def written(node: ast.AST, text: list[str]) -> int:
    """Lines of code of a function: no docstring, comment or blank line."""
    inside = {n for d in docstrings(node) for n in range(d.lineno, (d.end_lineno or d.lineno) + 1)}
    numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)  # type: ignore[attr-defined]
    lines = [text[n - 1].strip() for n in numbers if n not in inside]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def docstrings(tree: ast.AST) -> Iterator[ast.Expr]:
    """Every string that stands alone as a statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node


def functions() -> Iterator[tuple[str, int, int]]:
    """Every function: where it is, its lines of code, its parameters."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                own = [argument for argument in given if argument.arg not in ("self", "cls")]
                where = f"{path.relative_to(SOURCE)}:{node.name}"
                yield where, written(node, text.splitlines()), len(own)


def test_functions_are_short_and_take_few_parameters() -> None:
    found = list(functions())
    assert [(where, lines) for where, lines, _ in found if lines > LINES] == []
    assert median(lines for _, lines, _ in found) <= MEDIAN
    outside = [(where, given) for where, _, given in found if not where.startswith("cli/")]
    public = {"profiles/table.py:profile", "comparison/tables.py:compare", "schema.py:infer"}
    assert [(where, given) for where, given in outside if given > PARAMETERS and where not in public] == []


def test_files_are_short() -> None:
    sizes = {}
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        inside = {n for d in docstrings(tree) for n in range(d.lineno, (d.end_lineno or d.lineno) + 1)}
        lines = [line.strip() for n, line in enumerate(text.splitlines(), 1) if n not in inside]
        sizes[str(path.relative_to(SOURCE))] = sum(bool(x) and not x.startswith("#") for x in lines)
    assert {name: size for name, size in sizes.items() if size > FILE} == {}

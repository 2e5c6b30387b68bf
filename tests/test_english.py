"""Every error says what is wrong, in a clause with a verb, and what to do, in a sentence."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import undrift
from undrift import errors

ROOT = Path(undrift.__file__).parent

KINDS = {
    name
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, errors.UndriftError)
}


def text(node: ast.expr) -> str:
    """A message, with … for what is put in; empty for one that is made elsewhere."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values)
    return ""


def raised() -> list[tuple[str, ast.Call]]:
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                if len(node.args) == 1 and not text(node.args[0]):
                    continue  # a problem and a remedy that were put on record as one text
                found.append((f"{file.relative_to(ROOT)}:{node.lineno}", node))
    return found


def test_every_error_says_what_is_wrong_and_what_to_do() -> None:
    calls = raised()
    assert len(calls) > 150
    assert [where for where, call in calls if len(call.args) != 2] == []


def test_no_problem_is_a_bare_value() -> None:
    problems = {where: text(call.args[0]) for where, call in raised()}
    bare = {where: said for where, said in problems.items() if re.fullmatch(r"[\w.…\[\]]+( = …)?", said)}
    assert {w: said for w, said in bare.items() if said != "…"} == {}


def test_a_problem_is_a_clause_and_a_remedy_is_a_sentence() -> None:
    wrong = {}
    for where, call in raised():
        problem, remedy = map(text, call.args)
        if problem.endswith(".") or (remedy and remedy[-1] not in ".…?" and not remedy.startswith("pip ")):
            wrong[where] = (problem, remedy)
        if remedy and not (remedy[0].isupper() or remedy.startswith(("…", "pip ", "undrift "))):
            wrong[where] = (problem, remedy)
    assert wrong == {}

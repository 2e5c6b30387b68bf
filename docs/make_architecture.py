"""Draws docs/architecture.md from the import contract in pyproject.toml and the rooms' own first lines.

Run: uv run python docs/make_architecture.py
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "undrift"

HEAD = """# The house

A room imports only from floors below its own, never from its neighbours: `lint-imports` checks that. This
page is made by `docs/make_architecture.py` from the contract in `pyproject.toml` and modules' first lines.

    rows ──► Profile ──► Comparison ──► Decision ──► Candidate ──► Outcome ──► champion
             (summarise)  (compare)      (decide)     (retrain)     (gate)      (promote)

"""


def floors() -> list[list[str]]:
    """The rooms of each floor, the highest first."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contract["tool"]["importlinter"]["contracts"][0]["layers"]
    return [sorted(layer.split(" | ")) for layer in layers]


def said(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0] if text else ""


def room(name: str) -> list[str]:
    """The lines on a room: a module, or a package with its public modules."""
    alone = SOURCE / f"{name}.py"
    if alone.exists():
        return [f"- [`{name}.py`](../src/undrift/{name}.py): {said(alone)}"]
    folder = SOURCE / name
    inside = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))
    modules = ", ".join(f"`{stem}`" for stem in inside)
    return [f"- [`{name}/`](../src/undrift/{name}): {said(folder / '__init__.py')}", f"  {modules}"]


def architecture() -> str:
    """The page."""
    out = [HEAD]
    for number, rooms in zip(range(len(floors()), 0, -1), floors(), strict=True):
        out.append(f"## Floor {number}\n")
        out += [line for name in rooms for line in room(name)]
        out.append("")
    return "\n".join(out).rstrip() + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "architecture.md").write_text(architecture(), encoding="utf-8")

"""The documents say what the code does: commands, settings, parts, examples and snippets."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import undrift

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(undrift.__path__, "undrift.")
    if "_migrations" not in m.name and not m.name.endswith(("__main__", "dashboard.app"))
)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_run(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_the_reference_is_what_the_code_says() -> None:
    path = ROOT / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == made.reference(), (
        "run: uv run python docs/make_reference.py"
    )


def test_the_readme_shows_the_two_commands_each_on_a_line() -> None:
    assert "    pip install uv && uv run undrift demo\n" in README
    assert "    pip install uv && uv run pytest\n" in README


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_mini_runs_and_its_live_model_beats_the_first() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "mini.py"], capture_output=True, text=True, check=True
    )
    live, first = (
        float(n) for n in re.findall(r"(?:live|retrained) (\d+\.\d+)", done.stdout.splitlines()[-1])
    )
    assert live < 0.5 * first
    assert "promoted" in done.stdout


def test_mini_fits_in_a_newcomers_head() -> None:
    assert len((ROOT / "examples" / "mini.py").read_text().splitlines()) <= 165

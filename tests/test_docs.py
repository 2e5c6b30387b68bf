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
from undrift.plugins import find, names

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


@pytest.mark.parametrize("name", ["reference", "architecture"])
def test_a_page_that_is_made_is_what_its_script_makes(name: str) -> None:
    path = ROOT / "docs" / f"make_{name}.py"
    spec = importlib.util.spec_from_file_location(f"make_{name}", path)
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    kept = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert kept == getattr(script, name)(), f"run: uv run python docs/make_{name}.py"


@pytest.mark.parametrize("name", names("metrics"))
def test_the_example_of_every_metric_runs(name: str) -> None:
    """A metric is not a function, so doctest does not find it by itself."""
    module = importlib.import_module(find("metrics", name).function.__module__)
    example = doctest.DocTestParser().get_doctest(
        find("metrics", name).__doc__, dict(vars(module)), name, module.__file__, 0
    )
    assert example.examples, f"{name} shows no example"
    assert doctest.DocTestRunner().run(example).failed == 0


def test_every_metric_has_a_heading_and_says_what_it_declares() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for name in names("metrics"):
        one = find("metrics", name)
        section = text.partition(f"\n### `{name}`\n")[2].partition("\n##")[0]
        assert section, f"{name} has no heading"
        assert f"- default threshold: {one.threshold:g}\n" in section
        assert f"- symmetric: {'yes' if one.symmetric else 'no'}\n" in section
        assert f"- features: {' and '.join(one.kinds)}\n" in section
        assert re.search(r"^- range: 0 to (infinity|[\d.]+)$", section, re.MULTILINE)
        assert re.search(r"^- source: \S", section, re.MULTILINE), f"{name} names no source"


def test_the_readme_shows_the_two_commands_each_on_a_line() -> None:
    assert "    pip install uv && uv run undrift demo\n" in README
    assert "    pip install uv && uv run pytest\n" in README


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
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

"""Importing undrift costs nothing, its names work after every module was loaded, and nothing phones home."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pandas as pd

import undrift

PURE = """
import sys
before = set(sys.modules)
{}
print(*{{name.partition('.')[0] for name in set(sys.modules) - before}})
"""


def loaded_by(statement: str) -> set[str]:
    """Top-level modules outside the standard library that a statement loads in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", PURE.format(statement)], capture_output=True, text=True, check=True
    )
    return {name for name in done.stdout.split() if name not in sys.stdlib_module_names}


def test_importing_undrift_loads_no_third_party_module() -> None:
    assert loaded_by("import undrift") == {"undrift"}


def test_help_loads_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "pyarrow", "scipy", "sklearn", "sqlalchemy", "deltalake", "rich"}
    assert not loaded_by("from undrift.cli import execute; execute(['--help'])") & heavy


def test_status_loads_no_model_and_no_lake() -> None:
    loaded = loaded_by(
        "from undrift.workspace.overview import overview; from undrift.stores.sql import Sql; Sql()"
    )
    assert not loaded & {"pandas", "sklearn", "skops", "deltalake", "pyarrow"}


def test_public_names_work_after_every_module_was_imported() -> None:
    for module in pkgutil.walk_packages(undrift.__path__, "undrift."):
        if "_migrations" not in module.name and not module.name.endswith(("__main__", "dashboard.app")):
            import_module(module.name)
    rows = pd.DataFrame({"x": [float(i % 40) for i in range(4000)]})
    for _ in range(2):
        reference = undrift.profile(rows)
        result = undrift.compare(reference, rows)
        assert result.verdict == "stable"
        assert callable(undrift.open)


def test_no_function_of_a_package_has_the_name_of_one_of_its_modules() -> None:
    """A module that is imported takes the place of whatever its package called so before."""
    for package in pkgutil.walk_packages(undrift.__path__, "undrift."):
        if not package.ispkg or "_migrations" in package.name:
            continue
        loaded = import_module(package.name)
        modules = {m.name for m in pkgutil.iter_modules(loaded.__path__)}
        tree = ast.parse(Path(loaded.__file__ or "").read_text(encoding="utf-8"))
        assert not modules & {getattr(node, "name", "") for node in tree.body}, package.name


def test_the_command_line_runs_twice_in_one_process() -> None:
    twice = """
import sys
from undrift import cli
for words in (["parts", "--json"], ["status", "-C", "nowhere"], ["parts", "--json"]):
    sys.argv = ["undrift", *words]
    try:
        cli.main()
    except SystemExit as end:
        print(end.code)
"""
    done = subprocess.run([sys.executable, "-c", twice], capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if not line.startswith("{")] == ["0", "2", "0"]


def test_a_result_says_in_python_what_its_json_says() -> None:
    before = pd.DataFrame({"x": [float(i % 40) for i in range(4000)], "c": ["a", "b"] * 2000})
    after = before.assign(x=before.x + 100)
    result = undrift.compare(before, after)
    body = result.to_dict()
    assert result.drifted == ["x"]
    assert body["verdict"] == result.verdict == "drift"
    assert body["rows"] == {"reference": 4000, "current": 4000}
    assert body["features"][0]["name"] == "x"
    assert body["features"][0]["metrics"]["psi"] == result.features["x"].metrics["psi"]
    assert result.features["c"].verdict == "stable"


def test_a_result_renders_hostile_names_inertly() -> None:
    hostile = "<script>alert(1)</script>"
    before = pd.DataFrame({hostile: [float(i % 40) for i in range(4000)]})
    shown = undrift.compare(before, before + 100)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown

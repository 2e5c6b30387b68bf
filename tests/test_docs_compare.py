"""docs/compare.md: what it shows is what the commands print, and its commands and snippets run."""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from undrift.cli import execute

GUIDE = (Path(__file__).parent.parent / "docs" / "compare.md").read_text(encoding="utf-8")


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A table of orders and a day on which amounts are larger and country D is called E."""
    draw = random.Random(1)
    for name, mean, countries in (("train", 12.0, "ABCD"), ("today", 15.5, "ABCE")):
        rows = [
            (
                round(draw.gauss(mean, 4), 2),
                draw.choice(countries),
                draw.randint(0, 9),
                draw.random() < 0.9,
            )
            for _ in range(4000)
        ]
        table = pd.DataFrame(rows, columns=["amount", "country", "visits", "ok"])
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        table.to_parquet(tmp_path / f"{name}.parquet")
    for copy in ("monday", "tuesday"):
        (tmp_path / f"{copy}.parquet").write_bytes((tmp_path / "today.parquet").read_bytes())
    for copy, name in (("a", "train"), ("b", "today")):
        told = pd.read_csv(tmp_path / f"{name}.csv").assign(zip=range(4000), note="text")
        told["zip"] %= 7
        told.to_csv(tmp_path / f"{copy}.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_in_the_guide_is_what_is_printed(tables, capsys):
    assert execute(["compare", "train.parquet", "today.csv"]) == 3
    shown = re.search(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    assert shown
    assert capsys.readouterr().out == shown[1]


def test_every_command_of_the_guide_runs(tables):
    commands = re.findall(r"^    undrift (.*)$", GUIDE, re.MULTILINE)
    assert len(commands) > 7
    for command in commands:
        assert execute(shlex.split(command)) in (0, 3, None), command


def test_the_snippet_of_the_guide_runs(tables):
    snippet = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert snippet
    names = {"train": pd.read_csv("train.csv"), "today": pd.read_csv("today.csv")}
    exec(snippet[1], names)
    assert names["result"].verdict == "drift"
    assert names["result"].drifted == ["country", "amount"]

"""docs/calibration.md: its snippet, its settings and its commands do what they say."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from conftest import ask
from test_history import days
from undrift.config.wiring import load
from undrift.statistics.monitor import COMPONENTS

GUIDE = (Path(__file__).parent.parent / "docs" / "calibration.md").read_text(encoding="utf-8")


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A training table by day and a day on which amounts are larger."""
    train = days(70, rows=120).rename(columns={"t": "ts", "x": "amount"})
    train.to_parquet(tmp_path / "train.parquet")
    today = days(1, rows=120, seed=1, start="2024-04-01").rename(columns={"t": "ts", "x": "amount"})
    today.assign(amount=today["amount"] + 1.0).to_parquet(tmp_path / "today.parquet")
    monkeypatch.chdir(tmp_path)
    return train, today.assign(amount=today["amount"] + 1.0)


def test_the_snippet_of_the_guide_runs(tables):
    train, today = tables
    snippet = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names = {"train": train, "today": today, "days_before": [today]}
    exec(snippet[1], names)
    feature = names["feature"]
    assert (feature.verdict, feature.component, feature.direction) == ("drift", "location", "up")


def test_the_settings_of_the_guide_are_settings(tmp_path):
    text = re.search(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[1]
    (tmp_path / "undrift.toml").write_text(text, encoding="utf-8")
    config = load(tmp_path, environment={})
    for section, table in tomllib.loads(text).items():
        assert {key: config.get(f"{section}.{key}") for key in table} == table


def test_the_commands_of_the_guide_run_on_files(tables):
    commands = re.findall(r"^    undrift (.*)$", GUIDE, re.MULTILINE)
    on_files = [command for command in commands if "train.parquet" in command]
    assert len(on_files) >= 2
    for command in on_files:
        code, out, err = ask(*shlex.split(command))
        assert code in (0, 3), err
        assert out


def test_the_guide_names_every_component():
    assert all(f"`{name}`" in GUIDE for name in COMPONENTS)

"""Parts of another package: a small one that works, and what is said of those that do not."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from conftest import ask
from undrift.errors import ConfigError
from undrift.metrics import Metric, adapted
from undrift.plugins import ROOMS, _foreign
from undrift.records import Batch
from undrift.stores import versions

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "examples" / "parts"


def installed(folder: Path, code: str, **parts: str) -> None:
    """A package in a folder: its code, and its entry points by room."""
    (folder / "their_parts.py").write_text(code)
    info = folder / "their_parts-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-parts\nVersion: 1.2\n")
    lines = [f"[undrift.{room}]\n{name} = their_parts:{name}" for room, name in parts.items()]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which packages are installed for the time of a test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    _foreign.cache_clear()
    yield folder
    sys.modules.pop("their_parts", None)
    _foreign.cache_clear()


def rows(count: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.gamma(2.0, 1.0, count)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(count) * 1.6, "h")
    return pd.DataFrame({"id": np.arange(count), "at": at, "x": x, "y": 2 * x + rng.normal(0, 0.1, count)})


def workspace(folder: Path, *more: str) -> tuple[int, str]:
    rows()[:300].to_csv(folder / "history.csv", index=False)
    rows()[300:].to_csv(folder / "next.csv", index=False)
    words = ("--target", "y", "--id", "id", "--time", "at", "--set", "windows.size=1d")
    model = ("--set", "model.use=sklearn.linear_model:LinearRegression")
    code, _, err = ask("-C", folder / "w", "init", "--from", folder / "history.csv", *words, *model, *more)
    return code, err


def test_the_example_package_works(site: Path, tmp_path: Path) -> None:
    """As an installer would leave it: its module, and the entry points that its pyproject.toml declares."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    shutil.copy(PACKAGE / "my_parts.py", site)
    info = site / "my_undrift_parts-0.1.0.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head)
    groups = project["entry-points"].items()
    lines = [f"[{group}]\n{name} = {value}" for group, one in groups for name, value in one.items()]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    _foreign.cache_clear()
    told = json.loads(ask("parts", "--json")[1])["parts"]
    mine = {part["name"]: part["room"] for part in told if part["package"] == "my-undrift-parts"}
    assert mine == {
        "range_shift": "metrics",
        "negative": "quality",
        "monday": "policies",
        "last_half": "merging",
        "poisson": "losses",
        "count": "tasks",
        "middle": "trainers",
    }
    settings = ("--set", "policy.use=monday", "--set", 'merge.candidates=["last_half"]')
    settings += ("--set", "gate.windows=6", "--set", "data.task=count")
    settings += ("--set", 'model.also=[{use = "middle"}]')
    code, err = workspace(tmp_path, *settings, "--set", "policy.minimum_rows=20")
    assert code == 0, err
    later = rows()[300:]
    later[later["at"] < "2024-02-05T04:00"].to_csv(tmp_path / "next.csv", index=False)
    assert ask("-C", tmp_path / "w", "run", tmp_path / "next.csv")[0] == 0
    newest = ud.open(tmp_path / "w").history()[-1]
    assert newest.window.key == "2024-02-04", "a Sunday, which ends at midnight"
    assert [(rule.name, rule.holds) for rule in newest.decision.rules[:1]] == [("monday", True)]
    assert newest.outcome is not None
    assert newest.outcome.loss == "Poisson deviance"
    assert [trial.merge for trial in newest.outcome.trials] == ["mixture", "last_half", "last_half"]
    assert {version.trainer for version in versions(ud.open(tmp_path / "w").store)} >= {"middle"}
    result = ud.compare(rows(), rows(seed=1).assign(x=lambda d: -d["x"]), metric="range_shift", columns=["x"])
    assert result.features["x"].metrics["range_shift"] == pytest.approx(0.9, abs=0.5)
    assert any("negative numbers" in fault.text for fault in result.record.faults)


def test_a_plain_function_is_a_metric(site: Path, tmp_path: Path) -> None:
    installed(site, "def my_mean(ref, cur):\n    return abs(cur.mean - ref.mean)\n", metrics="my_mean")
    rows().to_csv(tmp_path / "a.csv", index=False)
    rows(seed=1).assign(x=lambda d: d["x"] + 1).to_csv(tmp_path / "b.csv", index=False)
    words = (
        "compare",
        tmp_path / "a.csv",
        tmp_path / "b.csv",
        "--metric",
        "my_mean",
        "--columns",
        "x",
        "--json",
    )
    code, out, err = ask(*words)
    assert code == 3, err
    feature = json.loads(out)["features"][0]
    assert feature["metrics"]["my_mean"] == pytest.approx(rows(seed=1)["x"].mean() + 1 - rows()["x"].mean())
    made = adapted(lambda ref, cur: 0.5, "half")
    assert isinstance(made, Metric)
    assert (made.name, made.understands("numeric"), made.understands("categorical")) == ("half", True, False)


BROKEN = {
    "gives text": ("metrics", "def part(ref, cur):\n    return 'much'\n", "gives 'much', which is no number"),
    "gives nothing": ("metrics", "def part(ref, cur):\n    pass\n", "gives None, which is no number"),
    "takes one": ("metrics", "def part(ref):\n    return 0.0\n", "fails: TypeError"),
    "no function": ("metrics", "part = 7\n", "is no metric but int 7"),
    "not importable": ("metrics", "import nothing_of_that_name\n", "cannot be imported: ModuleNotFoundError"),
    "not there": ("metrics", "other = 1\n", "cannot be imported"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_metric_that_is_none_is_named_with_its_fault(site: Path, tmp_path: Path, fault: str) -> None:
    room, code, says = BROKEN[fault]
    installed(site, code, **{room: "part"})
    rows().to_csv(tmp_path / "a.csv", index=False)
    code_, _, err = ask(
        "compare", tmp_path / "a.csv", tmp_path / "a.csv", "--metric", "part", "--columns", "x"
    )
    assert (code_, says in err) == (2, True), err
    assert "part" in err


POLICY = "class part:\n    def decide(self, situation):\n        return {}\n"
MERGE = "class part:\n    def select(self, windows):\n        return {}\n"

CHECK = "def part(ref, cur):\n    return {}\n"
MERGING = 'merge.candidates=["part"]'

UNFIT = {
    "a policy that gives a word": ("policies", POLICY.format("'retrain'"), "policy.use=part", "no Decision"),
    "a policy that fails": ("policies", POLICY.format("situation.nope"), "policy.use=part", "AttributeError"),
    "a strategy that gives a list": ("merging", MERGE.format("[1]"), MERGING, "no Selection"),
    "a strategy that fails": ("merging", MERGE.format("1 / 0"), MERGING, "ZeroDivision"),
    "a check that gives a number": ("quality", CHECK.format("3"), "gate.alpha=0.05", "no str"),
    "a loss that gives one number": (
        "losses",
        "def part(labels, predictions):\n    return 1.0\n",
        "score.loss=part",
        "no finite number for every row",
    ),
    "a metric of the loop": ("metrics", CHECK.format("[]"), "drift.metric=part", "no number"),
}


@pytest.mark.parametrize("fault", UNFIT)
def test_a_part_that_does_not_fit_is_refused_before_rows_are_taken_in(
    site: Path, tmp_path: Path, fault: str
) -> None:
    assert workspace(tmp_path)[0] == 0
    room, code, setting, says = UNFIT[fault]
    installed(site, code, **{room: "part"})
    _foreign.cache_clear()
    before = len(ud.open(tmp_path / "w").store.all(Batch))
    code_, out, err = ask("-C", tmp_path / "w", "run", tmp_path / "next.csv", "--set", setting)
    assert (code_, out) == (2, ""), err
    assert says in err
    assert "docs/parts.md" in err
    assert len(ud.open(tmp_path / "w").store.all(Batch)) == before


@pytest.mark.parametrize("setting", ["drift__metric", "policy__use", "score__loss"])
def test_parts_of_a_workspace_are_installed_not_files(tmp_path: Path, setting: str) -> None:
    """Commands that only read build parts too: nothing beside an undrift.toml is imported by them."""
    assert workspace(tmp_path)[0] == 0
    (tmp_path / "w" / "mine.py").write_text("raise SystemExit('imported')\n")
    with pytest.raises(ConfigError, match="import path"):
        ud.open(tmp_path / "w", **{setting: "./mine.py:part"})


def test_the_page_names_every_group_and_shows_the_package_as_it_is() -> None:
    page = (ROOT / "docs" / "parts.md").read_text(encoding="utf-8")
    for room in ROOMS:
        assert f"undrift.{room}`" in page
    source = re.sub(r' *""".*?"""\n\n?', "", (PACKAGE / "my_parts.py").read_text(), flags=re.DOTALL)
    for snippet in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(snippet, {})
        for definition in re.split(r"\n(?=def |class )", snippet):
            if definition.startswith(("def ", "class ")) and "vanished" not in definition:
                assert definition.strip() in re.sub(r"\n\n+", "\n\n", source), definition

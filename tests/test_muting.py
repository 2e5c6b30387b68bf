"""Muted features: the model sees them, nobody is paged by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import undrift as ud
from conftest import ask
from undrift.comparison.limits import Limits
from undrift.errors import ConfigError
from undrift.profiles.joint import Joint, correlations, pairs
from undrift.records import Comparison, Version


def stream(days: int = 80) -> pd.DataFrame:
    """Days of fifty rows; ``clock`` only grows, ``x`` is quiet and ``y`` depends on both."""
    rng = np.random.default_rng(3)
    rows = days * 50
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) * 24 / 50, "h")
    frame = pd.DataFrame({"at": at, "clock": np.arange(rows) // 100 / 10, "x": rng.normal(size=rows)})
    frame["w"] = frame["x"] * 0.7 + rng.normal(size=rows)
    return frame.assign(y=frame["x"] + frame["clock"] / 10 + rng.normal(0, 0.1, rows), id=np.arange(rows))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    frame = stream()
    frame[:2500].to_csv(tmp_path / "history.csv", index=False)
    frame[2500:].to_csv(tmp_path / "next.csv", index=False)
    code, _, err = ask(
        *("-C", tmp_path, "init", "--from", tmp_path / "history.csv", "--target", "y", "--time", "at"),
        *("--id", "id", "--set", "windows.size=5d", "--set", "policy.use=never"),
        *("--set", "model.use=sklearn.linear_model:LinearRegression"),
    )
    assert code == 0, err
    return tmp_path


def test_a_clock_among_the_features_is_drift_for_ever(workspace: Path) -> None:
    ask("-C", workspace, "run", workspace / "next.csv")
    found = ud.open(workspace).store.all(Comparison)[1:]
    assert all("clock" in {f.name for f in c.features if f.verdict == "drift"} for c in found)


def test_a_muted_clock_pages_nobody_and_is_named_as_left_out(workspace: Path) -> None:
    file = workspace / "undrift.toml"
    file.write_text(file.read_text().replace("[drift]\n", '[drift]\nignore = ["clock"]\n'))
    code, _, err = ask("-C", workspace, "run", workspace / "next.csv", "--detailed-exitcode")
    assert code == 0, err
    found = ud.open(workspace).store.all(Comparison)
    assert len(found) >= 5
    for comparison in found:
        assert comparison.verdict != "drift"
        assert comparison.left_out["clock"] == "not watched"
        assert "clock" not in {f.name for f in comparison.features}
        assert {"x", "w"} <= {f.name for f in comparison.features}
        assert any(one.name == "rank_correlation" for one in comparison.together)
    assert "clock" not in ud.open(workspace).explain().features
    assert "clock" in ud.open(workspace).store.all(Version)[0].importance, "the model still sees it"


def test_a_muted_name_that_no_column_has_is_refused_with_the_one_that_was_meant(workspace: Path) -> None:
    with pytest.raises(ConfigError, match="clock"):
        ud.open(workspace, drift__ignore=["clok"])


def test_mmd_cannot_leave_features_out() -> None:
    with pytest.raises(ConfigError, match="mmd looks at all features"):
        Limits(multivariate=("mmd",), ignore=("x",))


@settings(deadline=None, max_examples=20)
@given(st.sets(st.sampled_from("abcde"), max_size=5), st.integers(0, 100))
def test_correlations_without_features_are_those_of_the_others(muted: set[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = {name: rng.normal(size=400) for name in "abcde"}
    table["b"] = table["b"] + table["d"]
    sums = ud.profile(pd.DataFrame(table), time="order").history.joint
    assert isinstance(sums, Joint)
    whole = dict(zip(pairs(sums.names), correlations(sums.sums, 5)[0].T, strict=True))
    part = sums.without(muted)
    left = [name for name in sums.names if name not in muted]
    if len(left) < 2:
        assert part is None
        return
    assert part is not None
    assert part.names == tuple(left)
    for pair, values in zip(pairs(part.names), correlations(part.sums, len(left))[0].T, strict=True):
        assert values == pytest.approx(whole[pair])

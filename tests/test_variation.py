"""undrift calibrate: what a history says of windows to come."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from conftest import ask
from test_history import days
from undrift.comparison.variation import variation
from undrift.errors import ConfigError, TooFewError


def wandering(count: int, rows: int, between: float, seed: int = 0) -> pd.DataFrame:
    """Days whose level differs by so much from one to the next."""
    table = days(count, rows=rows, seed=seed)
    level = np.random.default_rng(seed + 1).normal(0, between, count)
    return table.assign(x=table["x"] + np.repeat(level, rows))


def found(table: pd.DataFrame, size: str | None = "1d", **how: object):
    result = variation(ud.profile(table, time="t", window="1d"), size, **how)
    return result, {f.name: f for f in result.features}


def test_the_variation_between_days_is_the_one_that_was_put_in():
    _, quiet = found(days(120, rows=200))
    _, wide = found(wandering(120, 200, 0.5))
    assert quiet["x"].between < 0.05
    assert wide["x"].between == pytest.approx(0.5 / np.sqrt(1 + 0.5**2), rel=0.25)
    assert quiet["c"].kind == "categorical"


def test_the_back_test_of_quiet_days_alarms_at_the_rate_asked_for():
    result, _ = found(wandering(240, 100, 0.2), alarm_rate=0.05)
    assert result.judged == result.windows == 240
    assert result.backtested <= 0.09


def test_what_is_found_is_found_and_more_rows_find_less():
    few, few_features = found(days(120, rows=60))
    many, many_features = found(days(120, rows=600))
    assert (few.rows, many.rows) == (60, 600)
    assert many_features["x"].least < few_features["x"].least
    table = days(121, rows=600, seed=0)
    ref = ud.profile(table[: 120 * 600], time="t", window="1d")
    moved = [
        ud.compare(ref, day.assign(x=day["x"] + 1.3 * many_features["x"].least), threshold=0.0).drifted
        for day in (days(1, rows=600, seed=s, start="2024-06-01") for s in range(20, 40))
    ]
    assert sum("x" in names for names in moved) >= 14, "four in five windows find the least move"


def test_rows_needed_are_those_that_find_the_threshold_or_none_where_no_number_does():
    _, quiet = found(days(120, rows=100), threshold=0.05)
    assert 20 < quiet["x"].rows < 2000
    _, wild = found(wandering(120, 100, 2.0), threshold=0.01)
    assert wild["x"].rows is None


def test_histories_that_are_not_there_or_too_short_are_said():
    with pytest.raises(ConfigError, match="no history"):
        variation(ud.profile(days(3)))
    with pytest.raises(TooFewError, match="holds 5 windows"):
        variation(ud.profile(days(5), time="t", window="1d"), "1d")
    with pytest.raises(ConfigError, match="whole blocks"):
        variation(ud.profile(days(120), time="t", window="1d"), "15h")


def test_the_command_compares_window_sizes_of_a_file(tmp_path):
    path = tmp_path / "train.parquet"
    days(120).to_parquet(path)
    code, out, err = ask(
        "calibrate", path, "--time", "t", "--window", "1d", "--window", "7d", "--window", "500"
    )
    assert (code, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines() if line.startswith("Windows")] == [
        "Windows of 1 day",
        "Windows of 1 week",
        "Windows of about 500 rows",
    ]
    code, out, _ = ask("calibrate", path, "--time", "t", "--window", "1d", "--json")
    body = json.loads(out)["windows"][0]
    assert body["windows"] == 120
    assert {f["name"] for f in body["features"]} == {"x", "y", "c"}
    code, out, _ = ask("calibrate", path, "--window", "500")
    assert code == 0, "the order of the rows is their time where no column is named"
    assert "Windows of about 500 rows" in out


def test_the_command_takes_the_live_model_of_a_workspace(demo_weeks):
    code, out, err = ask("-C", demo_weeks, "calibrate", "--window", "1d")
    assert (code, err) == (0, "")
    assert "Windows of 1 day" in out


@pytest.mark.parametrize(
    "wrong", [{"season": "wek"}, {"alarm_rate": 7.0}, {"threshold": -1.0}, {"size": "0"}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        variation(ud.profile(days(120), time="t", window="1d"), **{"size": "1d", **wrong})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("constant", [0.0, 1.0, 7.0])
def test_a_constant_feature_is_no_trouble(constant):
    _, features = found(days(120).assign(k=constant))
    assert features["k"].least is None

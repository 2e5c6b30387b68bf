"""Where no time column is named, the order of rows is time; not where they are sorted or grouped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from conftest import ask, moving_stream
from test_loop import HISTORY, make_loop
from undrift import inputs
from undrift.lakes import ORDER
from undrift.profiles.ordering import sorted_by
from undrift.schema import infer
from undrift.windows import Cut

INDEPENDENT = "rows are independent"


def waves(windows: int, rows: int = 200, between: float = 0.3, seed: int = 0) -> pd.DataFrame:
    """Rows in order whose level differs from stretch to stretch."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.normal(0, between, windows), rows)
    n = windows * rows
    return pd.DataFrame({"x": rng.normal(level), "z": rng.normal(size=n), "c": rng.choice(list("abc"), n)})


def test_quiet_windows_in_order_are_compared_with_windows_in_order() -> None:
    frame = waves(60)
    ref = ud.profile(frame[: 40 * 200], time="order")
    windows = [frame[i * 200 : (i + 1) * 200] for i in range(40, 60)]
    ordered = [ud.compare(ref, w, novelty=0).features["x"].verdict for w in windows]
    independent = [ud.compare(frame[: 40 * 200], w, novelty=0).features["x"].verdict for w in windows]
    assert ordered.count("drift") <= 1
    assert independent.count("drift") >= 5


def test_half_a_deviation_is_found_in_order() -> None:
    frame = waves(60, between=0.03)
    ref = ud.profile(frame[: 40 * 200], time="order")
    shifted = [frame[i * 200 : (i + 1) * 200].assign(x=lambda d: d["x"] + 0.5) for i in range(40, 60)]
    assert np.mean([ud.compare(ref, w).verdict == "drift" for w in shifted]) >= 0.9


@pytest.mark.parametrize("by", ["x", "c"])
@pytest.mark.parametrize("ascending", [True, False])
def test_sorted_or_grouped_rows_have_no_order_and_that_is_said(by: str, ascending: bool) -> None:
    frame = waves(40)
    found = ud.compare(frame.sort_values(by, ascending=ascending), frame[:200], time="order")
    assert INDEPENDENT in found.record.assumes
    assert f"sorted by {by}" in found.record.assumes
    assert "name the time column" in found.record.assumes


def test_rows_in_order_are_not_taken_for_sorted() -> None:
    for seed in range(20):
        history = ud.profile(waves(40, seed=seed), time="order").history
        assert history is not None
        assert sorted_by(history) == ""


def test_a_real_time_column_may_rise_with_a_feature() -> None:
    frame = waves(40).assign(t=lambda d: np.arange(len(d)), year=lambda d: np.arange(len(d)) // 2000.0)
    history = ud.profile(frame, time="t").history
    assert history is not None
    assert sorted_by(history) == ""


def test_a_column_of_that_name_wins_and_it_is_said() -> None:
    frame = waves(40).assign(order=lambda d: np.arange(len(d))[::-1])
    found = ud.compare(frame[:7600], frame[7600:], time="order")
    assert "the column 'order' is taken for the time" in found.record.assumes
    assert found.record.left_out["order"] == "time"
    assert found.record.new == ()


def test_the_order_of_rows_is_no_column_of_the_result() -> None:
    frame = waves(40)
    found = ud.compare(frame[:7600], frame[7600:], time="order")
    assert not found.record.new
    assert ORDER not in found.record.left_out
    assert not any(name.startswith("_undrift") for name in found.reference.columns)


def test_profiles_by_order_of_two_stretches_have_no_order_together() -> None:
    first = ud.profile(waves(20), time="order")
    assert first.merge(ud.profile(waves(20, seed=1), like=first)).history is None
    assert first.merge(first.empty()).history == first.history


def test_the_loop_takes_the_order_of_deliveries() -> None:
    frame = moving_stream(change=99)
    schema = infer(inputs.read(frame.drop(columns="at")), target="y", id="id")
    loop = make_loop(frame, schema=schema, cut=Cut.of(120))
    frame = frame.drop(columns="at")
    loop.start(inputs.read(frame[: HISTORY * 120]))
    found = [loop.step(inputs.read(frame[i * 120 : (i + 1) * 120])) for i in range(HISTORY, HISTORY + 3)]
    assert [r.comparison.record.calibration for r in found if r.comparison] == ["history"] * 3


def test_calibrate_takes_the_order_where_no_time_is_named(tmp_path: Path) -> None:
    waves(60).to_csv(tmp_path / "rows.csv", index=False)
    code, out, err = ask("calibrate", tmp_path / "rows.csv", "--window", "200", "--json")
    assert code == 0, err
    assert json.loads(out)["windows"][0]["windows"] >= 50


def test_compare_takes_it_from_the_command_line(tmp_path: Path) -> None:
    frame = waves(42)
    frame[:8000].to_csv(tmp_path / "a.csv", index=False)
    frame[8000:].to_csv(tmp_path / "b.csv", index=False)
    _, out, _ = ask("compare", tmp_path / "a.csv", tmp_path / "b.csv", "--time", "order", "--json")
    assert json.loads(out)["calibration"]["use"] == "history"

"""Labels are compared as `(target)` once they are known, and shown wherever features are."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from test_loop import make_loop
from undrift import inputs
from undrift.loop import Loop
from undrift.records import TargetComparison
from undrift.schema import TARGET, infer
from undrift.trainers.estimator import Estimator
from undrift.windows import Cut
from undrift.workspace.overview import overview

TREE = Estimator("sklearn.tree:DecisionTreeClassifier", {"max_depth": 3})


def stream(days: int, share: float = 0.5, seed: int = 0, rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = days * rows
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) * 86_400.0 / rows, unit="s")
    x = rng.normal(size=n)
    y = np.where(rng.random(n) < share + 0.2 * np.tanh(x), "yes", "no")
    return pd.DataFrame({"id": np.arange(n), "at": at, "x": x, "y": y})


def played(frame: pd.DataFrame, history: int = 20) -> Loop:
    schema = infer(inputs.read(frame), target="y", time="at", id="id")
    loop = make_loop(
        frame,
        {"use": "never"},
        schema=schema,
        trainer=TREE,
        cut=Cut.of("1d"),
        label_delay=timedelta(0),
    )
    days = frame["at"].dt.floor("D")
    first = days.iloc[0] + timedelta(days=history)
    loop.start(inputs.read(frame[days < first]))
    for day, rows in frame[days >= first].groupby(days):
        loop.step(inputs.read(rows), now=(day + timedelta(days=1)).tz_localize("UTC").to_pydatetime())
    return loop


def test_quiet_labels_are_no_drift() -> None:
    loop = played(stream(45))
    found = loop.store.all(TargetComparison)
    assert len(found) >= 24
    assert sum(t.feature.verdict == "drift" for t in found) <= 1


@pytest.mark.parametrize("broken", ["no", "yes"])
def test_labels_of_one_class_alone_are_drift_and_shown_with_the_features(broken: str) -> None:
    frame = stream(30)
    last = frame["at"].dt.floor("D") >= pd.Timestamp("2024-01-28")
    frame.loc[last, "y"] = broken
    loop = played(frame)
    by_window = {t.window: t.feature for t in loop.store.all(TargetComparison)}
    assert [by_window[f"2024-01-{day}"].verdict for day in (26, 27, 28, 29)] == [
        "stable",
        "stable",
        "drift",
        "drift",
    ]
    line = overview(loop.store).line("2024-01-28")
    assert line.comparison.features[0].name == TARGET
    assert line.verdict == "drift"
    assert "→ 100 %" in line.comparison.features[0].effect or "→ 0 %" in line.comparison.features[0].effect


def test_a_numeric_target_is_compared_as_a_number() -> None:
    frame = stream(30)
    frame["y"] = np.random.default_rng(5).normal(size=len(frame))
    frame.loc[frame["at"] >= pd.Timestamp("2024-01-28"), "y"] += 2.0
    schema = infer(inputs.read(frame), target="y", time="at", id="id")
    assert schema.task == "regression"
    days = frame["at"].dt.floor("D")
    loop = make_loop(frame, {"use": "never"}, schema=schema, cut=Cut.of("1d"), label_delay=timedelta(0))
    loop.start(inputs.read(frame[days < pd.Timestamp("2024-01-21")]))
    for day, rows in frame[days >= pd.Timestamp("2024-01-21")].groupby(days):
        loop.step(inputs.read(rows), now=(day + timedelta(days=1)).tz_localize("UTC").to_pydatetime())
    found = {t.window: t.feature for t in loop.store.all(TargetComparison)}
    assert found["2024-01-27"].verdict != "drift"
    assert found["2024-01-28"].verdict == "drift"
    assert found["2024-01-28"].component == "location"


def test_a_column_of_that_name_is_refused() -> None:
    with pytest.raises(Exception, match=r"\(target\)"):
        infer(inputs.read(pd.DataFrame({TARGET: [1.0, 2.0], "y": [0.0, 1.0]})), target="y")

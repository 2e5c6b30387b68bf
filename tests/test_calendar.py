"""Hour, weekday and month: shown to the model, in no drift, the same from every form of a time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import undrift as ud
from conftest import ask
from undrift.columns.calendar import FEATURES, names, with_features
from undrift.errors import DataError
from undrift.records import Comparison, Schema, Version

WANTED = ["hour", "weekday", "month"]


def stream(days: int = 70) -> pd.DataFrame:
    """Rows every hour from a Monday on; the label follows the hour and the weekday, which no column says."""
    rng = np.random.default_rng(5)
    at = pd.date_range("2024-01-01", periods=days * 24, freq="h")
    y = np.where(at.hour < 12, 0.0, 5.0) + at.weekday + rng.normal(0, 0.1, len(at))
    return pd.DataFrame({"at": at, "x": rng.normal(size=len(at)), "y": y, "id": np.arange(len(at))})


def init(folder: Path, history: pd.DataFrame, *more: object) -> tuple[int, str, str]:
    history.to_csv(folder / "history.csv", index=False)
    return ask(
        *("-C", folder, "init", "--from", folder / "history.csv", "--target", "y", "--id", "id"),
        *("--set", f"data.calendar={json.dumps(WANTED)}", *more),
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calendar")
    frame = stream()
    code, out, err = init(folder, frame[:720], "--time", "at", "--set", "windows.size=7d")
    assert code == 0, err
    assert "4 features: x, at_hour, at_weekday, at_month" in out
    frame[720:].to_csv(folder / "next.csv", index=False)
    assert ask("-C", folder, "run", folder / "next.csv")[0] == 0
    return folder


def test_a_model_learns_from_the_hour(workspace: Path) -> None:
    version = ud.open(workspace).store.all(Version)[0]
    assert version.reference_score is not None
    assert version.reference_score < 0.5  # without the calendar it is above 2
    assert version.importance["at_hour"] > version.importance["x"]


def test_a_new_month_is_no_drift(workspace: Path) -> None:
    found = ud.open(workspace).store.all(Comparison)
    assert len(found) >= 4
    for comparison in found:
        assert [f.name for f in comparison.features if f.name.startswith("at_")] == []
        assert comparison.left_out["at_month"] == "not watched"
        assert comparison.verdict != "drift"


def test_predictions_follow_the_clock(workspace: Path) -> None:
    loop = ud.open(workspace)
    rows = pd.DataFrame({"at": ["2024-03-11 03:00", "2024-03-11 20:00", "2024-03-17 20:00"], "x": [0.0] * 3})
    assert loop.predict(rows) == pytest.approx([0, 5, 11], abs=0.5)
    assert loop.predict(rows.assign(at_hour=3)) == pytest.approx([0, 5, 11], abs=0.5)
    with pytest.raises(DataError, match="no column 'at'"):
        loop.predict(rows[["x"]])


def test_the_setting_stays_with_the_workspace(workspace: Path) -> None:
    code, _, err = ask("-C", workspace, "status", "--set", "data.calendar=[]")
    assert code == 2, "status takes no settings"
    code, _, err = ask("-C", workspace, "run", "--set", 'data.calendar=["hour"]')
    assert (code, "was made with" in err) == (2, True)


def test_it_needs_event_times(tmp_path: Path) -> None:
    code, _, err = init(tmp_path, stream()[:720].drop(columns="at"))
    assert (code, "data.calendar needs event times: there is no data.time" in err) == (2, True)
    counted = stream()[:720].assign(at=np.arange(720))
    code, _, err = init(tmp_path, counted, "--time", "at", "--time-format", "counter")
    assert (code, "'at' only puts rows in order" in err) == (2, True)


def test_an_unknown_feature_is_named(tmp_path: Path) -> None:
    code, _, err = init(tmp_path, stream()[:720], "--time", "at", "--set", 'data.calendar=["hour","wekday"]')
    assert (code, "unknown feature 'wekday'" in err, "weekday" in err) == (2, True, True)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("iso", ["2024-12-31T23:30:00+01:00", "2024-02-04T01:00:00+01:00"]),
        ("%d.%m.%Y %H:%M", ["31.12.2024 22:30", "04.02.2024 00:00"]),
        ("epoch", [1735684200, 1707004800]),
    ],
)
def test_every_form_of_a_time_gives_the_same(form: str, values: list[object]) -> None:
    schema = Schema((), time="at", time_format=form, calendar=tuple(FEATURES))
    rows = with_features(pa.table({"at": values}), schema, "a.csv").select(names(schema)).to_pydict()
    assert rows == {"at_hour": [22, 0], "at_weekday": [1, 6], "at_month": [12, 2]}

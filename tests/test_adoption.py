"""A model that was fitted elsewhere: what it promises, and on which rows that was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, mean_absolute_error
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from conftest import ask
from undrift import artifacts, inputs
from undrift.errors import ConfigError, DataError, TooFewError
from undrift.loop import Loop
from undrift.plugins import build
from undrift.promise import promise, trusted
from undrift.records import Decision, Version, decode, encode
from undrift.schema import infer
from undrift.stores import holder
from undrift.stores.sql import Sql
from undrift.windows import Cut
from undrift.workspace.settled import Report

HISTORY, ROWS = 1_000, 200
X = ["x", "z"]


def quiet(windows: int = 10, seed: int = 0) -> pd.DataFrame:
    """Rows an hour apart that never change: a forest can learn their noise by heart."""
    random = np.random.default_rng(seed)
    n = windows * ROWS
    x, z = random.normal(size=n), random.normal(size=n)
    y = 2 * x + z**2 + random.normal(size=n)
    at = pd.date_range("2024-01-01", periods=n, freq="h")
    return pd.DataFrame({"id": [f"r{i}" for i in range(n)], "at": at, "x": x, "z": z, "y": y})


def make_loop(frame: pd.DataFrame, **changes: object) -> Loop:
    parts: dict[str, object] = {
        "schema": infer(inputs.read(frame), target="y", time="at", id="id"),
        "store": Sql(),
        "lake": build("lakes", {"use": "memory"}),
        "registry": build("registries", {"use": "memory"}),
        "policy": build("policies", {"use": "performance"}),
        "merges": {"everything": build("merging", {"use": "everything"})},
        "holder": holder(),
        "trainer": build("trainers", {"use": "refit"}),
        "cut": Cut.of(ROWS),
    }
    return Loop(**(parts | changes))


def by_heart(frame: pd.DataFrame) -> artifacts.Any:
    return RandomForestRegressor(30, random_state=0).fit(frame[X], frame.y)


def fitted(model: object) -> tuple[object, bytes, artifacts.Format]:
    return model, artifacts.dump(model), "skops"


def run(loop: Loop, frame: pd.DataFrame) -> Iterator[Report]:
    for start in range(HISTORY, len(frame), ROWS):
        yield loop.step(frame[start : start + ROWS])


def test_a_forest_that_knows_the_history_by_heart_is_not_retrained_in_quiet_windows() -> None:
    frame = quiet()
    loop = make_loop(frame)
    past = frame.head(HISTORY)
    model = by_heart(past)
    version = loop.start(past, fitted(model))
    in_sample = mean_absolute_error(past.y, model.predict(past[X]))
    later = mean_absolute_error(frame[HISTORY:].y, model.predict(frame[HISTORY:][X]))
    assert version.promise == "cross-fitted"
    assert version.reference_score == pytest.approx(later, rel=0.1)
    assert version.reference_score > 2 * in_sample
    assert len([*run(loop, frame)]) == 5
    assert [d.action for d in loop.store.all(Decision)] == ["keep"] * 5


def test_the_cross_fitted_loss_is_that_of_scikit_learn_over_the_same_parts() -> None:
    frame = quiet(7).assign(y=lambda d: np.where(d.y > 1.5, "yes", "no"))
    model = LogisticRegression().fit(frame[X], frame.y)
    version = make_loop(frame).start(frame, fitted(model))
    parts = PredefinedSplit(np.arange(len(frame)) // ROWS % 5)
    chances = cross_val_predict(model, frame[X], frame.y, cv=parts, method="predict_proba")
    assert version.reference_score == pytest.approx(log_loss(frame.y, chances))
    assert version.metric == "log loss"
    assert not version.mean_calibration.off


class Rule:
    """Predicts and cannot be cloned."""

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return 2 * rows["x"].to_numpy()


def test_a_model_that_cannot_be_cloned_is_held_to_its_first_windows() -> None:
    frame = quiet(9)
    loop = make_loop(frame)
    version = loop.start(frame.head(HISTORY), (Rule(), b"rule", "pickle"))
    assert (version.promise, version.reference_score) == ("first windows", None)
    assert version.importance["x"] == 1
    why = [report.why for report in run(loop, frame)]
    assert "its first 2 scored windows will be it" in why[0]
    assert all("in its first windows" in one for one in why[1:])
    assert {d.action for d in loop.store.all(Decision)} == {"keep"}


def test_rows_after_the_training_judge_the_model_and_come_after_its_last_window() -> None:
    frame = quiet(7)
    loop = make_loop(frame, cut=Cut.of("7d"))
    moment = frame.at[600, "at"].to_pydatetime().replace(tzinfo=UTC)
    model = by_heart(frame[:601])
    version = loop.start(frame, fitted(model), trained_until=moment)
    unseen = frame[601:]
    assert version.promise == "held out"
    assert version.reference_score == pytest.approx(mean_absolute_error(unseen.y, model.predict(unseen[X])))
    windows = {w.index: w for w in loop.archive.windows(history=True)}
    assert windows[version.through].start <= moment < windows[version.through].end
    assert loop.models.trained_rows(1).num_rows < loop.models.trained_on(1).rows.num_rows + 1 < len(frame)
    assert loop.reference().rows == loop.models.trained_rows(1).num_rows
    assert version.through < max(windows)


def test_a_model_older_than_all_rows_is_judged_on_all_of_them() -> None:
    frame = quiet(5)
    loop = make_loop(frame)
    model = LinearRegression().fit(frame[X], frame.y)
    version = loop.start(frame, fitted(model), trained_until=datetime(2020, 1, 1, tzinfo=UTC))
    assert version.reference_score == pytest.approx(mean_absolute_error(frame.y, model.predict(frame[X])))
    assert version.through == -1
    assert loop.reference().rows == len(frame)


@pytest.mark.parametrize("size", [ROWS, "batch", "7d"])
def test_a_holdout_file_judges_the_model_by_its_own_rows_only(size: int | str) -> None:
    frame = quiet()
    past, unseen = frame.head(HISTORY), frame[HISTORY:1_500]
    loop = make_loop(frame, cut=Cut.of(size))
    model = by_heart(past)
    version = loop.start(past, fitted(model), holdout=frame[HISTORY - 100 : 1_500])
    assert version.promise == "held out"
    assert version.reference_score == pytest.approx(mean_absolute_error(unseen.y, model.predict(unseen[X])))
    windows = loop.archive.windows(history=True)
    assert sum(w.rows for w in windows) == 1_500
    assert sum(w.rows for w in windows if w.index <= version.through) >= HISTORY
    assert version.through < windows[-1].index
    assert loop.step(frame[1_500:1_700]).batch.rows == ROWS


def test_rows_that_hold_nothing_out_are_refused() -> None:
    frame = quiet(5)
    model = fitted(LinearRegression().fit(frame[X], frame.y))
    for error, says, told in (
        (DataError, "the same rows as --from", {"holdout": frame}),
        (TooFewError, "no labelled rows in the holdout", {"holdout": frame.tail(50)}),
        (TooFewError, "no labelled rows after 2030", {"trained_until": datetime(2030, 1, 1, tzinfo=UTC)}),
        (ConfigError, "both", {"trained_until": datetime(2024, 1, 9, tzinfo=UTC), "holdout": frame}),
    ):
        with pytest.raises(error, match=says):
            make_loop(frame).start(frame, model, **told)
    with pytest.raises(ConfigError, match="no model is adopted"):
        make_loop(frame).start(frame, holdout=frame)


def test_predictions_that_came_with_the_rows_are_called_logged() -> None:
    frame = quiet(6).assign(said=lambda d: 2 * d.x)
    schema = infer(inputs.read(frame), target="y", time="at", id="id", prediction="said")
    version = make_loop(frame, schema=schema).start(frame)
    assert (version.number, version.promise) == (0, "logged")
    assert version.reference_score == pytest.approx(mean_absolute_error(frame.y, frame.said))
    until = frame.at[999, "at"].to_pydatetime().replace(tzinfo=UTC)
    held_out = make_loop(frame, schema=schema).start(frame, trained_until=until)
    assert held_out.promise == "held out"
    assert held_out.reference_score == pytest.approx(mean_absolute_error(frame.y[1000:], frame.said[1000:]))


def test_an_adopted_version_of_0_1_is_in_sample_and_no_reference() -> None:
    version = Version(1, "0009", "adopted", "Pipeline", "", "skops", 10, 9, None, "MAE", 65.6)
    told = encode(version)
    for name in ("promise", "mean_calibration", "heaviest"):
        del told[name]
    assert promise(decode(Version, told)) == "in sample"
    assert trusted(decode(Version, told)) is None
    trained = replace(version, merge="everything")
    assert (promise(trained), trusted(trained)) == ("held out", 65.6)
    assert promise(replace(version, number=0)) == "logged"


def made(tmp_path: Path, *options: object) -> tuple[str, dict[str, object], str]:
    """What init says about a forest fitted on the first 1,000 rows, and what models says of it."""
    frame = quiet(8)
    frame.head(HISTORY).to_csv(tmp_path / "history.csv", index=False)
    frame.to_csv(tmp_path / "all.csv", index=False)
    frame[HISTORY:1_400].to_csv(tmp_path / "holdout.csv", index=False)
    skops.io.dump(by_heart(frame.head(HISTORY)), tmp_path / "mine.skops")
    named = ("--target", "y", "--time", "at", "--id", "id", "--model", tmp_path / "mine.skops")
    code, out, err = ask("-C", tmp_path / "w", "init", *named, *options)
    assert code == 0, err
    models = json.loads(ask("-C", tmp_path / "w", "models", "--json")[1])["models"]
    return out, models[0], ask("-C", tmp_path / "w", "models")[1]


def test_init_and_models_say_where_the_score_is_from(tmp_path: Path) -> None:
    for i, (options, kind, words) in enumerate(
        (
            (("--from", "history.csv"), "cross-fitted", "by cross-fitting"),
            (("--from", "history.csv", "--holdout", "holdout.csv"), "held out", "on held-out rows"),
            (("--from", "all.csv", "--trained-until", "2024-02-11T15:00"), "held out", "on held-out rows"),
        )
    ):
        folder = tmp_path / str(i)
        folder.mkdir()
        placed = [folder / o if o.endswith(".csv") else o for o in options]
        out, version, listed = made(folder, *placed)
        assert words in out
        assert version["promise"] == kind
        assert kind in listed
        assert "MAE held out" not in listed


def test_a_moment_that_is_none_is_refused(tmp_path: Path) -> None:
    quiet(5).to_csv(tmp_path / "h.csv", index=False)
    code, _, err = ask("init", "--from", tmp_path / "h.csv", "--target", "y", "--trained-until", "soon")
    assert code == 2
    assert "--trained-until 'soon' is no time" in err

"""Losses that are estimated without labels: closed forms, coverage by simulation, their place in a loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from undrift import estimates, inputs, plugins
from undrift.config.wiring import created, load
from undrift.errors import ConfigError, ModelError
from undrift.estimates import Side, estimated
from undrift.estimates.cbpe import Cbpe, with_chances
from undrift.estimates.dle import Dle
from undrift.estimates.pape import Pape, ratios
from undrift.losses import loss as as_loss
from undrift.losses import named
from undrift.records import (
    Comparison,
    Estimate,
    Fault,
    FeatureComparison,
    Score,
    TargetComparison,
    Verdict,
    Window,
)
from undrift.workspace.diagnosis import diagnosis


def side(rows: int, seed: int, *, shift: float = 0.0, sharp: float = 1.0) -> Side:
    """Two classes whose log odds are known, and a model that says them ``sharp`` times too surely."""
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1.0, (rows, 3))
    odds = 1.5 * x[:, 0] - x[:, 1]
    labels = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return Side(pd.DataFrame(x, columns=list("abc")), 1 / (1 + np.exp(-sharp * odds)), labels)


EMPTY = pd.DataFrame()


# Closed forms ---------------------------------------------------------------------------------------


def test_the_expected_loss_of_right_probabilities_is_their_entropy() -> None:
    chance = np.array([[0.25, 0.75], [0.5, 0.5]])
    entropy = -np.sum(chance * np.log(chance), axis=1).mean()
    assert with_chances(Side(EMPTY, chance[:, 1]), chance, named("log_loss", "binary")) == pytest.approx(
        entropy
    )
    gini = np.mean(chance[:, 0] * chance[:, 1])
    assert with_chances(Side(EMPTY, chance[:, 1]), chance, named("brier", "binary")) == pytest.approx(gini)


@pytest.mark.parametrize("name", ["auc", "average_precision", "f1", "recall_at_k"])
def test_a_pooled_loss_is_expected_as_if_each_row_had_every_label_a_little(name: str) -> None:
    known = side(60_000, 0)
    chance = np.column_stack([1 - known.predictions, known.predictions])
    loss = named(name, "binary")
    assert known.labels is not None
    real = loss.over(known.labels, known.predictions)
    assert with_chances(known, chance, loss) == pytest.approx(real, abs=0.006)


def test_several_classes_are_expected_from_their_probabilities() -> None:
    rng = np.random.default_rng(0)
    chance = rng.dirichlet(np.ones(4), 20_000)
    labels = np.array([rng.choice(4, p=row) for row in chance], dtype=np.float64)
    frame = pd.DataFrame({"a": chance[:, 0]})
    for name in ("log_loss", "brier", "auc", "zero_one"):
        loss = named(name, "multiclass")
        found = (
            Cbpe().expected(Side(frame[:9000], chance[:9000], labels[:9000]), Side(frame, chance), loss).value
        )
        assert found == pytest.approx(loss.over(labels, chance), abs=0.02)


# What they are for ------------------------------------------------------------------------------------


def test_probabilities_that_are_too_sure_are_put_right_before_anything_is_expected() -> None:
    known, window = side(40_000, 1, sharp=3.0), side(40_000, 2, sharp=3.0)
    loss = named("log_loss", "binary")
    assert window.labels is not None
    real = loss.over(window.labels, window.predictions)
    raw = with_chances(window, np.column_stack([1 - window.predictions, window.predictions]), loss)
    assert Cbpe().expected(known, window, loss).value == pytest.approx(real, abs=0.03)
    assert raw < real - 0.15


def test_ratios_of_densities_are_those_of_two_normal_laws() -> None:
    known, window = side(4000, 3), side(4000, 4, shift=0.5)
    found = ratios(known, window)
    true = np.exp((known.rows.to_numpy() @ np.full(3, 0.5)) - 3 * 0.125)
    assert found.mean() == pytest.approx(1)
    assert np.corrcoef(np.log(found + 1e-3), np.log(true))[0, 1] > 0.85


def test_pape_is_nearer_than_cbpe_where_rows_come_from_elsewhere() -> None:
    """The model errs in one region only; the window lies there."""
    errors: dict[str, list[float]] = {"cbpe": [], "pape": []}
    for seed in range(6):
        rng = np.random.default_rng(seed)

        def rows(count: int, centre: float, rng: np.random.Generator = rng) -> Side:
            x = rng.normal(centre, 1.0, (count, 2))
            odds = np.where(x[:, 0] > 0.7, -0.5 * x[:, 1], 2 * x[:, 1])
            labels = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.float64)
            said = 1 / (1 + np.exp(-2 * x[:, 1]))
            return Side(pd.DataFrame(x, columns=["a", "b"]), said, labels)

        known, window = rows(5000, 0.0), rows(2000, 1.0)
        loss = named("log_loss", "binary")
        assert window.labels is not None
        real = loss.over(window.labels, window.predictions)
        errors["cbpe"].append(abs(Cbpe().expected(known, window, loss).value - real))
        errors["pape"].append(abs(Pape().expected(known, window, loss).value - real))
    assert np.mean(errors["pape"]) < 0.7 * np.mean(errors["cbpe"])


@pytest.mark.parametrize(
    ("task", "name"), [("binary", "log_loss"), ("binary", "auc"), ("regression", "absolute")]
)
def test_bands_hold_nine_in_ten_realised_losses_without_concept_drift(task: str, name: str) -> None:
    loss, held, tried = named(name, task), 0, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        model = HistGradientBoostingClassifier(max_iter=20)
        first = side(1500, 1000 + seed)
        model.fit(first.rows, first.labels)

        def rows(count: int, place: int, seed: int = seed, model: object = model) -> Side:
            found = side(count, 5000 + 100 * seed + place)
            if task == "binary":
                return Side(found.rows, model.predict_proba(found.rows)[:, 1], found.labels)  # type: ignore[attr-defined]
            noise = np.random.default_rng(900 + 100 * seed + place).normal(size=count)
            said = found.rows["a"].to_numpy()
            return Side(found.rows, said, said + noise * (0.5 + np.abs(found.rows["b"].to_numpy())))

        known = rows(3600, 0)
        part = Cbpe() if task == "binary" else Dle()
        for place in range(8):
            window = rows(300, 1 + place)
            band = estimated(part, part, known, Side(window.rows, window.predictions), loss)
            assert band is not None
            assert window.labels is not None
            held += band.lower <= loss.over(window.labels, window.predictions) <= band.upper
            tried += 1
        assert rng is not None
    assert 0.82 <= held / tried <= 0.98, f"{held} of {tried}; 0.9 is what the bands say"


@pytest.mark.parametrize("name", plugins.names("estimates"))
def test_an_estimate_needs_rows_and_labels(name: str) -> None:
    part = plugins.find("estimates", name)()
    task = part.tasks[0]
    loss = named("log_loss" if task == "binary" else "absolute", task)
    few = side(100, 0)
    assert estimated(part, part, few, few, loss) is None
    assert estimated(part, part, Side(few.rows, few.predictions), few, loss) is None
    assert np.isnan(part.expected(Side(few.rows, few.predictions), few, loss).value)


# In the loop ------------------------------------------------------------------------------------------


def stream(rows: int, first: int, *, turned: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    x = rng.normal(size=(rows, 2))
    y = (-2.0 if turned else 2.0) * x[:, 0] + rng.normal(0, 0.5, rows) * (1 + np.abs(x[:, 1]))
    return pd.DataFrame(x, columns=["a", "b"]).assign(id=np.arange(first, first + rows), y=y)


def test_windows_without_labels_are_estimated_and_concept_drift_is_told_once_labels_come(
    tmp_path: Path,
) -> None:
    options = {"data.target": "y", "data.id": "id", "estimate.use": "dle", "policy.use": "never"}
    options |= {"model.use": "sklearn.linear_model:LinearRegression", "lineup.use": "single"}
    history = stream(2000, 0)
    loop = created(load(tmp_path, options), inputs.read(history), "the history")
    loop.start(history)
    loop.step(stream(400, 2000))
    assert loop.store.all(Estimate) == [], "there are labels"
    live = loop.live()
    for turned in (False, True):
        late = stream(400, 2400 + 400 * turned, turned=turned)
        loop.step(late.drop(columns="y"))
        newest = loop.store.all(Estimate)[-1]
        assert newest.lower < newest.value < newest.upper
        fresh = [w for w in loop.archive.windows() if live.judged_through < w.index < newest.index]
        seen = [w for w in loop.archive.windows(history=True) if w.index > live.judged_through]
        assert newest.known == sum(w.rows for w in {*fresh, *seen}) < 2000, "not what it was trained on"
        loop.label(late[["id", "y"]])
        score = loop.store.all(Score)[-1]
        assert score.window == newest.window
        assert (newest.lower <= score.value <= newest.upper) is not turned
        decision = loop.store.all(type(loop.history()[-1].decision))[-1]
        assert any("concept drift" in said for said in decision.diagnosis) is turned
    assert loop.history()[-1].estimate == loop.store.all(Estimate)[-1]


def test_an_estimate_for_another_task_is_refused(tmp_path: Path) -> None:
    options = {"data.target": "y", "data.id": "id", "estimate.use": "cbpe"}
    options |= {"model.use": "sklearn.linear_model:LinearRegression"}
    with pytest.raises(ConfigError, match="'cbpe' is not for regression"):
        created(load(tmp_path, options), inputs.read(stream(600, 0)), "the history")
    assert not (tmp_path / ".undrift").exists(), "nothing was made"


def test_an_estimate_that_fails_is_said_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"data.target": "y", "data.id": "id", "estimate.use": "dle"}
    options |= {"model.use": "sklearn.linear_model:LinearRegression"}
    history = stream(2000, 0)
    loop = created(load(tmp_path, options), inputs.read(history), "the history")
    loop.start(history)
    loop.step(stream(400, 2000))
    for place, error in enumerate((ValueError("no"), ModelError("no", "None."))):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(Dle, "expected", fail)
        loop.step(stream(400, 2400 + 400 * place).drop(columns="y"))
        assert len(loop.history()) == 2 + place
    assert loop.store.all(Estimate) == []
    assert [record.message[:8] for record in caplog.records if "estimated" in record.message] == [
        "no loss "
    ] * 2


# Diagnosis --------------------------------------------------------------------------------------------


def comparison(verdict: Verdict = "stable", *faults: Fault) -> Comparison:
    feature = FeatureComparison("temperature", "numeric", verdict, "", ())
    window = Window("0009", 9, 100)
    return Comparison(verdict, 100, 100, (feature,), "history", window=window, faults=faults)


def scored(value: float) -> Score:
    return Score("0009", 9, 1, "MAE", value, 100, 1.0)


def test_each_kind_of_change_is_told_from_the_records() -> None:
    shifted = TargetComparison("0009", 9, 1, FeatureComparison("(target)", "numeric", "drift", "", ()), True)
    band = Estimate("0009", 9, 1, "dle", "MAE", 12.0, 9.0, 15.0, 100)
    fault = Fault("x", "constant", "is constant")
    assert diagnosis(comparison(), None, scored(10.0), 10.0, None, 0.2) == ()
    assert diagnosis(comparison("drift"), None, None, 10.0, None, 0.2) == ("covariate drift (temperature)",)
    assert diagnosis(comparison(), shifted, None, 10.0, None, 0.2) == ("label shift",)
    assert diagnosis(comparison("stable", fault), None, None, 10.0, None, 0.2) == ("bad data (x)",)
    (told,) = diagnosis(comparison(), None, scored(13.0), 10.0, None, 0.2)
    assert told.startswith("concept drift (the loss rose")
    assert diagnosis(comparison("drift"), None, scored(13.0), 10.0, None, 0.2) == (
        "covariate drift (temperature)",
    )
    found = diagnosis(comparison("drift"), None, scored(16.0), 10.0, band, 0.2)
    assert found[1] == "concept drift (the loss is above what the inputs explain)"
    assert diagnosis(comparison("drift"), None, scored(14.0), 10.0, band, 0.2) == (
        "covariate drift (temperature)",
    )


def test_weights_count_as_rows_do() -> None:
    known, window = side(4000, 5), side(500, 6)
    twice = np.where(np.arange(500) < 250, 2.0, 1.0)
    repeated = np.repeat(np.arange(500), twice.astype(int))
    for name in ("log_loss", "auc", "f1"):
        loss = named(name, "binary")
        heavy = Side(window.rows, window.predictions, weights=twice)
        longer = Side(window.rows.iloc[repeated], window.predictions[repeated])
        found, expected = (Cbpe().expected(known, one, loss).value for one in (heavy, longer))
        assert found == pytest.approx(expected, rel=1e-9)


def test_a_class_that_does_not_occur_is_not_in_the_mean_over_classes() -> None:
    random = np.random.default_rng(0)
    two = random.dirichlet([2.0, 2.0], 4000)
    labels = (random.random(4000) < two[:, 1]).astype(np.float64)
    three = np.column_stack([two, np.zeros(4000)])
    for name in ("auc", "f1", "average_precision"):
        loss = named(name, "multiclass")
        assert with_chances(Side(EMPTY, three), three, loss) == pytest.approx(
            loss.over(labels, three), abs=0.03
        )


def test_a_pooled_loss_of_numbers_is_not_estimated_row_by_row() -> None:
    @as_loss("regression", mean="RMSE", pooled=True)
    def rmse(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        return np.sqrt(np.mean((labels - predictions) ** 2))

    with pytest.raises(ConfigError, match="'dle' needs a loss of each row: 'rmse' is one of all rows"):
        estimates.named("dle", "regression", rmse)
    assert isinstance(estimates.named("cbpe", "binary", named("auc", "binary")), Cbpe)

"""Several learners, a map on the live model's output, and rows that count more than others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from conftest import ask
from undrift import artifacts, inputs, stores
from undrift.config.wiring import created, load
from undrift.errors import ConfigError, DataError, ModelError
from undrift.loop import Loop
from undrift.records import Column, Outcome, Refitted, Schema, Score
from undrift.trainers.recalibrate import Recalibrate, Recalibrated


def rows(count: int, first: int, *, shift: float = 0.0, weigh: bool = False) -> pd.DataFrame:
    """Numbers whose level rises by ``shift``; with weights, heavy rows follow a rule of their own."""
    rng = np.random.default_rng(first)
    x, z = rng.normal(size=count), rng.normal(size=count)
    y = 2 * x + z + shift + rng.normal(0, 0.3, count)
    frame = pd.DataFrame({"id": np.arange(first, first + count), "x": x, "z": z, "y": y})
    if weigh:
        heavy = rng.random(count) < 0.3
        frame["y"] = np.where(heavy, -2 * x, y)
        frame["w"] = np.where(heavy, 50.0, 1.0)
    return frame


def started(folder: Path, frame: pd.DataFrame, **settings: object) -> Loop:
    options = {"data.target": "y", "data.id": "id", "model.use": "sklearn.linear_model:LinearRegression"}
    options |= {key.replace("__", "."): value for key, value in settings.items()}
    loop = created(load(folder, options), inputs.read(frame), "the history")
    loop.start(frame)
    return loop


# Several learners ---------------------------------------------------------------------------------

TOML = """
[data]
target = "y"
id = "id"
[[model]]
use = "sklearn.linear_model:Ridge"
params.alpha = 1.0

[[model]]
use = "sklearn.tree:DecisionTreeRegressor"
params.max_depth = 4

[[model]]
use = "sklearn.linear_model:Ridge"
params.alpha = 100.0

[policy]
use = "schedule"
every = 2
minimum_rows = 1

[lineup]
use = "single"

[gate]
require = "better"
"""


def test_each_learner_trains_challengers_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "undrift.toml").write_text(TOML)
    rows(600, 0).to_csv(tmp_path / "train.csv", index=False)
    code, out, err = ask("-C", tmp_path, "init", "--from", tmp_path / "train.csv")
    assert code == 0, err
    assert "Ridge" in out
    for place in range(2):
        rows(200, 600 + 200 * place, shift=3.0).to_csv(tmp_path / "b.csv", index=False)
        assert ask("-C", tmp_path, "run", tmp_path / "b.csv")[0] == 0
    import undrift as ud

    loop = ud.open(tmp_path)
    trained = {(v.trainer, v.merge) for v in stores.versions(loop.store) if v.number > 1}
    names = {
        "sklearn.linear_model:Ridge",
        "sklearn.tree:DecisionTreeRegressor",
        "sklearn.linear_model:Ridge 2",
    }
    assert {trainer for trainer, _ in trained} == names
    (outcome,) = loop.store.all(Outcome)
    assert outcome.confidence == pytest.approx(1 - 0.05 / len(outcome.trials))


@pytest.mark.parametrize(
    ("also", "problem"),
    [
        ([{"use": "sklearn.linear_model:Ridge", "parms": {}}], "unknown key parms in"),
        ([{"params": {}}], "names no model"),
        (["ridge"], "names no model"),
    ],
)
def test_a_learner_that_does_not_fit_is_refused(tmp_path: Path, also: list[object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(tmp_path, {"model.use": "sklearn.linear_model:Ridge", "model.also": also}).check()


# Recalibration --------------------------------------------------------------------------------------


def test_a_shift_of_level_is_mended_by_a_map_and_refitted_without_seeing_what_judges_it(
    tmp_path: Path,
) -> None:
    tree = {"model__use": "sklearn.tree:DecisionTreeRegressor", "model__params.max_depth": 6}
    schedule = {"policy__use": "schedule", "policy__every": 5, "policy__minimum_rows": 1}
    loop = started(
        tmp_path,
        rows(900, 0),
        **tree,
        **schedule,
        lineup__use="single",
        model__also=[{"use": "recalibrate"}],
        merge__candidates=["everything"],
    )
    for place in range(7):
        loop.step(rows(150, 900 + 150 * place, shift=4.0))
    outcome = loop.store.all(Outcome)[0]
    trials = {stores.version(loop.store, t.version).trainer: t for t in outcome.trials}
    mapped = trials["recalibrate"]
    assert mapped.loss < outcome.champion_loss / 2
    assert outcome.promoted == mapped.version, "trees on old and new rows take the old level for half of it"
    version = stores.version(loop.store, mapped.version)
    assert (version.base, version.merge) == (1, "unseen")
    held_out = {w.index for w in loop.archive.windows() if w.key in outcome.held_out}
    assert version.twin is not None
    assert version.twin.snapshot is not None
    twin, serves = version.twin.snapshot.selection, version.snapshot.selection  # type: ignore[union-attr]
    first = stores.version(loop.store, 1)
    assert first.through < twin.first <= twin.last < min(held_out)
    assert (serves.first, serves.last) == (twin.first, max(held_out))
    assert len(loop.store.all(Refitted)) >= 2
    after = [s for s in loop.store.all(Score) if s.version == version.number]
    assert after
    assert after[-1].value < outcome.champion_loss / 2
    assert loop.models.trained_rows(version.number).num_rows == loop.models.trained_rows(1).num_rows


def test_a_map_on_an_adopted_model_is_compared_with_the_rows_that_this_came_with(tmp_path: Path) -> None:
    history = rows(900, 0)
    model = LinearRegression().fit(history[["x", "z"]], history["y"])
    options = {"data.target": "y", "data.id": "id", "model.use": "recalibrate", "lineup.use": "single"}
    options |= {"policy.use": "schedule", "policy.every": 3, "policy.minimum_rows": 1}
    loop = created(load(tmp_path, options), inputs.read(history), "the history")
    loop.start(history, (model, artifacts.dump(model), "skops"))
    for place in range(5):
        loop.step(rows(150, 900 + 150 * place, shift=4.0))
    live = loop.live()
    assert (live.trainer, live.base) == ("recalibrate", 1)
    assert loop.models.reference(live.number).rows == loop.models.reference(1).rows == 900


def schema(task: str, classes: tuple[str, ...] = ()) -> Schema:
    columns = tuple(Column(name, "double", "numeric") for name in "ab")
    return Schema(columns, target="y", task=task, classes=classes)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
@pytest.mark.parametrize("labels", [("no", "yes"), ("a", "b", "c")])
def test_probabilities_on_the_wrong_scale_are_put_right(method: str, labels: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(6000, 2)), columns=["a", "b"])
    scores = np.column_stack([frame["a"] * place for place in range(len(labels))])
    codes = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    model = LogisticRegression().fit(frame[:2000], np.array(labels)[codes[:2000]])
    model.coef_ = model.coef_ * 4
    task = "binary" if len(labels) == 2 else "multiclass"
    agreed = schema(task, labels)
    mapped = Recalibrate(method).fit(frame[2000:4000], codes[2000:4000].astype(float), agreed, model)
    from undrift import losses

    loss = losses.named("log_loss", task)
    fresh = frame[4000:].reset_index(drop=True)
    before = loss.over(codes[4000:].astype(float), artifacts.predict(model, fresh, agreed))
    after = loss.over(codes[4000:].astype(float), artifacts.predict(mapped, fresh, agreed))
    known = LogisticRegression().fit(frame[:2000], np.array(labels)[codes[:2000]])
    best = loss.over(codes[4000:].astype(float), artifacts.predict(known, fresh, agreed))
    assert after < before - 0.05
    assert after == pytest.approx(best, abs=0.02)
    again = artifacts.load(artifacts.dump(mapped), "skops")
    assert np.array_equal(artifacts.predict(again, fresh, agreed), artifacts.predict(mapped, fresh, agreed))
    twice = Recalibrate(method).fit(frame[2000:4000], codes[2000:4000].astype(float), agreed, mapped)
    assert twice.estimator is model, "a map is fitted anew, not laid over another one"
    assert set(mapped.predict(fresh)) <= set(labels)


def test_numbers_are_scaled_and_shifted_and_a_constant_is_only_shifted() -> None:
    frame = pd.DataFrame({"a": np.arange(100.0), "b": 0.0})
    model = LinearRegression().fit(frame, frame["a"])
    mapped = Recalibrate().fit(frame, 3 * frame["a"].to_numpy() + 5, schema("regression"), model)
    assert artifacts.predict(mapped, frame, schema("regression")) == pytest.approx(3 * np.arange(100.0) + 5)
    constant = DummyRegressor().fit(frame, np.ones(100))
    moved = Recalibrate().fit(frame, np.full(100, 7.0), schema("regression"), constant)
    assert artifacts.predict(moved, frame, schema("regression")) == pytest.approx(np.full(100, 7.0))


def test_a_map_needs_a_model_and_rows() -> None:
    frame = pd.DataFrame({"a": np.arange(10.0), "b": 0.0})
    with pytest.raises(ModelError, match="no live model"):
        Recalibrate().fit(frame, np.ones(10), schema("regression"), None)
    with pytest.raises(ModelError, match="10 labelled rows are newer"):
        Recalibrate().fit(frame, np.ones(10), schema("regression"), DummyRegressor().fit(frame, np.ones(10)))
    with pytest.raises(ConfigError, match="method = 'spline'"):
        Recalibrate("spline")
    assert isinstance(
        Recalibrate().fit(
            pd.concat([frame] * 6),
            np.ones(60),
            schema("regression"),
            DummyRegressor().fit(frame, np.ones(10)),
        ),
        Recalibrated,
    )


# Weights --------------------------------------------------------------------------------------------


def test_weights_count_in_training_scores_and_the_gate(tmp_path: Path) -> None:
    schedule = {"policy__use": "schedule", "policy__every": 2, "policy__minimum_rows": 1}
    plain = started(tmp_path / "plain", rows(600, 0, weigh=True).drop(columns="w"))
    loop = started(
        tmp_path / "weighed", rows(600, 0, weigh=True), data__weight="w", **schedule, lineup__use="single"
    )
    assert "w" not in [c.name for c in loop.schema.columns if c.role == "feature"]
    fresh = rows(300, 5000)
    assert np.corrcoef(loop.predict(fresh.drop(columns="y").assign(w=1.0)), fresh["x"])[0, 1] < -0.9
    assert np.corrcoef(plain.predict(fresh.drop(columns="y")), fresh["x"])[0, 1] > 0.5
    for place in range(2):
        batch = rows(200, 600 + 200 * place, weigh=True)
        loop.step(batch)
        score = loop.store.all(Score)[-1]
        said = loop.predict(batch.drop(columns="y"), 1)
        assert score.value == pytest.approx(np.average(np.abs(said - batch["y"]), weights=batch["w"]))
    (outcome,) = loop.store.all(Outcome)
    assert outcome.champion_loss < np.mean([s.value for s in loop.store.all(Score)]) * 1.5
    data = loop.archive.labelled_in([w for w in loop.archive.windows() if w.key in outcome.held_out])
    assert data.weights is not None
    said = loop.models.ask(1, data.rows)
    champion = np.average(np.abs(said - data.labels), weights=data.weights)
    assert outcome.champion_loss == pytest.approx(champion)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_weight_that_is_no_number_above_0_is_refused(tmp_path: Path, bad: float) -> None:
    loop = started(tmp_path, rows(300, 0, weigh=True), data__weight="w")
    batch = rows(50, 300, weigh=True)
    batch.loc[7, "w"] = bad
    with pytest.raises(DataError, match=r"weight 'w' of .* in row 8"):
        loop.step(batch)

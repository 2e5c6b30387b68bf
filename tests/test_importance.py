"""Permutation importance finds what a model uses, is kept with every version, and never stops a training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from conftest import moving_stream
from test_loop import HISTORY, make_loop, recorded
from undrift import inputs
from undrift.errors import ModelError
from undrift.explaining import importance
from undrift.losses.absolute import absolute
from undrift.losses.squared import squared
from undrift.records import Version, decode, encode


def mean_loss(labels: np.ndarray, values: np.ndarray) -> float:
    return float(absolute(labels, values).mean())


def rows_of(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    colour = pd.Series(rng.choice(["red", "blue"], n), dtype=object)
    return pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n), "colour": colour})


def test_a_model_that_uses_one_feature_has_all_its_importance_there() -> None:
    rows = rows_of(500)
    found = importance.increases(lambda some: some.x.to_numpy() * 2, rows, rows.x.to_numpy() * 2, mean_loss)
    assert found["z"] == found["colour"] == 0
    assert importance.shares(found) == {"x": 1.0, "z": 0.0, "colour": 0.0}


def test_the_increase_is_what_theory_says() -> None:
    """For y = x + 2z and squared loss a shuffled feature adds twice the variance of its term."""
    rows = rows_of(2000, seed=3)
    values = (rows.x + 2 * rows.z).to_numpy()
    found = importance.increases(
        lambda some: (some.x + 2 * some.z).to_numpy(),
        *(rows, values, lambda labels, v: float(squared(labels, v).mean())),
    )
    assert found["x"] == pytest.approx(2, rel=0.1)
    assert found["z"] == pytest.approx(8, rel=0.1)


def test_labels_are_shuffled_like_numbers() -> None:
    rows = rows_of(400)
    red = (rows.colour == "red").to_numpy(dtype=float)
    found = importance.increases(
        lambda some: (some.colour == "red").to_numpy(dtype=float), rows, red, mean_loss
    )
    assert importance.shares(found)["colour"] == 1


def test_a_pool_shows_what_the_rows_at_hand_never_varied() -> None:
    rows = rows_of(300).assign(z=1.0)

    def predict(some: pd.DataFrame) -> np.ndarray:
        return (some.x + some.z).to_numpy()

    assert importance.increases(predict, rows, predict(rows), mean_loss)["z"] == 0
    assert importance.increases(predict, rows, predict(rows), mean_loss, rows_of(900))["z"] > 0.5


def test_many_features_cost_no_more_predictions_than_allowed() -> None:
    rows = pd.DataFrame(
        np.random.default_rng(0).normal(size=(5000, 200)), columns=[f"f{i}" for i in range(200)]
    )
    asked: list[int] = []

    def predict(some: pd.DataFrame) -> np.ndarray:
        asked.append(len(some))
        return some.f7.to_numpy()

    found = importance.increases(predict, rows, rows.f7.to_numpy(), mean_loss)
    assert max(found, key=lambda name: found[name]) == "f7"
    assert sum(asked) <= importance.PREDICTIONS + importance.ROWS
    assert max(asked) <= importance.AT_ONCE


def test_the_same_rows_give_the_same_answer_and_are_left_as_they_were() -> None:
    rows = rows_of(3000)
    before = rows.copy()
    labels = rows.x.to_numpy()
    once, again = (
        importance.increases(lambda some: some.x.to_numpy(), rows, labels, mean_loss) for _ in range(2)
    )
    assert once == again
    pd.testing.assert_frame_equal(rows, before)


def test_shares_of_nothing_are_zero_and_of_no_rows_none() -> None:
    assert importance.shares({"x": -1.0, "z": 0.0}) == {"x": 0.0, "z": 0.0}
    assert importance.shares({"x": float("inf")}) == {}
    assert importance.increases(lambda some: some.x.to_numpy(), rows_of(0), np.empty(0), mean_loss) == {}


@pytest.fixture(scope="module")
def version() -> Version:
    frame = moving_stream()
    loop = make_loop(frame)
    return loop.start(recorded(loop, frame).past)


def test_a_trained_version_knows_its_features(version: Version) -> None:
    assert set(version.importance) == {"x", "z", "colour"}
    assert sum(version.importance.values()) == pytest.approx(1)
    assert version.importance["x"] > 0.7 > 0.3 > version.importance["colour"] > version.importance["z"]


def test_the_record_comes_back_and_older_ones_still_do(version: Version) -> None:
    assert decode(Version, encode(version)) == version
    older = {name: value for name, value in encode(version).items() if name != "importance"}
    assert decode(Version, older).importance == {}


class OnlyX:
    """A fitted model from elsewhere, which may refuse rows that it was not shown."""

    def __init__(self, known: int | None = None) -> None:
        self.known = known

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        if self.known is not None and len(rows) > self.known:
            raise ValueError("too many rows")
        return np.nan_to_num(rows.x.to_numpy()) * 2


def test_an_adopted_model_is_judged_on_its_labelled_rows() -> None:
    frame = moving_stream()
    loop = make_loop(frame)
    version = loop.start(recorded(loop, frame).past, model=(OnlyX(), b"from elsewhere", "pickle"))
    assert version.importance == {"x": 1.0, "z": 0.0, "colour": 0.0, "at": 0.0}


def test_a_model_that_cannot_be_asked_again_is_kept_without() -> None:
    frame = moving_stream()
    loop = make_loop(frame)
    model = OnlyX(known=HISTORY * 120)
    version = loop.start(recorded(loop, frame).past, model=(model, b"from elsewhere", "pickle"))
    assert version.importance == {}
    assert version.promise == "first windows"
    with pytest.raises(ModelError):
        loop.models.ask(version.number, inputs.read(pd.concat([frame] * 2)))


def test_a_foreign_model_has_none() -> None:
    frame = moving_stream().assign(guess=lambda f: f.y)
    loop = make_loop(frame, schema=with_prediction(frame))
    assert loop.start(recorded(loop, frame).past).importance == {}


def with_prediction(frame: pd.DataFrame) -> object:
    from undrift.schema import infer

    return infer(inputs.read(frame), target="y", time="at", id="id", prediction="guess")

"""What a model calls the classes, and maps on its output that keep what they know nothing of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from undrift import tasks
from undrift.errors import ModelError
from undrift.records import Column, Schema
from undrift.tasks._classes import spoken
from undrift.trainers.estimator import Estimator
from undrift.trainers.recalibrate import Recalibrate
from undrift.trainers.refit import Refit


def knows(*classes: Any) -> Any:
    return SimpleNamespace(classes_=np.array(classes))


@pytest.mark.parametrize(
    ("model", "classes", "words"),
    [
        (knows("a", "b"), ("a", "b"), ["a", "b"]),
        (knows("b", "a"), ("a", "b"), ["a", "b"]),
        (knows(0, 1), ("a", "b"), [0, 1]),
        (knows(0, 1), ("1", "2"), [0, 1]),
        (knows(1, 2), ("1", "2"), [1, 2]),
        (knows(9.0, 10.0), ("10", "9"), [10.0, 9.0]),
        (knows("a", "c"), ("a", "b", "c"), ["a", "b", "c"]),
        (knows(0, 2), ("x", "y", "z"), [0, 1, 2]),
        (object(), ("a", "b"), [0, 1]),
    ],
)
def test_names_or_codes_but_never_both(model: Any, classes: tuple[str, ...], words: list[Any]) -> None:
    assert spoken(model, classes) == words


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_model_of_other_classes_is_an_error_of_the_model(task: str) -> None:
    with pytest.raises(ModelError, match="knows the classes"):
        tasks.named(task).in_words_of(knows("u", "v"), np.zeros(2), ("a", "b"))


def fitted(classes: tuple[str, ...], rows: int = 4000, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(classes), rows).astype(np.float64)
    x = pd.DataFrame({f"x{i}": 1.5 * (labels == i) + random.normal(size=rows) for i in range(len(classes))})
    return x, labels


def agreed(classes: tuple[str, ...]) -> Schema:
    columns = tuple(Column(f"x{i}", "double", "numeric") for i in range(len(classes)))
    task = "binary" if len(classes) == 2 else "multiclass"
    return Schema(columns=columns, target="y", task=task, classes=classes)


def test_a_class_that_the_newest_rows_lack_keeps_its_probability() -> None:
    classes = ("a", "b", "c", "d")
    x, labels = fitted(classes)
    model = LogisticRegression().fit(x, np.array(classes)[labels.astype(int)])
    newest, said = fitted(classes, 2000, 1)
    lacking = said != 3
    mapped = Recalibrate().fit(newest[lacking], said[lacking], agreed(classes), model)
    before, after = model.predict_proba(newest), mapped.predict_proba(newest)
    assert np.allclose(after[:, 3], before[:, 3])
    assert np.allclose(after.sum(axis=1), 1)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_rows_of_one_class_teach_no_map(method: str) -> None:
    x, labels = fitted(("a", "b"))
    model = LogisticRegression().fit(x, np.array(["a", "b"])[labels.astype(int)])
    mapped = Recalibrate(method).fit(x[labels == 0], labels[labels == 0], agreed(("a", "b")), model)
    assert np.allclose(mapped.predict_proba(x), model.predict_proba(x))


def test_a_coded_model_is_recalibrated_and_one_of_unknown_classes_is_refused() -> None:
    classes = ("ant", "bee", "cat")
    x, labels = fitted(classes)
    coded = LogisticRegression(C=1e-3).fit(x, labels.astype(int))
    mapped = Recalibrate().fit(x, labels, agreed(classes), coded)
    places = (np.arange(len(labels)), labels.astype(int))
    before, after = (-np.log(m.predict_proba(x)[places]).mean() for m in (coded, mapped))
    assert after < before - 0.1
    other = LogisticRegression().fit(x, np.array(["u", "v", "w"])[labels.astype(int)])
    with pytest.raises(ModelError, match="knows the classes"):
        Recalibrate().fit(x, labels, agreed(classes), other)


def test_a_recalibrated_model_is_refitted_as_the_model_below_its_map() -> None:
    x, labels = fitted(("a", "b"))
    model = LogisticRegression().fit(x, np.array(["a", "b"])[labels.astype(int)])
    mapped = Recalibrate().fit(x, labels, agreed(("a", "b")), model)
    again = Refit().fit(x, labels, agreed(("a", "b")), mapped)
    assert isinstance(again, LogisticRegression)
    assert np.allclose(again.predict_proba(x), model.predict_proba(x))


@pytest.mark.parametrize("rows", [4000, 12_000])
def test_one_row_of_a_class_does_not_spoil_boosted_trees(rows: int) -> None:
    classes = ("a", "b", "rare")
    x, labels = fitted(classes, rows)
    labels[labels == 2] = 0
    labels[5] = 2
    path = "sklearn.ensemble:HistGradientBoostingClassifier"
    trained = Estimator(path).fit(x, labels, agreed(classes), None)
    said = tasks.named("multiclass").read(trained, trained.predict_proba(x), rows, classes)
    assert said[:, 2].max() == 0
    true = np.delete(said[np.arange(rows), labels.astype(int)], 5)
    assert -np.log(true).mean() < 0.7
    assert isinstance(trained.steps[-1][1], HistGradientBoostingClassifier)

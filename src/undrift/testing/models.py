"""Contracts of what models are made and judged by: losses, tasks and trainers."""

# ruff: noqa: S101 - an assertion is what a contract is made of

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from undrift import losses
from undrift.arrow import from_predictions, predictions
from undrift.errors import DataError
from undrift.losses import Loss
from undrift.records import Column, Schema
from undrift.tasks import Task
from undrift.trainers import Trainer
from undrift.trainers.estimator import Estimator


def check_loss(loss: Loss) -> None:
    """One finite number per row, of that row alone, or one for all of them; and least for the truth."""
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    if loss.pooled:
        check_pooled(loss, labels)
        return
    truth, lie = loss(labels, labels), loss(labels, 1 - labels)
    assert truth.shape == labels.shape
    assert np.isfinite(lie).all()
    assert np.all(truth < 1e-5)
    assert np.all(lie > truth)
    assert np.array_equal(loss(labels[::-1], 1 - labels[::-1]), lie[::-1]), "a row's loss is not its own"
    assert loss(labels[:0], labels[:0]).shape == (0,)


def check_pooled(loss: Loss, labels: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    """One number for all rows, the least for the truth, that no order of the rows changes; NaN for none."""
    truth, lie = loss(labels, labels), loss(labels, 1 - labels)
    assert 0 <= truth < lie
    assert loss(labels[::-1], 1 - labels[::-1]) == lie
    assert np.isnan(loss.over(labels[:0], labels[:0]))
    vague = np.array([0.1, 0.2, 0.9, 0.6])
    twice = loss(np.repeat(labels, 2), np.repeat(vague, 2))
    assert np.isclose(twice, loss(labels, vague, np.full(4, 2.0))), "weights do not count"
    blocks = np.array([0, 0, 1, 1])
    assert np.isclose(loss.by_row(labels, labels, blocks).mean(), truth)


def _column(values: np.ndarray[Any, np.dtype[np.float64]]) -> pa.ChunkedArray:
    return pa.chunked_array([predictions(values)])


def check_task(task: Task) -> None:
    """Labels come back as they were written, models are asked and read, a constant ranks nothing."""
    labels = np.array([0.0, 1.0, 2.0, 1.0] * 10) if task.name == "multiclass" else np.array([0.0, 1.0] * 20)
    names = ("maybe", "no", "yes") if task.name == "multiclass" else ("no", "yes")
    classes = names if task.kind == "categorical" else ()
    written = pa.chunked_array([task.written(labels, classes)])
    assert task.classes(written, "y", "the table") == classes
    assert str(written.type) == task.type
    assert np.array_equal(task.labels(written, "y", classes, "the table").to_numpy(), labels)
    rows = np.column_stack([labels, labels])
    model = Estimator("sklearn.dummy:Dummy" + task.wrapper)
    fitted = model.fit(pd.DataFrame(rows, columns=["a", "b"]), labels, _schema(task, classes), None)
    values = task.read(fitted, task.ask(fitted, pd.DataFrame(rows, columns=["a", "b"])), len(rows), classes)
    assert values.shape == task.shape(len(labels), classes)
    assert np.array_equal(from_predictions(predictions(values)), values)
    assert [*task.compared(values, classes)] == [column.name for column in task.outputs()]
    assert np.array_equal(task.logged(_column(values), "p", classes, "the table"), values)
    with contextlib.suppress(DataError):
        task.logged(_column(values * np.nan), "p", classes, "the table")
        raise AssertionError("predictions that are no numbers are taken in")
    assert len(task.answer(values, classes)[0]) == len(labels)
    assert len(task.in_words_of(fitted, labels, classes)) == len(labels)
    blocks = np.arange(40) // 4
    truth = labels if values.ndim == 1 else np.eye(len(classes))[labels.astype(int)]
    constant, known = task.ranking(labels, values, blocks), task.ranking(labels, truth, blocks)
    assert constant is not None
    assert known is not None
    assert (constant.ranks, known.ranks) == (False, True)
    assert task.ranking(labels * 0, values, blocks) is None
    assert task.name in (losses.named(task.loss, task.name).tasks or ())
    assert task.others(labels, truth)


def _schema(task: Task, classes: tuple[str, ...]) -> Schema:
    """Two numbers and a target."""
    columns = tuple(Column(name, "double", "numeric") for name in "ab")
    return Schema(columns=columns, target="y", task=task.name, classes=classes)


def check_trainer(trainer: Trainer, champion: Any = None) -> None:
    """A new model that predicts every row, from rows and a champion that stay as they were.

    The model that it fits, and the champion, are linear regressions.
    """
    rows = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60.0) % 7})
    labels, before = np.arange(60.0), rows.copy()
    columns = tuple(Column(name, "double", "numeric") for name in "ab")
    schema = Schema(columns=columns, target="y", task="regression")
    said = np.empty(0) if champion is None else champion.predict(rows)
    model = trainer.fit(rows, labels, schema, champion)
    assert trainer.name
    assert model is not champion
    assert np.shape(model.predict(rows)) == (60,)
    assert np.array_equal(model.predict(rows), trainer.fit(rows, labels, schema, champion).predict(rows))
    pd.testing.assert_frame_equal(rows, before)
    weights = np.where(np.arange(60) < 30, 1.0, 1e-9)
    weighed = trainer.fit(rows, np.where(labels < 30, labels, 0.0), schema, champion, weights)
    assert np.allclose(weighed.predict(rows)[:30], labels[:30], atol=1e-3), "weights make no difference"
    if champion is not None:
        assert np.array_equal(champion.predict(rows), said), "the champion was fitted anew itself"

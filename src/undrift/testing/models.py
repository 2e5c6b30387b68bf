"""Contracts of what models are made and judged by: losses, tasks and trainers."""

# ruff: noqa: S101 - an assertion is what a contract is made of

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from undrift import losses
from undrift.losses import Loss
from undrift.records import Column, Schema
from undrift.tasks import Task
from undrift.trainers import Trainer
from undrift.trainers.estimator import Estimator


def check_loss(loss: Loss) -> None:
    """One finite number per row, of that row alone, and least for the truth."""
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    truth, lie = loss(labels, labels), loss(labels, 1 - labels)
    assert truth.shape == labels.shape
    assert np.isfinite(lie).all()
    assert np.all(truth < 1e-5)
    assert np.all(lie > truth)
    assert np.array_equal(loss(labels[::-1], 1 - labels[::-1]), lie[::-1]), "a row's loss is not its own"
    assert loss(labels[:0], labels[:0]).shape == (0,)


def check_task(task: Task) -> None:
    """Labels come back as they were written, models are asked and read, a constant ranks nothing."""
    classes = ("no", "yes") if task.kind == "categorical" else ()
    labels = np.array([0.0, 1.0] * 20)
    written = pa.chunked_array([task.written(labels, classes)])
    assert str(written.type) == task.type
    assert np.array_equal(task.labels(written, "y", classes, "the table").to_numpy(), labels)
    rows = np.column_stack([labels, labels])
    model = Estimator("sklearn.dummy:Dummy" + task.wrapper)
    fitted = model.fit(pd.DataFrame(rows, columns=["a", "b"]), labels, _schema(task, classes), None)
    values = task.read(fitted, task.ask(fitted, pd.DataFrame(rows, columns=["a", "b"])), len(rows), classes)
    assert values.shape == labels.shape
    assert task.are_plausible(values)
    assert not task.are_plausible(np.array([np.nan]))
    assert len(task.answer(values, classes)[0]) == len(labels)
    assert len(task.in_words_of(fitted, labels, classes)) == len(labels)
    blocks = np.arange(40) // 4
    constant, known = task.ranking(labels, values, blocks), task.ranking(labels, labels, blocks)
    assert constant is not None
    assert known is not None
    assert (constant.ranks, known.ranks) == (False, True)
    assert task.ranking(labels * 0, values, blocks) is None
    assert losses.named(task.loss, task.name).task == task.name
    assert task.others(labels, labels)


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

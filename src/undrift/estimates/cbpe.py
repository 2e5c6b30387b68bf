"""Confidence-based performance estimation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.estimates import Estimator, Expected, Side, by_class
from undrift.estimates._chances import calibrated
from undrift.losses import Loss
from undrift.records import TaskName

Floats = NDArray[np.float64]


class Cbpe:
    """The loss that a model's own probabilities, put right on known rows, make one expect.

    Each row has each label with its probability. Source: Kivimäki, Białek, Nurminen
    and Kuberski, arXiv:2407.08649, 2024.
    """

    tasks: tuple[TaskName, ...] = ("binary", "multiclass")

    def expected(self, known: Side, window: Side, loss: Loss) -> Expected:
        """The expected loss of the window's rows; NaN where a pooled loss is not defined."""
        if known.labels is None:
            return Expected(float("nan"), 0)
        chances = calibrated(known.predictions, known.labels, window.predictions)
        return Expected(with_chances(window.predictions, chances, loss), len(known))


def with_chances(predictions: Floats, chances: Floats, loss: Loss) -> float:
    """The loss of predictions whose labels have some probabilities (rows, classes).

    A pooled loss is that of all rows with each label there is, as heavy as that is probable.

    >>> from undrift.losses import named
    >>> with_chances(np.array([0.5]), np.array([[0.25, 0.75]]), named("brier", "binary"))
    0.25
    """
    if not loss.pooled:
        return float(np.mean(np.sum(chances * by_class(predictions, loss), axis=1)))
    rows, classes = chances.shape
    labels = np.repeat(np.arange(classes, dtype=np.float64), rows)
    every = np.concatenate([predictions] * classes)
    return loss.over(labels, every, np.maximum(chances.T.ravel(), 1e-12))


_: type[Estimator] = Cbpe

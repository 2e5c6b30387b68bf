"""Confidence-based performance estimation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.estimates import Estimator, Expected, Side, by_class
from undrift.estimates._chances import calibrated
from undrift.losses import Loss
from undrift.records import TaskName

Floats = NDArray[np.float64]

HALF = 0.5
"""Rows of a label that are expected at least if it is to be counted."""


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
        chances = calibrated(known.predictions, known.labels, window.predictions, known.weights)
        return Expected(with_chances(window, chances, loss), len(known))


def with_chances(window: Side, chances: Floats, loss: Loss) -> float:
    """The loss of rows whose labels have some probabilities (rows, classes).

    A pooled loss is that of all rows with each label there is, as heavy as that is probable; a label of which
    less than half a row is expected is taken not to occur.

    >>> from undrift.losses import named
    >>> with_chances(Side(None, np.array([0.5])), np.array([[0.25, 0.75]]), named("brier", "binary"))
    0.25
    """
    if not loss.pooled:
        expected = np.sum(chances * by_class(window.predictions, loss), axis=1)
        return float(np.average(expected, weights=window.weights))
    occurring = np.flatnonzero(chances.sum(axis=0) >= HALF)
    labels = np.repeat(occurring.astype(np.float64), len(chances))
    every = np.concatenate([window.predictions] * len(occurring))
    mass = chances if window.weights is None else chances * window.weights[:, None]
    return loss.over(labels, every, np.maximum(mass[:, occurring].T.ravel(), 1e-12))


_: type[Estimator] = Cbpe

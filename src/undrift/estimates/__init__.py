"""Estimates: what a model's loss on a window probably is, before there are labels.

A part is a class named like its file, with the ``tasks`` that it is for and ``expected``, which gives the
loss of a window from its rows and predictions and from labelled rows of the same model. No estimate sees a
change of what rows mean (concept drift): it is drawn and named apart from scores, and no decision is made
from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError
from undrift.losses import Loss
from undrift.plugins import find
from undrift.records import TaskName
from undrift.statistics.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

CHUNKS, FEWEST_CHUNKS = 12, 4
"""Parts of the labelled rows on which the error of an estimate is learnt, at most and at least."""

FEWEST = 200
"""Labelled rows under which nothing is estimated."""

DRAWS = 150
"""Draws of labels from which is learnt how much a loss varies."""

CONFIDENCE = 0.9
"""How often the realised loss should lie within the band."""


@dataclass(frozen=True)
class Side:
    """Rows (rows, features), what a model said about them, and the labels (rows,) where they are known.

    ``weights`` (rows,) say how much each row counts; None where all count alike.
    """

    rows: pd.DataFrame
    predictions: Floats
    labels: Floats | None = None
    weights: Floats | None = None

    def __len__(self) -> int:
        return len(self.predictions)

    def only(self, chosen: NDArray[np.bool_]) -> Side:
        """The rows under a mask (rows,)."""
        labels = None if self.labels is None else self.labels[chosen]
        weights = None if self.weights is None else self.weights[chosen]
        return Side(self.rows[chosen], self.predictions[chosen], labels, weights)


@dataclass(frozen=True)
class Expected:
    """The loss that is expected of a window, NaN where there is none, and how many known rows bear it."""

    value: float
    rows: float


class Estimator(Protocol):
    """Estimates the loss of rows without labels."""

    tasks: tuple[TaskName, ...]

    def expected(self, known: Side, window: Side, loss: Loss) -> Expected:
        """The loss of the window's rows, learnt from ``known`` rows, which have labels."""


def named(name: str, task: TaskName, loss: Loss) -> Estimator:
    """The part of a name; raises ConfigError for one that cannot estimate such a loss of such a task.

    A part that needs a loss of each row says so by an attribute ``by_row``.
    """
    part: Estimator = find("estimates", name)()
    if task not in part.tasks:
        raise ConfigError(
            f"estimate.use = {name!r} is not for {task}", f"It is for {' and '.join(part.tasks)}."
        )
    if loss.pooled and getattr(part, "by_row", False):
        raise ConfigError(
            f"estimate.use = {name!r} needs a loss of each row: {loss.name!r} is one of all rows together",
            "Choose another score.loss, or leave estimate.use out.",
        )
    return part


def estimated(part: Estimator, quick: Estimator, known: Side, window: Side, loss: Loss) -> Interval | None:
    """The expected loss of a window with a band for the realised one; None where too little is known.

    How far estimates are off is learnt from the known rows: each of at most 12 parts of them, as long as
    the window if there are enough, is estimated from the others by the ``quick`` part, and the band is that
    of a Student t with as many degrees of freedom. It is wider where the model itself expects the loss of
    the window to vary more than that of known rows (narrower where less), and where fewer of these bear the
    estimate.
    """
    if known.labels is None or len(known) < FEWEST or not len(window):
        return None
    parts = min(CHUNKS, max(FEWEST_CHUNKS, len(known) // len(window)))
    place = np.arange(len(known)) * parts // len(known)
    found = [_error(quick, known, place == one, loss) for one in range(parts)]
    errors = np.array([error for error in found if np.isfinite(error)])
    said = part.expected(known, window, loss)
    if len(errors) < FEWEST_CHUNKS or not np.isfinite(said.value):
        return None
    from scipy.special import stdtrit

    borne = 1 + len(window) / len(known) * (len(known) / max(said.rows, 1.0) - 1)
    classes = "regression" not in part.tasks
    variance = (
        float(np.mean(errors**2)) * _vary(known.only(place == 0), window, loss, classes=classes) * borne
    )
    reach = float(stdtrit(len(errors), (1 + CONFIDENCE) / 2)) * np.sqrt(variance * (1 + 1 / len(errors)))
    return Interval(said.value, said.value - reach, said.value + reach, len(errors))


def _error(part: Estimator, known: Side, out: NDArray[np.bool_], loss: Loss) -> float:
    """How far the estimate of some known rows is off, made from the others."""
    some = known.only(out)
    if some.labels is None:
        return float("nan")
    realised = loss.over(some.labels, some.predictions, some.weights)
    return realised - part.expected(known.only(~out), some, loss).value


def _vary(before: Side, now: Side, loss: Loss, *, classes: bool) -> float:
    """How much more the loss of a window varies than that of some known rows; 1 where nobody can say.

    Labels are drawn as often as the model says them.
    """
    if not classes:
        return len(before) / len(now)
    old, new = (_drawn(side, loss) for side in (before, now))
    return new / old if np.isfinite(old) and np.isfinite(new) and old > 0 else 1.0


def _drawn(side: Side, loss: Loss) -> float:
    """The variance of the loss of rows whose labels are drawn by their probabilities."""
    random, chances = np.random.default_rng(0), side.predictions
    every = np.column_stack([1 - chances, chances]) if chances.ndim == 1 else chances
    ends = np.cumsum(every, axis=1)
    draws = [np.argmax(random.random((len(ends), 1)) < ends, axis=1).astype(np.float64) for _ in range(DRAWS)]
    return float(np.var([loss.over(labels, chances, side.weights) for labels in draws], ddof=1))


def by_class(predictions: Floats, loss: Loss) -> Floats:
    """What each row would lose with each label there is, shape (rows, classes)."""
    classes = 2 if predictions.ndim == 1 else predictions.shape[1]
    return np.column_stack([loss(np.full(len(predictions), float(c)), predictions) for c in range(classes)])

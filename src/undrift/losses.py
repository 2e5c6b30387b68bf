"""Per-row losses, on which models are judged, and the scores that stand beside them.

A loss takes labels and predictions of shape (rows,) and gives one number per row, so that
two models can be compared row by row. For two classes, labels are 0 and 1 and a prediction is
the probability of class 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError, suggest
from undrift.records import Task

Floats = NDArray[np.float64]

CLIP = 1e-6
"""Probabilities are kept this far from 0 and 1, so that one sure mistake costs 13.8, not infinity."""


def absolute(labels: Floats, predictions: Floats) -> Floats:
    """Absolute error, in the target's unit; its mean is the MAE.

    >>> absolute(np.array([1.0]), np.array([3.0]))
    array([2.])
    """
    return np.abs(labels - predictions)


def squared(labels: Floats, predictions: Floats) -> Floats:
    """Squared error; its mean is the MSE."""
    return (labels - predictions) ** 2


def log_loss(labels: Floats, predictions: Floats) -> Floats:
    """Minus the logarithm (nats) of the probability given to the true class.

    >>> float(log_loss(np.array([1.0]), np.array([0.5]))[0].round(4))
    0.6931
    """
    sure = np.clip(predictions, CLIP, 1 - CLIP)
    return -np.log(np.where(labels > 0.5, sure, 1 - sure))


def brier(labels: Floats, predictions: Floats) -> Floats:
    """Squared distance of the probability from what happened."""
    return (labels - predictions) ** 2


LOSSES: dict[str, tuple[Task, Callable[[Floats, Floats], Floats], str]] = {
    "absolute": ("regression", absolute, "MAE"),
    "squared": ("regression", squared, "MSE"),
    "log_loss": ("binary", log_loss, "log loss"),
    "brier": ("binary", brier, "Brier score"),
}
"""Loss by name: the task it is for, the function, and what its mean is called."""

DEFAULT: dict[Task, str] = {"regression": "absolute", "binary": "log_loss"}


def named(name: str, task: Task) -> tuple[Callable[[Floats, Floats], Floats], str]:
    """The loss function called ``name`` and what its mean is called; "auto" follows the task.

    Raises ConfigError for an unknown loss or one that is for another task.
    """
    name = DEFAULT[task] if name == "auto" else name
    fitting = [n for n, (for_task, _, _) in LOSSES.items() if for_task == task]
    if name not in fitting:
        raise ConfigError(f"no loss for {task} is called {name!r}", suggest(name, fitting))
    _, function, title = LOSSES[name]
    return function, title


def others(labels: Floats, predictions: Floats, task: Task) -> dict[str, float | None]:
    """Scores that are shown beside the deciding one; None where they are not defined."""
    if task == "regression":
        error = predictions - labels
        return {"rmse": float(np.sqrt(np.mean(error**2))), "bias": float(np.mean(error))}
    return {
        "accuracy": float(np.mean((predictions > 0.5) == (labels > 0.5))),
        "auc": auc(labels, predictions),
    }


def auc(labels: Floats, predictions: Floats) -> float | None:
    """Area under the ROC curve by mid-ranks (Mann-Whitney); None with one class only.

    >>> auc(np.array([0.0, 1.0]), np.array([0.2, 0.9]))
    1.0
    """
    positive = labels > 0.5
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return None
    _, inverse, counts = np.unique(predictions, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))

"""How well scores rank rows: each class against the others, the area under the ROC curve."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def against_others(labels: Floats, predictions: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Of each class that some rows have and others do not: which have it (0 and 1), and its probability."""
    if predictions.ndim == 1:
        if np.any(labels > 0.5) and np.any(labels < 0.5):
            yield labels, predictions
        return
    for code in np.unique(labels[labels >= 0]):
        own = (labels == code).astype(np.float64)
        if not own.all():
            yield own, predictions[:, int(code)]


def area(labels: Floats, predictions: Floats, weights: Floats | None = None) -> float:
    """The area under the ROC curve: how often a positive row is above a negative one, ties counting half.

    ``labels`` are 0 and 1; with ``weights`` a pair counts as much as its two rows.

    >>> area(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.9, 0.2]))
    0.75
    """
    mass = np.ones(len(labels)) if weights is None else weights
    values, place = np.unique(predictions, return_inverse=True)
    ones = np.bincount(place, mass * (labels > 0.5), len(values))
    zeros = np.bincount(place, mass * (labels < 0.5), len(values))
    below = np.cumsum(zeros) - zeros / 2
    return float(ones @ below / (ones.sum() * zeros.sum()))


def at_each(labels: Floats, predictions: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    """From the highest score down: the positives and all rows that are at or above each, by weight."""
    mass = np.ones(len(labels)) if weights is None else weights
    values, place = np.unique(-predictions, return_inverse=True)
    ones = np.bincount(place, mass * (labels > 0.5), len(values))
    return np.cumsum(ones), np.cumsum(np.bincount(place, mass, len(values)))

"""Brier score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.losses import loss
from undrift.losses._classes import of_truth

Floats = NDArray[np.float64]


@loss("binary", "multiclass", mean="Brier score")
def brier(labels: Floats, predictions: Floats) -> Floats:
    """Squared distance of the probability from what happened, of several classes the sum over them.

    Source: Brier (1950), for two classes the half of his sum.

    >>> brier(np.array([1.0]), np.array([0.5]))
    array([0.25])
    >>> brier(np.array([1.0]), np.array([[0.5, 0.5, 0.0]]))
    array([0.5])
    """
    found: Floats
    if predictions.ndim == 1:
        found = (labels - predictions) ** 2
    else:
        found = np.sum(predictions**2, axis=1) + 1 - 2 * of_truth(labels, predictions)
    return found

"""Brier score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.losses import loss

Floats = NDArray[np.float64]


@loss("binary", mean="Brier score")
def brier(labels: Floats, predictions: Floats) -> Floats:
    """Squared distance of the probability from what happened. Source: Brier (1950).

    >>> brier(np.array([1.0]), np.array([0.5]))
    array([0.25])
    """
    return (labels - predictions) ** 2

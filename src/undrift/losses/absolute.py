"""Absolute error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.losses import loss

Floats = NDArray[np.float64]


@loss("regression", mean="MAE")
def absolute(labels: Floats, predictions: Floats) -> Floats:
    """Absolute error, in the target's unit; its mean is the MAE.

    >>> absolute(np.array([1.0]), np.array([3.0]))
    array([2.])
    """
    return np.abs(labels - predictions)

"""Squared error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.losses import loss

Floats = NDArray[np.float64]


@loss("regression", mean="MSE")
def squared(labels: Floats, predictions: Floats) -> Floats:
    """Squared error, in the square of the target's unit; its mean is the MSE.

    >>> squared(np.array([1.0]), np.array([3.0]))
    array([4.])
    """
    return (labels - predictions) ** 2

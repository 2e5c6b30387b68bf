"""Absolute percentage error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError
from undrift.losses import loss

Floats = NDArray[np.float64]


@loss("regression", mean="MAPE")
def absolute_percentage(labels: Floats, predictions: Floats, *, least: float = 1.0) -> Floats:
    """Absolute error as a share of the label; its mean is the MAPE, 0.1 for ten percent.

    Labels nearer to 0 than ``least`` count as so much, in the target's unit. Raises ConfigError for one that
    is not above 0.

    >>> absolute_percentage(np.array([10.0, 0.0]), np.array([9.0, 0.5]))
    array([0.1, 0.5])
    """
    if not least > 0:
        raise ConfigError(f"score.params.least = {least} is out of range", "Give a number above 0.")
    return np.abs(labels - predictions) / np.maximum(np.abs(labels), least)

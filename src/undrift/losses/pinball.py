"""Pinball loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError
from undrift.losses import loss

Floats = NDArray[np.float64]


@loss("regression", mean="pinball loss at {quantile}")
def pinball(labels: Floats, predictions: Floats, *, quantile: float = 0.5) -> Floats:
    """Error that is least for the ``quantile``, in the target's unit: too low costs quantile times as much.

    At 0.5 it is half the absolute error. Source: Koenker and Bassett, Econometrica 46, 1978. Raises
    ConfigError for a quantile outside 0 and 1.

    >>> pinball(np.array([3.0, 1.0]), np.array([1.0, 3.0]), quantile=0.9)
    array([1.8, 0.2])
    """
    if not 0 < quantile < 1:
        raise ConfigError(f"score.params.quantile = {quantile} is out of range", "Give one from 0 to 1.")
    error = labels - predictions
    return np.maximum(quantile * error, (quantile - 1) * error)

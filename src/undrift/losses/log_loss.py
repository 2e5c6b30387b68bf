"""Log loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.losses import loss
from undrift.losses._classes import of_truth

Floats = NDArray[np.float64]

CLIP = 1e-6
"""Probabilities are kept this far from 0 and 1, so that one sure mistake costs 13.8, not infinity."""


@loss("binary", "multiclass", mean="log loss", bounded="brier")
def log_loss(labels: Floats, predictions: Floats) -> Floats:
    """Minus the logarithm (nats) of the probability given to the true class.

    >>> float(log_loss(np.array([1.0]), np.array([0.5]))[0].round(4))
    0.6931
    """
    return -np.log(np.clip(of_truth(labels, predictions), CLIP, 1 - CLIP))

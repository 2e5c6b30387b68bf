"""Share of wrong classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError
from undrift.losses import loss
from undrift.losses._classes import predicted

Floats = NDArray[np.float64]


@loss("binary", "multiclass", mean="error rate")
def zero_one(labels: Floats, predictions: Floats, *, threshold: float = 0.5) -> Floats:
    """1 where the predicted class is wrong, else 0; its mean is 1 minus the accuracy.

    Of two classes the second is predicted from a ``threshold`` of its probability on, of several the one of
    which most is said. Raises ConfigError for a threshold outside 0 and 1.

    >>> zero_one(np.array([1.0, 0.0]), np.array([0.7, 0.6]))
    array([0., 1.])
    """
    if not 0 < threshold < 1:
        raise ConfigError(f"score.params.threshold = {threshold} is out of range", "Give one from 0 to 1.")
    wrong: Floats = (predicted(predictions, threshold) != labels).astype(np.float64)
    return wrong

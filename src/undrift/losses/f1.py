"""F1 at a threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError
from undrift.losses import loss
from undrift.losses._classes import predicted

Floats = NDArray[np.float64]


@loss("binary", "multiclass", mean="1 − F1", pooled=True)
def f1(
    labels: Floats, predictions: Floats, *, threshold: float = 0.5, weights: Floats | None = None
) -> float:
    """1 minus F1, the harmonic mean of precision and recall; of several classes the mean over them.

    Of two classes the second counts, predicted from a ``threshold`` of its probability on. NaN where no row
    is of that class. Source: van Rijsbergen, Information Retrieval, 1979; for the mean over classes Opitz and
    Burst, arXiv:1911.03347. Raises ConfigError for a threshold outside 0 and 1.

    >>> f1(np.array([1.0, 1.0, 0.0]), np.array([0.9, 0.1, 0.2])).__round__(4)
    0.3333
    """
    if not 0 < threshold < 1:
        raise ConfigError(f"score.params.threshold = {threshold} is out of range", "Give one from 0 to 1.")
    said = predicted(predictions, threshold)
    mass = np.ones(len(labels)) if weights is None else weights
    wanted = [1] if predictions.ndim == 1 else np.unique(labels[labels >= 0]).astype(np.int64)
    found = []
    for code in wanted:
        true, claimed = labels == code, said == code
        if mass[true].sum() > 0:
            found.append(2 * mass[true & claimed].sum() / (mass[true].sum() + mass[claimed].sum()))
    return 1 - float(np.mean(found)) if found else float("nan")

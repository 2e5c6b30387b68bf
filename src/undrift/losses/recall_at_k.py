"""Recall among the rows with the highest scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError
from undrift.losses import loss
from undrift.statistics.ranks import at_each

Floats = NDArray[np.float64]


@loss("binary", mean="1 − recall at {k}", pooled=True)
def recall_at_k(
    labels: Floats, predictions: Floats, *, k: float = 0.1, weights: Floats | None = None
) -> float:
    """1 minus the share of all positive rows among the ``k`` of the rows with the highest scores.

    ``k`` is a share: 0.1 for a team that can look at a tenth of the rows. Of rows with the same score as many
    count as there is room for, each in part. NaN where no row is positive. Raises ConfigError for a share
    outside 0 and 1.

    >>> recall_at_k(np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.9, 0.2, 0.3]), k=0.5)
    0.5
    """
    if not 0 < k < 1:
        raise ConfigError(f"score.params.k = {k} is out of range", "Give a share from 0 to 1.")
    if not np.any(labels > 0.5):
        return float("nan")
    hits, rows = at_each(labels, predictions, weights)
    return 1 - float(np.interp(k * rows[-1], np.append(0.0, rows), np.append(0.0, hits)) / hits[-1])

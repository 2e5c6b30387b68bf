"""Average precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.losses import loss
from undrift.statistics.ranks import against_others, at_each

Floats = NDArray[np.float64]


@loss("binary", "multiclass", mean="1 − average precision", pooled=True)
def average_precision(labels: Floats, predictions: Floats, *, weights: Floats | None = None) -> float:
    """1 minus the precision at each positive row, on average: the area over the precision-recall steps.

    Of several classes it is the mean over each against the others. NaN where there is one class only.
    Source: Davis and Goadrich, ICML 2006, without interpolation.

    >>> average_precision(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.9, 0.1])).__round__(4)
    0.1667
    """
    found = [_precision(own, chance, weights) for own, chance in against_others(labels, predictions)]
    return 1 - float(np.mean(found)) if found else float("nan")


def _precision(labels: Floats, predictions: Floats, weights: Floats | None) -> float:
    hits, rows = at_each(labels, predictions, weights)
    return float(np.sum(np.diff(hits, prepend=0.0) * hits / rows) / hits[-1])

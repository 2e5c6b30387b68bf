"""Area over the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.losses import loss
from undrift.statistics.ranks import against_others, area

Floats = NDArray[np.float64]


@loss("binary", "multiclass", mean="1 − AUC", pooled=True)
def auc(labels: Floats, predictions: Floats, *, weights: Floats | None = None) -> float:
    """1 minus the area under the ROC curve: how often a positive row ranks below a negative one.

    Of several classes it is the mean over each against the others. NaN where there is one class only.
    Source: Hanley and McNeil, Radiology 143, 1982.

    >>> auc(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.9, 0.1]))
    0.5
    """
    found = [area(own, chance, weights) for own, chance in against_others(labels, predictions)]
    return 1 - float(np.mean(found)) if found else float("nan")

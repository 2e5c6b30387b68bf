"""Jensen-Shannon distance."""

from __future__ import annotations

import math

import numpy as np

from undrift.metrics import metric
from undrift.profiles.bins import common, effective, smoothed
from undrift.profiles.feature import AnyProfile


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """√((K - 1) / 8 n_e): without drift 8 n_e JS is chi-square with K - 1 degrees of freedom."""
    a, b = common(ref, cur)
    worth = effective(a, b)
    return math.sqrt((len(a) - 1) / (8 * worth)) if worth else float("inf")


@metric("numeric", "categorical", symmetric=False, threshold=0.1, noise=_noise, upper=math.sqrt(math.log(2)))
def jensen_shannon(ref: AnyProfile, cur: AnyProfile) -> float:
    """Square root of the Jensen-Shannon divergence in nats, 0 to √ln 2 = 0.833.

    Over the reference's deciles or over labels, half a row added to each: sides that share no label come
    near √ln 2, to 0.830 at 1,000 rows each. 0 when either side has no value. Source: Endres
    & Schindelin (2003), IEEE Trans. Information Theory 49(7).

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> same = CategoricalProfile(counts={"a": 5, "b": 5})
    >>> jensen_shannon(same, same)
    0.0
    """
    a, b = common(ref, cur)
    if not a.sum() or not b.sum():
        return 0.0
    p, q = smoothed(a), smoothed(b)
    middle = (p + q) / 2
    divergence = np.sum(p * np.log(p / middle) + q * np.log(q / middle)) / 2
    return math.sqrt(max(0.0, float(divergence)))

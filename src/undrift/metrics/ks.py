"""Kolmogorov-Smirnov distance."""

from __future__ import annotations

import math

import numpy as np

from undrift.metrics import metric
from undrift.profiles.bins import effective, fine
from undrift.profiles.feature import AnyProfile

MEAN_OF_KOLMOGOROV = math.sqrt(math.pi / 2) * math.log(2)
"""Mean of the Kolmogorov distribution, the limit of √n_e KS without drift."""


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    worth = effective(*fine(ref, cur))
    return MEAN_OF_KOLMOGOROV / math.sqrt(worth) if worth else float("inf")


@metric("numeric", symmetric=True, threshold=0.1, upper=1.0, noise=_noise)
def ks(ref: AnyProfile, cur: AnyProfile) -> float:
    """The largest gap between the two distribution functions, 0 to 1.

    Taken at the edges of the fine grid: exact where every value has its own cell, else too small by
    less than the larger share of a single cell. 0 when either side has no value. Source: Smirnov
    (1939), Bull. Math. Univ. Moscou 2.

    >>> import numpy as np
    >>> from undrift.profiles.numeric import NumericProfile
    >>> low = NumericProfile.of(np.array([1.0, 2.0]), null=0)
    >>> ks(low, NumericProfile.of(np.array([8.0, 9.0]), null=0, grid=low.grid))
    1.0
    """
    a, b = fine(ref, cur)
    if not a.sum() or not b.sum():
        return 0.0
    return float(np.max(np.abs(np.cumsum(a) / a.sum() - np.cumsum(b) / b.sum())))

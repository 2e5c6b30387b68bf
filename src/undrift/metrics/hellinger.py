"""Hellinger distance."""

from __future__ import annotations

import math

import numpy as np

from undrift.metrics import metric
from undrift.metrics._noise import mean_of_chi
from undrift.profiles.bins import common, effective, freedom, shares
from undrift.profiles.feature import AnyProfile


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """E √χ² / √(8 n_e): without drift 8 n_e H² is chi-square with K - 1 degrees of freedom."""
    a, b = common(ref, cur)
    worth = effective(a, b)
    return mean_of_chi(freedom(a, b)) / math.sqrt(8 * worth) if worth else math.inf


@metric("numeric", "categorical", symmetric=False, threshold=0.1, upper=1.0, noise=_noise)
def hellinger(ref: AnyProfile, cur: AnyProfile) -> float:
    """Hellinger distance √(½ Σ (√p - √q)²) over the reference's deciles or over labels, 0 to 1.

    It needs no prior, for empty bins leave it finite. It is symmetric in p and q, but the bins are
    the reference's. 0.1 is what a normal shows that moves by 0.3 sd. 0 when either side has no
    value. Source: Hellinger (1909), J. reine angew. Math. 136.

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> hellinger(CategoricalProfile(counts={"a": 9}), CategoricalProfile(counts={"b": 4}))
    1.0
    """
    p, q = shares(*common(ref, cur))
    return math.sqrt(float(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2)) / 2)

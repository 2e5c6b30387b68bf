"""Total variation distance."""

from __future__ import annotations

import math

import numpy as np

from undrift.metrics import metric
from undrift.metrics._noise import HALF_NORMAL
from undrift.profiles.bins import common, effective, pooled, shares
from undrift.profiles.feature import AnyProfile


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """½ Σ √(2 h (1 - h) / π n_e): each share differs by a normal; h are the shares of both together."""
    a, b = common(ref, cur)
    worth, h = effective(a, b), pooled(a, b)
    return HALF_NORMAL * float(np.sum(np.sqrt(h * (1 - h)))) / (2 * math.sqrt(worth)) if worth else math.inf


@metric("numeric", "categorical", symmetric=False, threshold=0.1, upper=1.0, noise=_noise)
def total_variation(ref: AnyProfile, cur: AnyProfile) -> float:
    """Share of rows that would have to change their bin, ½ Σ |p - q|, 0 to 1.

    Over the reference's deciles or over labels. It is symmetric in p and q, but the bins are the
    reference's. 0 when either side has no value. Source: Levin & Peres, Markov Chains and Mixing
    Times (2017), section 4.1.

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> before, after = {"a": 5, "b": 5}, {"a": 3, "b": 1}
    >>> total_variation(CategoricalProfile(counts=before), CategoricalProfile(counts=after))
    0.25
    """
    p, q = shares(*common(ref, cur))
    return float(np.sum(np.abs(p - q))) / 2

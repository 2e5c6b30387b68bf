"""Change of the standard deviation."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.metrics._noise import HALF_NORMAL
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.places import cells, deviation

ROUNDING = 1e-9
"""A kurtosis no further above 1 is 1: that of two values, equally frequent."""


def _noise(ref: NumericProfile, cur: NumericProfile) -> float:
    """√(2 / π) √((k - 1) / 4 n_e): the logarithm of an sd has variance (k - 1) / 4 n (Box 1953).

    The kurtosis k is that of the reference, from the middles of its cells.
    """
    if not ref.finite or not cur.finite:
        return math.inf
    return HALF_NORMAL * math.sqrt(_excess(ref) / 4 * (1 / ref.finite + 1 / cur.finite))


@metric("numeric", symmetric=True, threshold=0.2, upper=1.0, noise=_noise)
def deviation_shift(ref: NumericProfile, cur: NumericProfile) -> float:
    """Part by which the smaller standard deviation falls short of the larger, 1 - smaller / larger, 0 to 1.

    Of the finite values. 1 where just one of the two is constant, 0 where both are. 0.2 is a normal
    whose sd grows by a quarter or shrinks by a fifth: Jeffreys' divergence, which is PSI in fine bins,
    is then 0.1. Exact, but where squares overflow, or the mean lies a thousand sd from the grid's
    centre: then (maximum - minimum) / √12 stands for the sd. 0 when either side has no value. Source:
    by definition; Box (1953), Biometrika 40, for its noise.

    >>> import numpy as np
    >>> narrow = NumericProfile.of(np.array([1.0, 3.0]), null=0)
    >>> deviation_shift(narrow, NumericProfile.of(np.array([0.0, 4.0]), null=0, grid=narrow.grid))
    0.5
    """
    if not ref.finite or not cur.finite:
        return 0.0
    smaller, larger = sorted((deviation(ref), deviation(cur)))
    return 1 - smaller / larger if larger else 0.0


def _excess(profile: NumericProfile) -> float:
    """Kurtosis less 1, which is what the squared distances from the mean vary by; 0 of a constant."""
    ends, counts, _ = cells(profile, profile)
    middles, finite = (ends[1:] + ends[:-1])[1:-1] / 2, counts[1:-1] / profile.finite
    squares = (middles - finite @ middles) ** 2
    mean = float(finite @ squares)
    found = float(finite @ squares**2) / mean**2 - 1 if mean else 0.0
    return found if found > ROUNDING else 0.0

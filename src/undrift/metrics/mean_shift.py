"""Shift of the mean."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.metrics._noise import HALF_NORMAL
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.places import deviation, shift


def _noise(ref: NumericProfile, cur: NumericProfile) -> float:
    """√(2 / π n_e): two means of n and m rows differ by a normal of variance sd² / n_e."""
    if not ref.finite or not cur.finite:
        return math.inf
    return HALF_NORMAL * math.sqrt(1 / ref.finite + 1 / cur.finite) if deviation(ref) else 0.0


@metric("numeric", symmetric=False, threshold=0.3, noise=_noise)
def mean_shift(ref: NumericProfile, cur: NumericProfile) -> float:
    """Absolute difference of the means, in sd of the reference; 0 to infinity.

    Of the finite values. Exact, but where squares of values overflow: then it is taken from the cells
    of the fine grid, and no value is more than a million sd away. Where the reference is
    constant: the difference between the shares of rows above and below it. 0 when either side has
    no value. Source: Glass (1976), Educational Researcher 5.

    >>> import numpy as np
    >>> low = NumericProfile.of(np.array([1.0, 3.0]), null=0)
    >>> mean_shift(low, NumericProfile.of(np.array([1.0, 3.0, 5.0]), null=0, grid=low.grid))
    1.0
    """
    return abs(shift(ref, cur))

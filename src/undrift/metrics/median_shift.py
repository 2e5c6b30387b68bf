"""Shift of the median."""

from __future__ import annotations

import math

import numpy as np

from undrift.metrics import metric
from undrift.metrics._noise import HALF_NORMAL
from undrift.profiles.bins import effective, fine
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.places import cells, quantiles, standard_errors

MEDIAN = np.array([0.5])


def _noise(ref: NumericProfile, cur: NumericProfile) -> float:
    """√(2 / π) times the deviation of a difference of medians, read off the reference (Woodruff 1952)."""
    worth = effective(*fine(ref, cur))
    if not worth:
        return math.inf
    ends, a, _ = cells(ref, cur)
    return HALF_NORMAL * float(standard_errors(ends, a, MEDIAN, worth)[0])


@metric("numeric", symmetric=False, threshold=0.3, noise=_noise)
def median_shift(ref: NumericProfile, cur: NumericProfile) -> float:
    """Absolute difference of the medians, in sd of the reference; 0 to infinity.

    Deaf to outliers. Rows lie evenly within the cells of the fine grid, so each median is off by less
    than the width of its cell: outside the reference's range about a quarter of how far it lies from
    there. It is exact where every value has its own cell. Beyond a million sd,
    infinities included, all lies at a million sd. Where the reference is constant every other value is
    one sd away. 0 when either side has no value. Source: by definition; Woodruff (1952), J. Amer.
    Statist. Assoc. 47, for its noise.

    >>> import numpy as np
    >>> low = NumericProfile.of(np.array([1.0, 2.0, 3.0, 3.0, 1.0]), null=0)
    >>> far = NumericProfile.of(np.array([1.0, 2.0, 1e9]), null=0, grid=low.grid)
    >>> median_shift(low, far)
    0.0
    """
    ends, a, b = cells(ref, cur)
    if not a.sum() or not b.sum():
        return 0.0
    return abs(float(quantiles(ends, b, MEDIAN)[0] - quantiles(ends, a, MEDIAN)[0]))

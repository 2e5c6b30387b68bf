"""Largest shift of a quantile."""

from __future__ import annotations

import math

import numpy as np

from undrift.metrics import metric
from undrift.metrics._noise import largest
from undrift.profiles.bins import effective, fine
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.places import cells, quantiles, standard_errors

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
"""The quantiles looked at: the middle, the quarters and both tails."""


def _noise(ref: NumericProfile, cur: NumericProfile) -> float:
    """Mean of the largest of five normal differences, taken as independent (deviations: Woodruff 1952)."""
    worth = effective(*fine(ref, cur))
    if not worth:
        return math.inf
    ends, a, _ = cells(ref, cur)
    return largest(standard_errors(ends, a, LEVELS, worth))


@metric("numeric", symmetric=False, threshold=0.3, noise=_noise)
def quantile_shift(ref: NumericProfile, cur: NumericProfile) -> float:
    """Largest absolute shift of five quantiles, in sd of the reference; 0 to infinity.

    The quantiles are .05, .25, .5, .75 and .95: it sees moved tails and changed widths too. Rows lie
    evenly within the cells of the fine grid, so each quantile is off by less than the width of its
    cell: outside the reference's range about an eighth of how far it lies from there. It is exact
    where every value has its own cell. Beyond a million sd, infinities included, all
    lies at a million sd. Where the reference is constant every other value is one sd away. 0 when
    either side has no value. Source: Doksum (1974), Ann. Statist. 2.

    >>> import numpy as np
    >>> low = NumericProfile.of(np.array([1.0, 1.0, 3.0, 3.0]), null=0)
    >>> quantile_shift(low, NumericProfile.of(np.array([3.0, 3.0]), null=0, grid=low.grid))
    2.0
    """
    ends, a, b = cells(ref, cur)
    if not a.sum() or not b.sum():
        return 0.0
    return float(np.max(np.abs(quantiles(ends, b, LEVELS) - quantiles(ends, a, LEVELS))))

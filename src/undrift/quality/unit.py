"""The same numbers in another unit."""

from __future__ import annotations

import math

from undrift.profiles.counting import AnyProfile
from undrift.profiles.numeric import NumericProfile

FACTORS = (60.0, 3600.0, *(10.0**power for power in (1, 2, 3, 6, 9)))
"""Between units that people mix up: seconds, minutes and hours; decimal prefixes; percent and shares."""

TOLERANCE = 0.2
"""How far, on a log scale, mean and deviation may both be off the factor."""


def unit(ref: AnyProfile, cur: AnyProfile) -> str:
    """Say by which factor mean and deviation have both grown or shrunk, if it is one between units.

    >>> import numpy as np
    >>> ref = NumericProfile.of(np.arange(1.0, 50.0), null=0)
    >>> unit(ref, NumericProfile.of(1000 * np.arange(1.0, 50.0), 0, ref.grid))
    '×1,000: another unit?'
    """
    if not (isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile)):
        return ""
    sizes = [_ratio(ref.deviation, cur.deviation), _ratio(ref.mean, cur.mean)]
    if any(size is None for size in sizes):
        return ""
    for factor in FACTORS:
        for sign in (1, -1):
            if all(abs((size or 0) - sign * math.log(factor)) <= TOLERANCE for size in sizes):
                return f"{'×' if sign > 0 else '÷'}{factor:,.0f}: another unit?"
    return ""


def _ratio(before: float, now: float) -> float | None:
    """The logarithm of a ratio; None where there is none."""
    usable = math.isfinite(before) and math.isfinite(now) and (before > 0) == (now > 0) and before and now
    return math.log(abs(now)) - math.log(abs(before)) if usable else None

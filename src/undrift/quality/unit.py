"""The same numbers in another unit."""

from __future__ import annotations

import math

from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile

FACTORS = (60.0, 3600.0, *(10.0**power for power in (1, 2, 3, 6, 9)))
"""Between units that people mix up: seconds, minutes and hours; decimal prefixes; percent and shares."""

TOLERANCE = 0.2
"""How far, on a log scale, mean and deviation may both be off the factor."""

RANGE = 0.5
"""How far the range may be off it: it grows with the rows, and hangs on single ones."""

ABOUT = 0.2
"""A mean that is a smaller part of the deviation may be 0, or as well have the other sign."""


def unit(ref: AnyProfile, cur: AnyProfile) -> str:
    """Say by which factor mean and deviation have both grown or shrunk, if it is one between units.

    Of numbers about 0 the mean says nothing: there the range has to have grown with the deviation.

    >>> import numpy as np
    >>> ref = NumericProfile.of(np.arange(1.0, 50.0), null=0)
    >>> unit(ref, NumericProfile.of(1000 * np.arange(1.0, 50.0), 0, ref.grid))
    '×1,000: another unit?'
    """
    if not (isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile)):
        return ""
    if _about_zero(ref) and _about_zero(cur):
        second = _ratio(_range(ref), _range(cur)), RANGE
    else:
        second = _ratio(ref.mean, cur.mean), TOLERANCE
    sizes = [(_ratio(ref.deviation, cur.deviation), TOLERANCE), second]
    for factor in FACTORS:
        for sign in (1, -1):
            if all(s is not None and abs(s - sign * math.log(factor)) <= most for s, most in sizes):
                return f"{'×' if sign > 0 else '÷'}{factor:,.0f}: another unit?"
    return ""


def _about_zero(profile: NumericProfile) -> bool:
    return abs(profile.mean) < ABOUT * profile.deviation


def _range(profile: NumericProfile) -> float:
    if profile.minimum is None or profile.maximum is None:
        return math.nan
    return profile.maximum - profile.minimum


def _ratio(before: float, now: float) -> float | None:
    """The logarithm of a ratio; None where there is none."""
    usable = math.isfinite(before) and math.isfinite(now) and (before > 0) == (now > 0) and before and now
    return math.log(abs(now)) - math.log(abs(before)) if usable else None

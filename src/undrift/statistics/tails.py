"""Tail probabilities in closed form: to load special functions takes longer than most comparisons."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TERMS = 100
"""Terms of Kolmogorov's series; from the second on they vanish for every value worth asking about."""


def chi_square(value: float, freedom: int) -> float:
    """Chance that a chi-square with these degrees of freedom is at least ``value``.

    A finite sum, for whole degrees of freedom: Abramowitz and Stegun (1964), 26.4.4 and 26.4.5.

    >>> round(chi_square(3.841459, 1), 6), round(chi_square(18.307038, 10), 6)
    (0.05, 0.05)
    """
    if freedom <= 0 or value <= 0:
        return 1.0
    half = value / 2
    odd = freedom % 2
    steps = np.arange(freedom // 2) + (0.5 if odd else 0.0)
    logs = steps * math.log(half) - half - np.array([math.lgamma(s + 1) for s in steps])
    return min(1.0, (math.erfc(math.sqrt(half)) if odd else 0.0) + float(np.exp(logs).sum()))


def at_least(count: int, before: int, ratio: float) -> float:
    """Chance of so many rare events in ``ratio`` times the rows in which there were so many ``before``.

    Negative binomial: a Poisson count whose mean is known no better than from those before (Bayes).

    >>> round(at_least(3, 0, 1.0), 6), at_least(0, 5, 1.0)
    (0.125, 1.0)
    """
    if count <= 0:
        return 1.0
    if ratio <= 0:
        return 0.0
    shape, share = before + 1, ratio / (1 + ratio)
    mean = shape * ratio
    most = max(count, mean) + 60 + 12 * math.sqrt(mean * (1 + ratio))
    more = range(count, int(most))
    logs = np.array([math.lgamma(k + shape) - math.lgamma(k + 1) for k in more]) + np.array(more) * math.log(
        share
    )
    logs += shape * math.log1p(-share) - math.lgamma(shape)
    return min(1.0, float(np.exp(logs).sum()))


def kolmogorov(distance: float, worth: float) -> float:
    """Chance that two samples worth so many rows together lie this far apart, in the largest gap.

    Kolmogorov's series with Stephens' (1970, JRSS B 32) correction for few rows; too large where values
    are tied.

    >>> round(kolmogorov(1.358 / 1000, 1_000_000), 3)
    0.05
    """
    if not worth or distance <= 0:
        return 1.0
    root = math.sqrt(worth)
    away = (root + 0.12 + 0.11 / root) * distance
    k = np.arange(1, TERMS + 1)
    return float(np.clip(2 * np.sum((-1.0) ** (k - 1) * np.exp(-2 * (k * away) ** 2)), 0.0, 1.0))


def two_counts(ref: NDArray[np.int64], cur: NDArray[np.int64]) -> float:
    """Chance of two shares as far apart as these: chi-square of two rows (with, without) and two columns.

    With Yates' (1934) correction, which errs on the quiet side.

    >>> two_counts(np.array([5, 95]), np.array([5, 95]))
    1.0
    """
    table = np.array([ref, cur], dtype=np.float64)
    rows, columns, total = table.sum(axis=1), table.sum(axis=0), float(table.sum())
    if not rows.all() or not columns.all():
        return 1.0
    gap = max(0.0, abs(table[0, 0] * table[1, 1] - table[0, 1] * table[1, 0]) - total / 2)
    return chi_square(float(total * gap**2 / (rows.prod() * columns.prod())), 1)

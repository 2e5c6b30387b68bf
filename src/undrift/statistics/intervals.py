"""Intervals for means of dependent rows: one home for the gate, policies and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with two bounds, each of which holds with the stated confidence."""

    mean: float
    lower: float
    upper: float
    blocks: int


def block_t(values: NDArray[np.float64], blocks: NDArray[np.int64], confidence: float) -> Interval:
    """Student-t bounds for the mean of rows that are dependent within blocks.

    ``values`` and ``blocks`` have shape (rows,). The mean is over rows; its standard error comes
    from the block totals as those of a ratio estimate (Cochran, Sampling Techniques, 3rd ed.,
    6.4), which for equal blocks is the t interval over block means. Each bound alone holds with
    ``confidence``. With fewer than two blocks nothing is known: the bounds are infinite.

    >>> block_t(np.array([1.0, 3.0]), np.array([0, 1]), 0.95).mean
    2.0
    """
    if not len(values):
        return Interval(float("nan"), -np.inf, np.inf, 0)
    _, inverse = np.unique(blocks, return_inverse=True)
    return ratio_t(
        np.bincount(inverse, values).astype(np.float64), np.bincount(inverse).astype(np.int64), confidence
    )


def ratio_t(totals: NDArray[np.float64], sizes: NDArray[np.int64], confidence: float) -> Interval:
    """The same from each block's total and size, both of shape (blocks,), with at least one row.

    >>> ratio_t(np.array([1.0, 3.0]), np.array([1, 1]), 0.95).mean
    2.0
    """
    count, rows = len(totals), float(sizes.sum())
    mean = float(totals.sum()) / rows
    if count == 1:
        return Interval(mean, -np.inf, np.inf, 1)
    from scipy.special import stdtrit

    residuals = totals - mean * sizes
    error = float(np.sqrt(count / (count - 1) * np.sum(residuals**2))) / rows
    reach = float(stdtrit(count - 1, confidence)) * error
    return Interval(mean, mean - reach, mean + reach, count)


COSINES = 10
"""Slow cosines from which the spread of a mean over days that follow on one another is read."""

FOLLOWING = 10
"""Blocks under which nothing can be learnt of how they follow on one another."""


def serial_t(values: NDArray[np.float64], blocks: NDArray[np.int64], confidence: float) -> Interval:
    """Student-t bounds for the mean of rows whose blocks follow on one another.

    As ``block_t``, but a block may resemble the one before it. Blocks are in the order of their numbers. An
    autoregression of lag 1, its coefficient corrected for bias (Kendall, Biometrika 41, 1954), is taken out
    of the residuals (Andrews and Monahan, Econometrica 60, 1992); the variance of what is left is the mean
    square of its projections on the slowest cosines, as many of which are the degrees of freedom (Lazarus,
    Lewis, Stock and Watson, Journal of Business and Economic Statistics 36, 2018). Under ten blocks it is
    ``block_t``.

    >>> days = np.repeat(np.arange(40), 5)
    >>> trend = np.repeat(np.sin(np.arange(40) / 6), 5)
    >>> serial_t(trend, days, 0.95).upper > block_t(trend, days, 0.95).upper
    True
    """
    names, inverse = np.unique(blocks, return_inverse=True)
    if len(names) < FOLLOWING:
        return block_t(values, blocks, confidence)
    from scipy.special import stdtrit

    sizes = np.bincount(inverse)
    mean = float(values.mean())
    residuals = np.bincount(inverse, values) - mean * sizes
    follows = _follows(residuals)
    left = residuals - follows * np.append(0.0, residuals[:-1])
    left[0] *= np.sqrt(1 - follows**2)
    variance = _slow_variance(left, COSINES) / (1 - follows) ** 2
    reach = float(stdtrit(min(COSINES, len(left) - 1), confidence))
    reach *= float(np.sqrt(len(names) * variance)) / len(values)
    return Interval(mean, mean - reach, mean + reach, len(names))


def _follows(residuals: NDArray[np.float64]) -> float:
    """The correlation of each residual with the one before, corrected for bias, from 0 to 0.95."""
    total = float(residuals @ residuals)
    if not total:
        return 0.0
    raw = float(residuals[1:] @ residuals[:-1]) / total
    return float(np.clip(raw + (1 + 3 * raw) / len(residuals), 0.0, 0.95))


def _slow_variance(values: NDArray[np.float64], cosines: int) -> float:
    """The mean square of the projections on the slowest cosines: the long-run variance of a series."""
    count = len(values)
    places = (np.arange(count) + 0.5) / count
    waves = np.cos(np.pi * np.outer(np.arange(1, min(cosines, count - 1) + 1), places))
    return float(np.mean((np.sqrt(2 / count) * waves @ values) ** 2))

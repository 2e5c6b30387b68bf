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

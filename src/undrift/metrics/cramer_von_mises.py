"""Cramér-von Mises distance."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.profiles.bins import effective, fine, gaps, pooled
from undrift.profiles.feature import AnyProfile


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """(1 - Σ h²) / 6 n_e: ∫ H (1 - H) dH / n_e, less what straight lines within the cells leave out."""
    a, b = fine(ref, cur)
    worth, h = effective(a, b), pooled(a, b)
    return max(0.0, 1 - float(h @ h)) / (6 * worth) if worth else math.inf


@metric("numeric", symmetric=True, threshold=0.01, upper=1 / 3, noise=_noise)
def cramer_von_mises(ref: AnyProfile, cur: AnyProfile) -> float:
    """Mean squared gap of the distribution functions, ∫ (F - G)² dH, over the rows of both; 0 to 1/3.

    The statistic T per effective row. A normal that moves by s sd shows s² / 2π√3 at first, so 0.01
    is a third of an sd. Within a cell of the fine grid F and G are straight lines, which is what
    breaking ties at random comes to; so it differs from the exact statistic by at most
    (2 D + c) Σ p q, with p and q the shares in a cell, c the largest of them and D the gap at the
    edges. 0 when either side has no value. Source: Anderson (1962), Ann. Math. Statist. 33.

    >>> import numpy as np
    >>> from undrift.profiles.numeric import NumericProfile
    >>> low = NumericProfile.of(np.array([1.0, 2.0]), null=0)
    >>> round(cramer_von_mises(low, NumericProfile.of(np.array([8.0, 9.0]), null=0, grid=low.grid)), 4)
    0.3333
    """
    a, b = fine(ref, cur)
    gap = gaps(a, b)
    left, right = gap[:-1], gap[1:]
    return float(pooled(a, b) @ (left * left + left * right + right * right)) / 3

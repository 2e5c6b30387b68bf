"""Pearson's chi-square per row."""

from __future__ import annotations

import math

import numpy as np

from undrift.metrics import metric
from undrift.profiles.bins import common, effective, freedom, pooled, shares
from undrift.profiles.feature import AnyProfile


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """(K - 1) / n_e: without drift the statistic is chi-square with K - 1 degrees of freedom."""
    a, b = common(ref, cur)
    worth = effective(a, b)
    return freedom(a, b) / worth if worth else math.inf


@metric("numeric", "categorical", symmetric=False, threshold=0.1, noise=_noise)
def chi_square(ref: AnyProfile, cur: AnyProfile) -> float:
    """Pearson's two-sample statistic per effective row, X² / n_e = Σ (p - q)² / h; 0 to infinity.

    Over the reference's deciles or over labels; h are the shares of both together and n_e = nm / (n + m).
    It is at most (n + m) / n_e, when no bin is shared, and comes to PSI where shares differ little,
    hence its threshold. It is symmetric in p and q, but the bins are the reference's. 0 when either
    side has no value. Source: Pearson (1911), Biometrika 8.

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> chi_square(CategoricalProfile(counts={"a": 9}), CategoricalProfile(counts={"b": 9}))
    4.0
    """
    a, b = common(ref, cur)
    (p, q), h = shares(a, b), pooled(a, b)
    held = h > 0
    return float(np.sum((p[held] - q[held]) ** 2 / h[held]))

"""Kullback-Leibler divergence."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.profiles.bins import common, divergence, effective, freedom, smoothed
from undrift.profiles.feature import AnyProfile


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """(K - 1) / 2 n_e: without drift 2 n_e KL is chi-square with K - 1 degrees of freedom."""
    a, b = common(ref, cur)
    worth = effective(a, b)
    return freedom(a, b) / (2 * worth) if worth else math.inf


@metric("numeric", "categorical", symmetric=False, threshold=0.05, noise=_noise)
def kl(ref: AnyProfile, cur: AnyProfile) -> float:
    """Kullback-Leibler divergence Σ q ln(q / p) of the current rows from the reference; 0 to infinity.

    In nats, over the reference's deciles or over labels, half a row added to each. For a shift of a
    normal by s standard deviations it tends to s² / 2 as bins grow finer, half of PSI: so is its
    threshold. 0 when either side has no value. Source: Kullback & Leibler (1951), Ann. Math. Statist.
    22.

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> same = CategoricalProfile(counts={"a": 5, "b": 5})
    >>> kl(same, same)
    0.0
    """
    a, b = common(ref, cur)
    if not a.sum() or not b.sum():
        return 0.0
    return divergence(smoothed(b), smoothed(a))

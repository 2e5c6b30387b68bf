"""The likelihood-ratio statistic per row."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.profiles.bins import common, divergence, effective, freedom, pooled, shares
from undrift.profiles.feature import AnyProfile


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """(K - 1) / n_e: without drift the statistic is chi-square with K - 1 degrees of freedom (Wilks)."""
    a, b = common(ref, cur)
    worth = effective(a, b)
    return freedom(a, b) / worth if worth else math.inf


@metric("numeric", "categorical", symmetric=False, threshold=0.1, noise=_noise)
def g_test(ref: AnyProfile, cur: AnyProfile) -> float:
    """The two-sample likelihood ratio per effective row, G / n_e, in nats; 0 to infinity.

    G = 2 (n Σ p ln(p / h) + m Σ q ln(q / h)) over the reference's deciles or over labels; h are the
    shares of both together and n_e = nm / (n + m). It comes to PSI where shares differ little, hence
    its threshold. It is symmetric in p and q, but the bins are the reference's. 0 when either side has
    no value. Source: Wilks (1938), Ann. Math. Statist. 9; Sokal & Rohlf, Biometry (1995).

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> round(g_test(CategoricalProfile(counts={"a": 9}), CategoricalProfile(counts={"b": 9})), 4)
    5.5452
    """
    a, b = common(ref, cur)
    (p, q), h = shares(a, b), pooled(a, b)
    worth = effective(a, b)
    if not worth:
        return 0.0
    return 2 * (float(a.sum()) * divergence(p, h) + float(b.sum()) * divergence(q, h)) / worth

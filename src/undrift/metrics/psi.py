"""Population stability index."""

from __future__ import annotations

import numpy as np

from undrift.metrics import metric
from undrift.profiles.bins import common, effective, smoothed
from undrift.profiles.feature import AnyProfile


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """(K - 1) / n_e: without drift n_e PSI is chi-square with K - 1 degrees of freedom."""
    a, b = common(ref, cur)
    worth = effective(a, b)
    return (len(a) - 1) / worth if worth else float("inf")


@metric("numeric", "categorical", symmetric=False, threshold=0.1, noise=_noise)
def psi(ref: AnyProfile, cur: AnyProfile) -> float:
    """PSI = Σ (q - p) ln(q / p) over the reference's deciles or over labels; 0 to infinity.

    Half a row is added to each bin, so that an empty one does not make it infinite: one label in all n
    rows of one side and another one in all of the other give 2 n / (n + 1) ln(2 n + 1), 15.2 at 1,000
    rows. For a shift of a normal by s standard deviations it tends to s² as bins grow finer. It is
    symmetric in p and q, but the bins are the reference's. 0 when either side has no value. Source:
    Jeffreys (1946); Siddiqi, Credit Risk Scorecards (2006).

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> same = CategoricalProfile(counts={"a": 5, "b": 5})
    >>> psi(same, same)
    0.0
    """
    a, b = common(ref, cur)
    if not a.sum() or not b.sum():
        return 0.0
    p, q = smoothed(a), smoothed(b)
    return float(np.sum((q - p) * np.log(q / p)))

"""Largest ratio of a share."""

from __future__ import annotations

import math

import numpy as np

from undrift.metrics import metric
from undrift.metrics._noise import largest
from undrift.profiles.bins import common, effective, pooled, shares
from undrift.profiles.feature import AnyProfile

FLOOR = 0.001
"""Added to both shares: a label of fewer than one row in a thousand is hardly worth a ratio."""


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """Mean of the largest of normals with deviations √(h (1 - h) / n_e) / (h + FLOOR), by the delta method.

    They are taken as independent; h are the shares of both together.
    """
    a, b = common(ref, cur)
    worth, h = effective(a, b), pooled(a, b)
    return largest(np.sqrt(h * (1 - h) / worth) / (h + FLOOR)) if worth else math.inf


@metric(
    "numeric",
    "categorical",
    symmetric=False,
    threshold=0.5,
    upper=math.log1p(1 / FLOOR),
    noise=_noise,
)
def log_ratio(ref: AnyProfile, cur: AnyProfile) -> float:
    """Largest |ln((q + .001) / (p + .001))| of any label's share, 0 to 6.91: it sees rare labels that double.

    The logarithm of the relative risk, over labels or the reference's deciles, with a thousandth of the
    rows added to both shares, so that labels of a few rows do not decide. A label that goes from 1 % to
    2 % shows 0.65, where PSI shows 0.007; 0.5 is a factor of 1.65. It is symmetric in p and q, but the
    bins are the reference's. 0 when either side has no value. Source: Katz et al. (1978), Biometrics 34,
    for its noise.

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> before, after = {"no": 9900, "yes": 100}, {"no": 9800, "yes": 200}
    >>> round(log_ratio(CategoricalProfile(counts=before), CategoricalProfile(counts=after)), 2)
    0.65
    """
    p, q = shares(*common(ref, cur))
    return float(np.max(np.abs(np.log((q + FLOOR) / (p + FLOOR))), initial=0.0))

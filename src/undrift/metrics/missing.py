"""Change of the share of missing values."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.profiles.feature import AnyProfile


def _share(profile: AnyProfile) -> float:
    return profile.missing / profile.rows if profile.rows else 0.0


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """Mean absolute difference of two binomial shares: √(2 p (1 - p) / π n_e)."""
    rows = ref.rows + cur.rows
    if not ref.rows or not cur.rows:
        return math.inf
    pooled = (ref.missing + cur.missing) / rows
    return math.sqrt(2 * pooled * (1 - pooled) / math.pi * rows / (ref.rows * cur.rows))


@metric("numeric", "categorical", symmetric=True, threshold=0.1, upper=1.0, noise=_noise, watches="missing")
def missing(ref: AnyProfile, cur: AnyProfile) -> float:
    """Absolute difference of the shares of null and NaN, 0 to 1.

    Source: by definition.

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> missing(CategoricalProfile(counts={"a": 4}), CategoricalProfile(counts={"a": 3}, null=1))
    0.25
    """
    return abs(_share(cur) - _share(ref))

"""Largest change of a label's share."""

from __future__ import annotations

import math

import numpy as np

from undrift.metrics import metric
from undrift.metrics._noise import largest
from undrift.profiles.bins import common, effective, pooled, shares
from undrift.profiles.categorical import CategoricalProfile


def _noise(ref: CategoricalProfile, cur: CategoricalProfile) -> float:
    """Mean of the largest of K - 1 normals with variances h (1 - h) / n_e, taken as independent.

    The rarest label is left out, for the differences sum to 0; h are the shares of both together.
    """
    a, b = common(ref, cur)
    worth, h = effective(a, b), np.sort(pooled(a, b))[1:]
    return largest(np.sqrt(h * (1 - h) / worth)) if worth else math.inf


@metric("categorical", symmetric=True, threshold=0.1, upper=1.0, noise=_noise)
def l_infinity(ref: CategoricalProfile, cur: CategoricalProfile) -> float:
    """Largest absolute difference of any label's share, 0 to 1.

    For labels only: a decile holds a tenth of the rows whatever happens, so for numbers ``ks`` says
    more. 0 when either side has no value. Source: Breck et al. (2019), Data Validation for Machine
    Learning, MLSys.

    >>> before, after = {"a": 5, "b": 5}, {"a": 3, "b": 1}
    >>> l_infinity(CategoricalProfile(counts=before), CategoricalProfile(counts=after))
    0.25
    """
    p, q = shares(*common(ref, cur))
    return float(np.max(np.abs(p - q), initial=0.0))

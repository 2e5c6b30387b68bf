"""Numbers beyond the reference's smallest and largest."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.profiles.bins import fine, shares
from undrift.profiles.numeric import NumericProfile


def _noise(ref: NumericProfile, cur: NumericProfile) -> float:
    """2 / (n + 1): the next of n + 1 exchangeable rows is as likely as any to be the extreme one."""
    a, b = fine(ref, cur)
    return 2 / (int(a.sum()) + 1) if a.sum() and b.sum() else math.inf


@metric("numeric", symmetric=False, threshold=0.01, upper=1.0, noise=_noise)
def out_of_range(ref: NumericProfile, cur: NumericProfile) -> float:
    """Share of the current numbers below the reference's smallest or above its largest, 0 to 1.

    Infinities count as numbers, and are out unless the reference has as large a share of them. One
    row in a hundred is much: the model has learnt nothing there. 0 when either side has no value.
    Source: by definition; Wilks (1941), Ann. Math. Statist. 12, for its noise.

    >>> import numpy as np
    >>> known = NumericProfile.of(np.array([1.0, 2.0, 3.0]), null=0)
    >>> out_of_range(known, NumericProfile.of(np.array([0.0, 1.0, 2.0, 2.5]), null=0, grid=known.grid))
    0.25
    """
    p, q = shares(*fine(ref, cur))
    return float(max(0.0, q[0] - p[0]) + max(0.0, q[-1] - p[-1])) if len(p) > 1 else 0.0

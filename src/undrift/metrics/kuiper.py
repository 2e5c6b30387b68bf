"""Kuiper's distance."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.profiles.bins import effective, fine, gaps
from undrift.profiles.feature import AnyProfile

MEAN_OF_KUIPER = math.sqrt(math.pi / 2)
"""Mean of the limit of √n_e V without drift: the range of a Brownian bridge."""


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """√(π / 2 n_e) where values do not tie; with ties there is less."""
    worth = effective(*fine(ref, cur))
    return MEAN_OF_KUIPER / math.sqrt(worth) if worth else math.inf


@metric("numeric", symmetric=True, threshold=0.1, upper=1.0, noise=_noise)
def kuiper(ref: AnyProfile, cur: AnyProfile) -> float:
    """The largest gap of the distribution functions upwards plus the largest downwards, 0 to 1.

    For times of day and other circles too: it does not matter where the circle is cut. Taken at the
    edges of the fine grid: exact where every value has its own cell, else too small by at most twice
    the largest share that both sides have in one cell, max min(p, q). 0 when either side has no
    value. Source: Kuiper (1960), Proc. Koninklijke Nederlandse Akademie A 63.

    >>> import numpy as np
    >>> from undrift.profiles.numeric import NumericProfile
    >>> middle = NumericProfile.of(np.array([2.0, 3.0]), null=0)
    >>> kuiper(middle, NumericProfile.of(np.array([1.0, 4.0]), null=0, grid=middle.grid))
    1.0
    """
    found = gaps(*fine(ref, cur))
    return float(found.max() - found.min())

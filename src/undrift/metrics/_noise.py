"""What chance alone makes of effects: means of absolute values of normals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

HALF_NORMAL = math.sqrt(2 / math.pi)
"""Mean absolute value of a standard normal."""

NEGLIGIBLE = 1e-6
"""Part of the largest deviation below which a normal is never the largest."""

_STEPS = np.linspace(0, 6, 301)
_WITHIN = np.array([math.erf(x / math.sqrt(2)) for x in _STEPS])  # chance to lie within so many deviations


def mean_of_chi(freedom: int) -> float:
    """Mean of the root of a chi-square with these degrees of freedom, √2 Γ((k + 1) / 2) / Γ(k / 2).

    >>> math.isclose(mean_of_chi(1), HALF_NORMAL)
    True
    """
    if not freedom:
        return 0.0
    return math.sqrt(2) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))


def largest(deviations: NDArray[np.float64]) -> float:
    """Mean of the largest absolute value of independent centred normals with these deviations.

    The integral of the chance that one of them is larger: ∫ 1 - Π P(|X| <= t) dt.

    >>> round(largest(np.array([1.0])) / HALF_NORMAL, 4)
    1.0
    """
    most = float(deviations.max(initial=0.0))
    if not most:
        return 0.0
    spread, times = np.unique(deviations[deviations > NEGLIGIBLE * most], return_counts=True)
    t = _STEPS * most
    within = np.interp(t[:, None] / spread, _STEPS, _WITHIN) ** times
    return float(np.trapezoid(1 - within.prod(axis=1), t))

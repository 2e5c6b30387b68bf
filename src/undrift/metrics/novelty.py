"""Rows where the reference had next to none."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.profiles.feature import AnyProfile
from undrift.profiles.rare import rarest


def _noise(ref: AnyProfile, cur: AnyProfile) -> float:
    """Half the mean absolute error of the base share: √(base (1 - base) / 2π m)."""
    base = rarest(ref, cur).base
    if not cur.rows or base == 1:
        return math.inf
    return math.sqrt(base * (1 - base) / (2 * math.pi * cur.rows))


@metric("numeric", "categorical", symmetric=False, threshold=0.1, upper=1.0, noise=_noise, watches="ground")
def novelty(ref: AnyProfile, cur: AnyProfile) -> float:
    """Share of the current rows where the reference had next to none, beyond what is due, 0 to 1.

    For numbers that is outside the reference's ½ % and 99½ % quantiles, for labels among the rarest, up to
    1 % of its rows, or never met. With q the share of all rows (missing ones lie inside) it is
    (q - b) / (1 - b), b = max(1 %, 2 / (n + 1), the share due to labels met once). It sees no gaps between
    values, and no moves within known ground. Source: by definition; Good (1953), Biometrika 40, for b.

    >>> import numpy as np
    >>> from undrift.profiles.numeric import NumericProfile
    >>> known = NumericProfile.of(np.arange(1000.0), null=0)
    >>> round(novelty(known, NumericProfile.of(np.arange(500.0, 1500.0), null=0, grid=known.grid)), 2)
    0.5
    """
    found = rarest(ref, cur)
    return found.beyond(found.share)

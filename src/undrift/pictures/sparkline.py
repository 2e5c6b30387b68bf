"""Two profiles of a feature as a line of text each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.profiles import shapes
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile

WIDTH = 10
"""Characters of a line at most."""

BARS = " ▁▂▃▄▅▆▇█"


def sparkline(ref: AnyProfile, cur: AnyProfile) -> tuple[str, str]:
    """Histograms of both over the same bins and to the same height; empty where there is nothing to draw.

    >>> sparkline(CategoricalProfile(counts={"a": 4, "b": 4}), CategoricalProfile(counts={"a": 1}))
    ('▄▄', '█ ')
    """
    drawn = _heights(ref, cur)
    if drawn is None:
        return "", ""
    before, now = drawn
    highest = max(before.max(), now.max())
    return _line(before / highest), _line(now / highest)


def _heights(ref: AnyProfile, cur: AnyProfile) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    if isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        shares = shapes.labels(ref, cur)[:WIDTH]
        pairs = np.array([(s.reference, s.window) for s in shares]).reshape(-1, 2)
        return (pairs[:, 0], pairs[:, 1]) if pairs.any() else None
    if isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile):
        steps = shapes.steps(ref, cur)
        return (_even(steps.edges, steps.reference), _even(steps.edges, steps.window)) if steps else None
    return None


def _even(edges: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean heights over equal parts of the axis."""
    area = np.concatenate([[0.0], np.cumsum(heights * np.diff(edges))])
    marks = np.linspace(edges[0], edges[-1], WIDTH + 1)
    return np.asarray(np.diff(np.interp(marks, edges, area)))


def _line(shares: NDArray[np.float64]) -> str:
    """A character for each share of the greatest height; what is there at all has at least the lowest bar."""
    levels = np.where(shares > 0, np.maximum(1, np.round(shares * (len(BARS) - 1))), 0)
    return "".join(BARS[int(level)] for level in levels)

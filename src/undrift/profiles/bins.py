"""Two profiles of one feature over the same bins, and the prior that fills empty ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.errors import MergeError
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import AnyProfile

BINS = 10
"""Coarse bins for divergences: the reference's deciles."""

PRIOR = 0.5
"""Added to every bin of a displayed divergence (Jeffreys' prior): without it an empty bin makes PSI
infinite, and with a tiny constant instead the constant decides the value."""


def common(ref: AnyProfile, cur: AnyProfile, bins: int = BINS) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of both profiles over the same bins, missing values apart, each of shape (K,).

    Numbers fall into about ``bins`` runs of the fine grid with equal shares of the reference;
    labels have one bin each, over the labels of both. Raises MergeError for unlike profiles.
    """
    if isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        names = sorted({*ref.counts, *cur.counts})
        return _counts(ref, names), _counts(cur, names)
    fine_ref, fine_cur = fine(ref, cur)
    group = coarse(fine_ref, bins)
    return _summed(group, fine_ref), _summed(group, fine_cur)


def fine(ref: AnyProfile, cur: AnyProfile) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of two numeric profiles over every cell of their shared grid, infinities at the ends."""
    if not (isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile)) or ref.grid != cur.grid:
        raise MergeError("profiles over unlike grids", "Profile both with like= the same reference.")
    return ref.ordered, cur.ordered


def coarse(counts: NDArray[np.int64], bins: int) -> NDArray[np.intp]:
    """The coarse bin of each fine cell, by the middle of the cell's share of the reference."""
    middle = (np.cumsum(counts) - counts / 2) / max(int(counts.sum()), 1)
    group = np.minimum((middle * bins).astype(np.intp), bins - 1)
    return np.unique(group, return_inverse=True)[1]


def smoothed(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares with Jeffreys' prior: positive, summing to 1."""
    filled = counts + PRIOR
    return np.asarray(filled / filled.sum())


def effective(ref: NDArray[np.int64], cur: NDArray[np.int64]) -> float:
    """The rows that two samples are worth together when compared: n m / (n + m)."""
    n, m = float(ref.sum()), float(cur.sum())
    return n * m / (n + m) if n and m else 0.0


def _summed(group: NDArray[np.intp], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.bincount(group, counts).astype(np.int64)


def _counts(profile: CategoricalProfile, names: list[str]) -> NDArray[np.int64]:
    return np.array([profile.counts.get(name, 0) for name in names], dtype=np.int64)

"""Two profiles of one feature over the same bins, and the prior that fills empty ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.errors import MergeError
from undrift.profiles.categorical import CategoricalProfile, label_hash
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile

BINS = 10
"""Coarse bins for divergences: the reference's deciles."""

LABELS = 50
"""Labels that have a bin each, however rare they are."""

EXPECTED = 5
"""Of more labels, each with a bin must let so many rows be expected (Cochran 1954), as rows that two
samples are worth together are counted: below that, shares are mostly noise."""

CLEAR = 3.0
"""Standard deviations by which a label of the vocabulary must be clear of its rarest ones."""

SEEN = 0.0075
"""Part of the rows that frequent labels must have to stand for all."""

PRIOR = 0.5
"""Added to every bin of a displayed divergence (Jeffreys' prior): without it an empty bin makes PSI
infinite, and with a tiny constant instead the constant decides the value."""


def common(ref: AnyProfile, cur: AnyProfile, bins: int = BINS) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of both profiles over the same bins, missing values apart, each of shape (K,).

    Numbers fall into about ``bins`` runs of the fine grid with equal shares of the reference. Labels
    have one bin each, over the vocabulary, and all others share one; of more than ``LABELS`` those have one
    that are frequent in both sides together, whatever the vocabulary. Raises MergeError for unlike profiles.
    """
    if isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        return _labels(ref, cur)
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
    return np.cumsum(np.diff(group, prepend=group[:1]) > 0)


def merged_to(expected: NDArray[np.float64], least: float) -> NDArray[np.intp]:
    """The group of each bin when neighbours are merged until every group expects ``least`` rows.

    >>> merged_to(np.array([3.0, 3.0, 9.0, 1.0]), 5).tolist()
    [0, 0, 1, 1]
    """
    groups, group, held = [], 0, 0.0
    for rows in expected.tolist():
        groups.append(group)
        held += rows
        if held >= least:
            group, held = group + 1, 0.0
    last = group - 1 if held < least and group else group
    return np.minimum(np.array(groups, dtype=np.intp), last)


def smoothed(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares with Jeffreys' prior: positive, summing to 1."""
    filled = counts + PRIOR
    return np.asarray(filled / filled.sum())


def effective(ref: NDArray[np.int64], cur: NDArray[np.int64]) -> float:
    """The rows that two samples are worth together when compared: n m / (n + m)."""
    n, m = float(ref.sum()), float(cur.sum())
    return n * m / (n + m) if n and m else 0.0


def shares(ref: NDArray[np.int64], cur: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of both counts; all 0 where either side has no row, so that nothing seems to have moved.

    >>> shares(np.array([1, 3]), np.array([2, 2]))
    (array([0.25, 0.75]), array([0.5, 0.5]))
    """
    n, m = int(ref.sum()), int(cur.sum())
    if not n or not m:
        return np.zeros(len(ref)), np.zeros(len(cur))
    return ref / n, cur / m


def pooled(ref: NDArray[np.int64], cur: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares of the rows of both together."""
    both = ref + cur
    return np.asarray(both / max(int(both.sum()), 1))


def gaps(ref: NDArray[np.int64], cur: NDArray[np.int64]) -> NDArray[np.float64]:
    """F - G at the ends of ordered cells, from 0 before the first to 0 after the last, shape (K + 1,).

    F and G are the two distribution functions. All 0 where either side has no row.

    >>> gaps(np.array([1, 1]), np.array([0, 4])).tolist()
    [0.0, 0.5, 0.0]
    """
    n, m = int(ref.sum()), int(cur.sum())
    found = np.zeros(len(ref) + 1)
    if n and m:
        found[1:] = np.cumsum(ref) / n - np.cumsum(cur) / m
    return found


def freedom(ref: NDArray[np.int64], cur: NDArray[np.int64]) -> int:
    """Degrees of freedom in comparing two counts: the bins with any row, less one."""
    return max(int(np.count_nonzero(ref + cur)) - 1, 0)


def divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence Σ p ln(p / q) in nats; bins where p is 0 add nothing."""
    held = p > 0
    return max(0.0, float(np.sum(p[held] * np.log(p[held] / q[held]))))


def _summed(group: NDArray[np.intp], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.bincount(group, counts).astype(np.int64)


def _labels(ref: CategoricalProfile, cur: CategoricalProfile) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of each label that has a bin of its own, then of all others together."""
    before, now = ref.labelled, cur.labelled
    names = list(ref.counts) if len(ref.counts) <= LABELS else _named(ref, cur)
    a = np.fromiter((before.get(name, 0) for name in names), np.int64, len(names))
    b = np.fromiter((now.get(name, 0) for name in names), np.int64, len(names))
    if len(ref.counts) > LABELS:
        own = _frequent(a, b, ref, cur)
        a, b = a[own], b[own]
    others = ref.valid - int(a.sum()), cur.valid - int(b.sum())
    if not any(others):
        return a, b
    return np.append(a, others[0]), np.append(b, others[1])


def _named(ref: CategoricalProfile, cur: CategoricalProfile) -> list[str]:
    """Every label whose rows both sides know: the vocabulary first, then others up to both horizons."""
    horizons = [horizon for horizon in (ref.horizon, cur.horizon) if horizon is not None]
    others = {*ref.others, *cur.others} - ref.counts.keys()
    if horizons:
        others = {label for label in others if label_hash(label) <= min(horizons)}
    return [*ref.counts, *sorted(others)]


def _frequent(
    before: NDArray[np.int64], now: NDArray[np.int64], ref: CategoricalProfile, cur: CategoricalProfile
) -> NDArray[np.bool_]:
    """Which labels are frequent enough to be looked at one by one, told by both sides together.

    Chosen by one side's rows alone, frequent labels would seem to have grown rarer on the other, for some
    are among them by chance (regression to the mean). The vocabulary is chosen so: where not all labels
    are named, those of it that chance may have put there do not count either. Where what is frequent is
    next to nothing all are looked at, and noise says that there are too few rows.
    """
    both = before + now
    part = ref.valid / max(ref.valid + cur.valid, 1)
    expected = both * part * (1 - part)
    fair = np.ones(len(both), dtype=np.bool_)
    if ref.rest or cur.rest:
        clear = both * part - CLEAR * np.sqrt(expected) >= min(ref.counts.values())
        fair = clear | (np.arange(len(both)) >= len(ref.counts))
    found = fair & (expected >= EXPECTED)
    return found if both[found].sum() >= SEEN * (ref.valid + cur.valid) else fair

"""The calibrated monitor: how surprising a window is, given how a history's own windows vary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undrift.statistics.predictive import Centre, beyond, centre, two_sided
from undrift.statistics.rare import Rare, rare, seasonal
from undrift.statistics.scores import (
    NEGLIGIBLE,
    SCORES,
    TINY,
    Basis,
    Bools,
    Floats,
    Measured,
    Places,
    basis,
    measure,
)
from undrift.statistics.shape import Shape, left_over, shape

COMPONENTS = ("location", "spread", "skew", "peak", "shape", "low tail", "high tail", "missing", "unseen")
"""What may move in a feature, in the order of the last axis of ``Judged.components``."""

WEIGHTS = np.array([0.44, 0.30, 0.04, 0.07, 0.07, 0.065, 0.065])
"""Shares of location, spread, skew, peak, shape and the tails in the p-value of a feature's values.

They sum to 1.05: counts are discrete, shape takes the larger of two p-values and variances are seldom
below sampling's, so that shares of 1 would leave the simulated false alarms at half the nominal rate."""

VALUES, MISSING, UNSEEN = 0.96, 0.02, 0.02
"""Shares of a feature's error rate: broken pipelines move nulls and labels by so much that little will do."""

FEWEST = 2
"""Windows of a history below which nothing is known of how windows differ."""

CYCLES = 3
"""A season is taken out from so many windows in every phase on; with fewer its means are noise."""

DULL = 0.9
"""p-values above this count as this where they are pooled, so that none can outvote a small one."""

EXPECTED = 5.0
"""With more rows than this expected in a tail (Cochran 1954), its count must surprise as a score as well."""

HEAVIER = 0.8
"""Share of a tail's error rate for too many rows in it; the rest is for too few, as if they were cut off."""


@dataclass(frozen=True)
class Counts:
    """Counts of W windows of F features, in time order.

    ``bins`` (W, F, K): ordered bins from low to high for numbers, labels otherwise, padded with bins that
    are always zero up to a common K. ``null`` and ``unseen`` (W, F): rows without a value, and rows with a
    label that the reference never had, which are not in ``bins``.
    """

    bins: NDArray[np.int64]
    null: NDArray[np.int64]
    unseen: NDArray[np.int64]

    def of(self, windows: Bools) -> Counts:
        """The counts of some windows (W,)."""
        return Counts(self.bins[windows], self.null[windows], self.unseen[windows])

    def features(self, chosen: NDArray[np.intp]) -> Counts:
        """The counts of some features, by their places."""
        return Counts(self.bins[:, chosen], self.null[:, chosen], self.unseen[:, chosen])

    @classmethod
    def joined(cls, first: Counts, then: Counts) -> Counts:
        """The windows of both, one after the other."""
        return cls(
            np.concatenate([first.bins, then.bins]),
            np.concatenate([first.null, then.null]),
            np.concatenate([first.unseen, then.unseen]),
        )


@dataclass(frozen=True)
class Judged:
    """What a monitor says of W windows of F features.

    ``components`` (W, F, C): p-values, each alone, 1 where a component does not apply. ``value``,
    ``missing``, ``unseen`` (W, F): p-values that carry their share of the error rate, so that their
    minimum ``p_value`` is valid for the feature. ``signed`` (W, F, C): how far location, spread, skew and
    peak are from their mean, in standard deviations of rows, 0 elsewhere. ``z`` (W, F, 2): location and
    spread as normal scores, N(0, 1) without drift; for labels of more than two the first is their shape's.
    """

    components: Floats
    value: Floats
    missing: Floats
    unseen: Floats
    signed: Floats
    z: Floats

    @property
    def p_value(self) -> Floats:
        """p-values of features (W, F), valid at their nominal level."""
        return np.minimum(self.value, np.minimum(self.missing, self.unseen))


@dataclass(frozen=True)
class _Seen:
    """Windows as the parts of a monitor take them.

    Bins measured, and counts of rare rows with those they are compared to, (2, F, W) for tails, else
    (1, F, W).
    """

    bins: Measured
    tails: Floats
    expected: Floats
    null: Floats
    rows: Floats
    strange: Floats
    valid: Floats


@dataclass(frozen=True)
class Monitor:
    """What a history of ``windows`` windows says of windows to come, for F features at once."""

    windows: int
    ordered: Bools
    basis: Basis
    levels: Centre
    rest: Shape
    tails: Rare
    gone: Rare
    strange: Rare
    absent: Floats

    @classmethod
    def of(
        cls,
        history: Counts,
        ordered: Bools,
        phase: NDArray[np.int64] | None = None,
        cycles: int = CYCLES,
    ) -> Monitor:
        """Fit to a history in time order; ``phase`` (W,) is each window's place in a season, if any.

        A season of fewer than ``cycles`` windows in any phase is not taken out. Raises ValueError for a
        history of fewer than 2 windows.
        """
        windows = len(history.bins)
        if windows < FEWEST:
            raise ValueError(f"a history of {windows} windows: at least {FEWEST} show how windows differ")
        ordered = np.asarray(ordered, dtype=np.bool_)
        counts = _features_first(history.bins)
        where = _phases(phase, windows, cycles)
        base = basis(counts.sum(1), ordered)
        seen = _seen(counts, np.zeros((2, *counts.shape[:2])), history, ordered, base)
        tails = rare(seen.tails, seen.expected)
        scores = _scores(seen, tails)
        levels = centre(scores, seen.bins.rows, where)
        rest = shape(seen.bins, beyond(levels, scores, where), base, where)
        absent = seasonal(seen.null[0], seen.rows[0], where)
        gone = rare(*_rarer(seen, absent, where))
        return cls(windows, ordered, base, levels, rest, tails, gone, rare(seen.strange, seen.valid), absent)

    @property
    def effective(self) -> Floats:
        """Independent windows that the history is worth, for location and spread (F, 2)."""
        return self.levels.effective[:2].T

    @property
    def tau(self) -> Floats:
        """Standard deviation between windows of location and spread (F, 2), in sd of the values."""
        return self.levels.tau[:2].T

    @property
    def persistence(self) -> Floats:
        """Lag-1 correlation of location and spread between windows (F, 2), 0 unless noticeable."""
        return self.levels.persistence[:2].T

    @property
    def seasonal(self) -> bool:
        """Whether a season is taken out."""
        return bool(self.absent.shape[1] > 1)

    def judge(self, now: Counts, phase: NDArray[np.int64] | None = None) -> Judged:
        """Judge windows, each on its own, against the history; a seasonal monitor needs their phases."""
        where = self._places(phase, len(now.bins))
        counts, lost = self._known(_features_first(now.bins))
        seen = _seen(counts, lost, now, self.ordered, self.basis)
        rows = seen.bins.rows
        moved = beyond(self.levels, _scores(seen, self.tails), where)
        rest = left_over(self.rest, seen.bins, moved, self.basis, where)
        p, moved = two_sided(self.levels, moved, rows, where)
        tails = self._tailed(seen, p[SCORES:], moved[SCORES:])
        p = np.where(self.basis.exists[:, :, None], p[:SCORES], 1.0)
        null, expected = _rarer(seen, self.absent, where)
        gone = np.minimum(self.gone.more(null, expected, seen.rows), self.gone.fewer(null, expected))
        new = self.strange.more(seen.strange, seen.valid, seen.valid)
        each = [p, rest[None], tails, np.minimum(2 * gone, 1.0), new]
        return self._judged(np.concatenate(each), moved[:SCORES])

    def _places(self, phase: NDArray[np.int64] | None, windows: int) -> Places:
        """Phases as indices (W,), all 0 where no season is taken out."""
        if not self.seasonal:
            return np.zeros(windows, np.intp)
        if phase is None:
            raise ValueError("this history has a season: say the phase of each window to be judged")
        where = np.asarray(phase, dtype=np.intp)
        if where.min() < 0 or where.max() >= self.absent.shape[1]:
            raise ValueError(f"phases are 0 to {self.absent.shape[1] - 1}: the history has no other")
        return where

    def _known(self, counts: Floats) -> tuple[Floats, Floats]:
        """Counts of bins that the history hit, and rows in others (2, F, W), below those and elsewhere.

        Rows beyond the values of an ordered feature stay with its outermost bins as well.
        """
        dead = ~self.basis.live
        lost = counts * dead[:, None]
        if not lost.any():
            return counts, np.zeros((2, *counts.shape[:2]))
        first, last = self.basis.live.argmax(1), dead.shape[1] - 1 - self.basis.live[:, ::-1].argmax(1)
        outside = np.arange(dead.shape[1]) < first[:, None]
        below = (lost * outside[:, None]).sum(2)
        above = lost.sum(2) - below
        known, feature = counts - lost, np.arange(len(counts))
        keep = (self.ordered & self.basis.live.any(1))[:, None]
        known[feature, :, first] += below * keep
        known[feature, :, last] += above * keep
        return known, np.stack([below, above])

    def _tailed(self, seen: _Seen, p: Floats, moved: Floats) -> Floats:
        """p-values of counts in tails (2, F, W).

        By their distribution and, where there are enough or they come in clumps, as scores with p-values
        ``p`` as well, whichever is larger.
        """
        scored = (seen.expected > EXPECTED) | self.tails.clumped[:, :, None]
        above, below = np.where(moved > 0, p / 2, 1 - p / 2), np.where(moved < 0, p / 2, 1 - p / 2)
        rows = np.broadcast_to(seen.bins.rows, seen.tails.shape)
        many = self.tails.more(seen.tails, seen.expected, rows)
        few = self.tails.fewer(seen.tails, seen.expected)
        many = np.where(scored, np.maximum(many, above), many)
        few = np.where(scored, np.maximum(few, below), few)
        p = np.minimum(np.minimum(many / HEAVIER, few / (1 - HEAVIER)), 1.0)
        return np.where(self.ordered[:, None] & (seen.valid > 0), p, 1.0)

    def _judged(self, p: Floats, moved: Floats) -> Judged:
        """The verdict's numbers from p-values of components (C, F, W) and moves of scores (J, F, W)."""
        labels = ~self.ordered[:, None]
        z = _normal(p[:2], moved[:2])
        z[0] = np.where(labels & ~self.basis.exists[0][:, None], _upwards(p[SCORES]), z[0])
        p[SCORES] = np.where(labels & self.basis.exists[0][:, None], p[0], p[SCORES])
        p[0] = np.where(labels, 1.0, p[0])
        signed = np.zeros_like(p)
        signed[:SCORES] = np.where(labels, 0.0, moved)
        value = _pooled(p[: len(WEIGHTS)], self._weights())
        shared = [value / VALUES, p[-2] / MISSING, p[-1] / UNSEEN]
        value, gone, new = (np.minimum(each, 1.0).T for each in shared)
        return Judged(p.T, value, gone, new, signed.T, z.T)

    def _weights(self) -> Floats:
        """Weights of the components of values (7, F), 0 for those that a feature does not have."""
        scores = self.basis.exists & self.ordered
        rest = self.rest.exists | (self.basis.exists[0] & ~self.ordered)
        exists = np.concatenate([scores, rest[None], np.repeat(self.ordered[None], 2, 0)])
        return np.asarray(WEIGHTS[:, None] * exists)


def _features_first(bins: NDArray[np.int64]) -> Floats:
    return np.ascontiguousarray(bins.transpose(1, 0, 2), dtype=np.float64)


def _phases(phase: NDArray[np.int64] | None, windows: int, cycles: int) -> Places:
    """Phases as indices (W,), all 0 where there are too few cycles to know a season."""
    if phase is None or np.bincount(phase).min() < cycles:
        return np.zeros(windows, np.intp)
    return np.asarray(phase, dtype=np.intp)


def _seen(bins: Floats, lost: Floats, counts: Counts, ordered: Bools, basis: Basis) -> _Seen:
    """Windows measured; rows in bins that the history never hit are tails of numbers, unseen labels else."""
    numbers = ordered[:, None]
    null, strange = counts.null.T.astype(np.float64), counts.unseen.T.astype(np.float64)
    homeless = lost.sum(0) * ~(numbers & np.any(basis.live, axis=1)[:, None])
    strange = strange + np.where(numbers, 0.0, homeless)
    measured = measure(bins, basis, np.where(numbers, 0.0, strange))
    valid = measured.rows + np.where(numbers, np.maximum(strange, homeless), 0.0)
    tails = measured.tails + np.where(numbers, lost, 0.0)
    expected = measured.rows * (measured.expected + basis.floor[:, None])
    return _Seen(measured, tails, expected, null[None], (null + valid)[None], strange[None], valid[None])


def _scores(seen: _Seen, tails: Rare) -> Floats:
    """Scores with those of the tails behind them (J + 2, F, W), all with a sampling variance of 1 / rows."""
    root = tails.deviance(seen.tails, seen.expected) / np.sqrt(np.maximum(seen.bins.rows, 1.0))
    return np.concatenate([seen.bins.scores, root])


def _rarer(seen: _Seen, absent: Floats, phase: Places) -> tuple[Floats, Floats]:
    """Rows without a value, or with one where most have none, and as many expected (1, F, W)."""
    mostly = absent.mean(1)[:, None] > 1 / 2
    share = absent[:, phase]
    found = np.where(mostly, seen.rows - seen.null, seen.null)
    return found, seen.rows * np.where(mostly, 1 - share, share)


def _normal(p: Floats, moved: Floats) -> Floats:
    """Two-sided p-values as signed normal scores."""
    from scipy.special import ndtri

    return np.asarray(-np.sign(moved) * ndtri(np.maximum(p, TINY) / 2))


def _upwards(p: Floats) -> Floats:
    """One-sided p-values as normal scores; 1 says nothing and counts as 0."""
    from scipy.special import ndtri

    return np.where(p < 1, -ndtri(np.clip(p, TINY, 1 - NEGLIGIBLE)), 0.0)


def _pooled(p: Floats, weights: Floats) -> Floats:
    """Cauchy combination of p-values (C, F, W) with weights (C, F) (Liu and Xie 2020), 1 where all are dull.

    Weights that sum to less than 1, because components are missing, are raised to it.
    """
    total = weights.sum(0)
    share = weights / np.where(total > 0, np.minimum(total, 1.0), 1.0)
    cauchy = (share[:, :, None] / np.tan(np.pi * np.clip(p, TINY, DULL))).sum(0)
    surprising = np.any((weights[:, :, None] > 0) & (p < DULL), axis=0)
    return np.where(surprising, np.arctan2(1.0, cauchy) / np.pi, 1.0)

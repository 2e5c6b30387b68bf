"""How numbers move together: sums of products of scores, block by block, exact and mergeable.

Each value becomes the normal score of its rank in the reference, as a whole number, so that sums of any
rows are exact in any order. From the sums of a window follow its rank correlations, and the means of
random cosine features (Rahimi and Recht 2007), by which two joint distributions can be told apart.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile

FEATURES = 20
"""Numeric features that are looked at together, the first ones: the sums grow with the square."""

ROWS = 2_000_000
"""Rows of a reference that are summed; of more, each has the same chance, by a hash of its cells."""

UNIT = 1024
"""Scores are counted in parts of so many: finer than the noise of a million rows."""

FREQUENCIES = 32
"""Random directions in which cosines and sines are summed."""

CIRCLE = 4096
"""Angles whose cosine is looked up: their steps are as fine as the cosines' own units."""

FINER = 16
"""Bits by which directions are finer than these angles."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_COSINES = np.rint(np.cos(2 * np.pi * np.arange(CIRCLE) / CIRCLE) * UNIT).astype(np.int16)


@dataclass(frozen=True, eq=False)
class Joint:
    """Sums over the scores of d features together.

    ``scores`` maps a feature to the whole-number score of each cell of its grid, ``share`` is the part of
    all rows that is summed. ``sums`` (B, 1 + d + d (d + 1) / 2 + 2 FREQUENCIES) hold for each block: rows,
    scores, their products (upper triangle), and cosines and sines in the random directions.
    """

    scores: Mapping[str, Ints]
    share: float
    sums: Ints

    @classmethod
    def over(cls, features: Mapping[str, AnyProfile]) -> Joint | None:
        """The sums of no rows for the first numeric features; None where there are fewer than two."""
        chosen = {n: f for n, f in features.items() if isinstance(f, NumericProfile) and len(f.counts) > 3}
        names = list(chosen)[:FEATURES]
        if len(names) < 2:
            return None
        rows = max(chosen[name].rows for name in names)
        share = min(1.0, ROWS / max(rows, 1))
        return cls({name: _scores(chosen[name]) for name in names}, share, np.empty((0, 0), np.int64)).empty()

    @property
    def names(self) -> tuple[str, ...]:
        """The features that are looked at together."""
        return tuple(self.scores)

    @property
    def width(self) -> int:
        """How many sums there are for each block."""
        d = len(self.scores)
        return 1 + d + d * (d + 1) // 2 + 2 * FREQUENCIES

    def empty(self) -> Joint:
        """The sums of no blocks."""
        return self.of(np.empty((0, self.width), np.int64))

    def of(self, sums: Ints) -> Joint:
        """The same features with other sums."""
        return replace(self, sums=sums)

    def without(self, names: Container[str]) -> Joint | None:
        """The sums without some features, and so without the waves; None where fewer than two are left."""
        places = [i for i, name in enumerate(self.names) if name not in names]
        if len(places) == len(self.names):
            return self
        if len(places) < 2:
            return None
        d = len(self.names)
        pairs = np.zeros((d, d), np.int64)
        pairs[np.triu_indices(d)] = np.arange(d * (d + 1) // 2)
        first, second = np.array(places)[np.array(np.triu_indices(len(places)))]
        kept = [0, *(1 + np.array(places)), *(1 + d + pairs[first, second])]
        scores = {name: scores for name, scores in self.scores.items() if name not in names}
        return replace(self, scores=scores, sums=self.sums[:, kept])

    def tallied(self, cells: Mapping[str, Ints], block: Ints, blocks: int) -> Joint:
        """The sums of rows by their block, one of so many, from the cell of each row in each grid, (rows,).

        Missing values, one beyond the last cell, score 0, as the median does.
        """
        found = [cells[name] for name in self.names]
        if self.share < 1:
            kept = _kept(found, self.share)
            found, block = [rows[kept] for rows in found], block[kept]
        scores = np.empty((len(block), len(found)))
        for place, (name, rows) in enumerate(zip(self.names, found, strict=True)):
            scores[:, place] = np.append(self.scores[name], 0)[rows]
        return self.of(_sums(scores, block, blocks))


def correlations(sums: Ints, features: int) -> tuple[Floats, Floats]:
    """Rank correlations (B, P) of the P pairs of features, and the rows (B,) behind them."""
    rows = sums[:, 0].astype(np.float64)
    safe = np.maximum(rows, 1)[:, None]
    means = sums[:, 1 : 1 + features] / safe / UNIT
    first, second = np.triu_indices(features)
    products = sums[:, 1 + features : 1 + features + len(first)] / safe / UNIT**2
    spread = products - means[:, first] * means[:, second]
    deviation = np.sqrt(np.maximum(spread[:, first == second], 1e-9))
    pairs = first != second
    return (
        np.clip(spread[:, pairs] / (deviation[:, first[pairs]] * deviation[:, second[pairs]]), -0.999, 0.999),
        rows,
    )


def waves(sums: Ints) -> Floats:
    """Means of the random cosines and sines (B, 2 FREQUENCIES)."""
    return np.asarray(sums[:, -2 * FREQUENCIES :] / np.maximum(sums[:, :1], 1) / UNIT)


def directions(features: int) -> Floats:
    """The random directions (features, FREQUENCIES), the same always: a Gaussian kernel of median width."""
    random = np.random.default_rng(20_071_203)
    return np.asarray(random.normal(0.0, 1.0, (features, FREQUENCIES)) / np.sqrt(2.0 * features))


def _sums(scores: Floats, block: Ints, blocks: int) -> Ints:
    """The sums of whole-number scores (rows, d) by block, (blocks, width): exact, as floats hold them all."""
    if np.any(block[1:] < block[:-1]):
        order = np.argsort(block, kind="stable")
        scores, block = scores[order], block[order]
    features = scores.shape[1]
    rows = np.bincount(block, minlength=blocks)
    ends = np.cumsum(rows)
    sums = np.zeros((blocks, 1 + features + features * (features + 1) // 2 + 2 * FREQUENCIES), np.int64)
    sums[:, 0] = rows
    upper = np.triu_indices(features)
    for one in np.flatnonzero(rows):
        part = scores[ends[one] - rows[one] : ends[one]]
        sums[one, 1 : 1 + features] = part.sum(axis=0)
        sums[one, 1 + features : -2 * FREQUENCIES] = (part.T @ part)[upper]
        sums[one, -2 * FREQUENCIES :] = wave_sums(part)
    return sums


def wave_sums(scores: Floats) -> Ints:
    """Sums of the cosines and sines in the random directions, in units, (2 FREQUENCIES,).

    Angles are whole numbers too, so that they are exact in any order; cosines are looked up.
    """
    turned = (scores @ _turns(scores.shape[1])).astype(np.int64) >> FINER
    cosines = _COSINES[turned & (CIRCLE - 1)].sum(axis=0)
    sines = _COSINES[(turned - CIRCLE // 4) & (CIRCLE - 1)].sum(axis=0)
    return np.concatenate([cosines, sines])


@cache
def _turns(features: int) -> Floats:
    """The random directions in parts of a circle per unit of a score, whole numbers."""
    return np.rint(directions(features) * (CIRCLE << FINER) / (2 * np.pi * UNIT))


def _scores(profile: NumericProfile) -> Ints:
    """The normal score of the middle rank of each cell, in units."""
    counts = profile.ordered
    total = max(int(counts.sum()), 1)
    middle = np.clip((np.cumsum(counts) - counts / 2) / total, 0.5 / total, 1 - 0.5 / total)
    return np.array([round(UNIT * NormalDist().inv_cdf(u)) for u in middle.tolist()], dtype=np.int64)


def _kept(cells: Sequence[Ints], share: float) -> NDArray[np.bool_]:
    """Which rows are summed: by a hash of their cells, so that it does not depend on how rows are cut."""
    mixed = np.zeros(len(cells[0]), dtype=np.uint64)
    for column in cells:
        mixed = (mixed ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed < np.uint64(min(share, 1.0) * (2**64 - 2**11))


def pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of features in the order of their correlations."""
    return [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]

"""Where the rows of a reference are rarest: ground that a model trained on them hardly knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undrift.profiles.blocks import History
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.effects import unseen_due, unseen_share
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile

SHARE = 0.01
"""Share of the reference's rows in its rarest region, at most: half of it at either end of numbers."""

EDGE = 1.05
"""How much more of it lies beyond the edge of a cell than beyond the quantile itself, at most."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """How much of two tables lies in the region where the reference is rarest.

    ``own`` is the reference's share there and ``base`` the one that quiet rows may have, ``rows`` those of
    the current table in it, out of ``of`` rows, missing ones included. ``below`` and ``above`` bound the
    inside of a numeric region.
    """

    own: float
    base: float
    rows: float
    of: int
    below: float | None = None
    above: float | None = None

    @property
    def share(self) -> float:
        """The share of all current rows that lies in the region; 0 of no rows."""
        return self.rows / self.of if self.of else 0.0

    def beyond(self, share: float) -> float:
        """A share of rows as novelty: how far it is above the base, as a part of the rest; 0 to 1."""
        return self.excess(share) / (1 - self.base) if self.base < 1 else 0.0

    def excess(self, share: float) -> float:
        """A share of rows beyond the base, as a part of all; 0 to 1."""
        return max(0.0, share - self.base)


def rarest(ref: AnyProfile, cur: AnyProfile) -> Region:
    """The region of values: tails of numbers, the rarest labels and those never met.

    >>> known = CategoricalProfile(counts={"a": 990, "b": 10})
    >>> rarest(known, CategoricalProfile(counts={"a": 50, "b": 10}, others={"z": 40})).share
    0.5
    """
    if isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        own = sum(ref.counts[label] for label in _rare(ref)) / max(ref.valid, 1)
        return Region(own, _base(ref.valid, max(own, unseen_due(ref))), sum(_labels(ref, cur)), cur.rows)
    if not (isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile)):
        raise TypeError("two profiles of unlike kinds")
    counts, inside = ref.ordered, ~_tails(ref)
    own = float(counts[~inside].sum()) / max(int(counts.sum()), 1)
    if not inside.any():
        return Region(1.0, 1.0, 0.0, cur.rows)
    first, last = int(inside.argmax()), len(inside) - 1 - int(inside[::-1].argmax())
    edges = ref.grid.edges
    below = float(edges[first - 1]) if 0 < first <= len(edges) else None
    above = float(np.nextafter(edges[last], -np.inf)) if last < len(edges) else None
    return Region(
        own, _base(int(counts.sum()), own), float(cur.ordered[_tails(ref)].sum()), cur.rows, below, above
    )


def missing(ref: AnyProfile, cur: AnyProfile) -> Region:
    """The region of rows without a value, of which the reference had its own share."""
    before = ref.missing / ref.rows if ref.rows else 0.0
    return Region(before, _base(ref.rows, before), float(cur.missing), cur.rows)


def by_block(name: str, ref: AnyProfile, cur: AnyProfile, past: History) -> Floats:
    """About how many rows of each block of the current table lie in the region of values, shape (B,).

    Blocks know coarse bins: rows of a bin that lies partly in the region are shared out among blocks.
    """
    counts, cells = past.counts[name].astype(np.float64), past.cells[name]
    part = np.zeros(counts.shape[1])
    if isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        own, rest, outside = _by_cell(ref, cur, tuple(map(str, cells)))
        part[: len(own)] = own
        part[len(own)] = rest / max(float(counts[:, len(own)].sum()), 1.0)
        part[len(own) + 1] = outside / max(float(counts[:, len(own) + 1].sum()), 1.0)
    elif isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile):
        begins = np.asarray(cells, dtype=np.int64)
        inside = np.add.reduceat(cur.ordered * _tails(ref), begins)
        part[: len(begins)] = inside / np.maximum(np.add.reduceat(cur.ordered, begins), 1)
    return np.asarray(counts @ np.minimum(part, 1.0))


def _base(rows: int, due: float = 0.0) -> float:
    """The share that is due: the region's own, that of a row beyond the extremes, or ``due``."""
    return min(1.0, max(SHARE, 2 / (rows + 1), due))


def _tails(ref: NumericProfile) -> NDArray[np.bool_]:
    """The cells outside the ½ % and 99½ % quantiles of the reference, edges of cells allowed for."""
    counts = ref.ordered
    most = SHARE / 2 * counts.sum() * EDGE
    return np.asarray((np.cumsum(counts) <= most) | (np.cumsum(counts[::-1])[::-1] <= most))


def _rare(ref: CategoricalProfile) -> set[str]:
    """The rarest labels of the vocabulary, of which together no more rows are than the region's share."""
    ranked = sorted((rows, label) for label, rows in ref.counts.items() if rows)
    below = np.cumsum([rows for rows, _ in ranked], dtype=np.int64)
    return {label for (_, label), sum_ in zip(ranked, below, strict=True) if sum_ <= SHARE * ref.valid}


def _labels(ref: CategoricalProfile, cur: CategoricalProfile) -> tuple[float, float]:
    """Current rows of rare labels of the vocabulary, and of labels never met."""
    known = sum(cur.counts.get(label, 0) for label in _rare(ref))
    return float(known), unseen_share(ref, cur) * cur.valid


def _by_cell(
    ref: CategoricalProfile, cur: CategoricalProfile, cells: tuple[str, ...]
) -> tuple[list[float], float, float]:
    """Whether each label with a bin is rare, and rows of rare ones without a bin, and of those never met."""
    rare = _rare(ref)
    in_rest = sum(cur.counts.get(label, 0) for label in rare.difference(cells))
    return [float(label in rare) for label in cells], float(in_rest), _labels(ref, cur)[1]

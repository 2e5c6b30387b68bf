"""The fixed grid over which numbers are counted: cut once from the reference, then frozen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undrift.profiles.buckets import Buckets, faster_than_sorting

BINS = 256
"""Quantile bins of the fine grid; the coarser bins of PSI and others are merged from them."""

MONITORED = np.array([0.001, 0.005, 0.01, 0.025, *np.arange(1, 20) / 20, 0.975, 0.99, 0.995, 0.999])
"""Quantiles whose edges every grid holds, so that the monitor's bins are merged from it too."""

TAIL = 72
"""Cells beyond either end, so that what lies outside is not all in one place."""

GROWTH = 1.25
"""How much wider each of them is than the one before it; the first is a ``FINE`` part of the middle half."""

FINE = 1 / 16

SHORT = 16_384
"""Values up to which sorting is faster than filling buckets."""

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Strictly increasing edges; cell i holds values in [edge i-1, edge i).

    There are ``len(edges) + 1`` cells: the first is underflow (below the reference's smallest
    value), the last overflow (above its largest). ``centre`` is subtracted before sums are taken,
    so that moments keep their digits. ``tails`` part underflow and overflow again.
    """

    edges: Numbers
    centre: float

    @classmethod
    def of(cls, values: Numbers, bins: int = BINS) -> Grid:
        """Cut a grid at the quantiles of finite values, those of the monitor among them.

        A value that fills whole quantiles gets a cell of its own, so ties are counted exactly; with
        at most ``bins`` different values every value has its own cell.

        >>> Grid.of(np.array([1.0, 2.0, 2.0])).count(np.array([2.0, 9.0])).tolist()
        [0, 0, 0, 1, 1]
        """
        if len(values) == 0:
            return cls(np.empty(0), 0.0)
        ordered = np.sort(values)
        ordered[ordered == 0] = 0.0  # one zero: the two have one place on the line
        distinct = ordered[_first(ordered)]
        if len(distinct) <= bins:
            inner = np.concatenate([distinct, following(distinct)])
        else:
            quantiles = _quantiles(ordered, np.linspace(0, 1, bins + 1))
            repeated = quantiles[1:][quantiles[1:] == quantiles[:-1]]
            inner = np.concatenate([quantiles, following(repeated), _quantiles(ordered, MONITORED)])
        last = following(ordered[-1:])
        edges = np.sort(np.append(inner[inner < last], last))
        edges = edges[_first(edges)]
        return cls(edges, float(_quantiles(ordered, np.array([0.5]))[0]))

    def count(self, values: Numbers) -> Counts:
        """Exact counts of finite values per cell, shape (len(edges) + 1,)."""
        many = len(values) > SHORT and len(self.edges) and faster_than_sorting()
        buckets = self._buckets(values) if many else None
        below = buckets.below(values) if buckets else np.searchsorted(np.sort(values), self.edges)
        return np.diff(below, prepend=0, append=len(values))

    @property
    def tails(self) -> tuple[Numbers, Numbers]:
        """Edges beyond either end, below and above, each increasing: they part underflow and overflow.

        They reach two million times as far as the middle half of the edges is wide.
        """
        kept: dict[str, tuple[Numbers, Numbers]] = vars(self)
        if "beyond" not in kept:
            kept["beyond"] = _tails(self.edges)
        return kept["beyond"]

    def count_below(self, values: Numbers) -> Counts:
        """Counts of the values below the first edge, parted by the edges of that tail."""
        return _parted(self.tails[0], values[values < self.edges[0]])

    def count_above(self, values: Numbers) -> Counts:
        """Counts of the values from the last edge on, parted by the edges of that tail."""
        return _parted(self.tails[1], values[values >= self.edges[-1]])

    def _buckets(self, values: Numbers) -> Buckets | None:
        """The buckets over this grid, laid out at the first call."""
        kept: dict[str, Buckets | None] = vars(self)
        if "buckets" not in kept:
            kept["buckets"] = Buckets.of(self.edges, self.centre, values)
        return kept["buckets"]

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Grid)
            and self.centre == other.centre
            and np.array_equal(self.edges, other.edges)
        )

    def __hash__(self) -> int:
        return hash((self.centre, self.edges.tobytes()))


def _tails(edges: Numbers) -> tuple[Numbers, Numbers]:
    if not len(edges):
        return edges, edges
    with np.errstate(over="ignore"):
        middle = edges[3 * len(edges) // 4] - edges[len(edges) // 4]
        away = FINE * middle * (GROWTH ** np.arange(1, TAIL + 1) - 1) / (GROWTH - 1)
        below, above = np.unique(edges[0] - away), np.unique(edges[-1] + away)
    return below[np.isfinite(below) & (below < edges[0])], above[np.isfinite(above) & (above > edges[-1])]


def _parted(edges: Numbers, values: Numbers) -> Counts:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def _first(ordered: Numbers) -> NDArray[np.bool_]:
    """Which of sorted values are the first of their kind."""
    return np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]


def _quantiles(ordered: Numbers, shares: Numbers) -> Numbers:
    """The smallest values that at least these shares of the sorted values do not exceed."""
    places = np.ceil(shares * len(ordered) - 1e-9).astype(np.intp) - 1
    return ordered[np.clip(places, 0, len(ordered) - 1)]


def following(values: Numbers) -> Numbers:
    """The next larger floats: infinity after the largest, without a warning."""
    with np.errstate(over="ignore"):
        return np.nextafter(values, np.inf)

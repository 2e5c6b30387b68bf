"""The fixed grid over which numbers are counted: cut once from the reference, then frozen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undrift.profiles.buckets import Buckets, faster_than_sorting
from undrift.profiles.cutting import EXACT, SINGLE, cut, places, points_of

BINS = 256
"""Quantile bins of the fine grid; the coarser bins of PSI and others are merged from them."""

MONITORED = np.array([0.001, 0.005, 0.01, 0.025, *np.arange(1, 20) / 20, 0.975, 0.99, 0.995, 0.999])
"""Quantiles whose edges every grid holds, so that the monitor's bins are merged from it too."""


class Tail(NamedTuple):
    """Cells beyond either end, so that what lies outside is not all in one place.

    The first is a ``fine`` part of the middle half wide, each of the others ``growth`` times the one before.
    """

    cells: int
    growth: float
    fine: float


TAIL = Tail(144, 1.125, 1 / 64)

COARSE_TAIL = Tail(72, 1.25, 1 / 16)
"""The cells of grids that undrift 0.1 cut, by which the rows of saved profiles are counted."""

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
    points: Numbers = None  # type: ignore[assignment]  # known by the edges, in grids of undrift 0.1
    separate: bool = False
    tail: Tail = TAIL

    def __post_init__(self) -> None:
        """Find the points of a grid that was made before they were kept."""
        if self.points is None:
            points = points_of(self.edges)
            object.__setattr__(self, "points", points)
            object.__setattr__(self, "tail", COARSE_TAIL)
            object.__setattr__(self, "separate", len(self.edges) > 0 and 2 * len(points) == len(self.edges))

    @classmethod
    def of(cls, values: Numbers, bins: int = BINS, stored: float = 0.0) -> Grid:
        """Cut a grid at the quantiles of finite values, those of the monitor among them.

        A value that fills whole quantiles gets a cell of its own, as wide as rounding, so ties are
        counted exactly; with at most ``bins`` different values every value has its own cell. ``stored`` is
        the rounding of the type that held the values, relative to them.

        >>> grid = Grid.of(np.array([0.1, 0.2, 0.2]))
        >>> grid.count(np.array([0.2, np.float32(0.2), 0.21]))[grid.own].tolist()
        [0, 2]
        """
        if len(values) == 0:
            return cls(np.empty(0), 0.0, np.empty(0))
        ordered = np.sort(values)
        ordered[ordered == 0] = 0.0  # one zero: the two have one place on the line
        centre = float(ordered[places(len(ordered), np.array([0.5]))[0]])
        found = cut(ordered, bins, MONITORED, stored)
        return cls(found.edges, centre, found.points, found.separate)

    def count(self, values: Numbers) -> Counts:
        """Exact counts of finite values per cell, shape (len(edges) + 1,)."""
        many = len(values) > SHORT and len(self.edges) and faster_than_sorting()
        buckets = self.buckets if many else None
        below = buckets.below(values) if buckets else np.searchsorted(np.sort(values), self.edges)
        return np.diff(below, prepend=0, append=len(values))

    @cached_property
    def own(self) -> NDArray[np.intp]:
        """The cell of each of the points, shape (len(points),)."""
        return np.searchsorted(self.edges, self.points, side="right")

    def point(self, value: float) -> float | None:
        """The point that a value is but for rounding; None where it is none."""
        at = np.flatnonzero(self.own == np.searchsorted(self.edges, value, side="right"))
        return float(self.points[at[0]]) if len(at) else None

    def snapped(self, values: Numbers, stored: float) -> Numbers:
        """The values; those that are a point but for the rounding of their type become that point.

        >>> Grid.of(np.array([0.1, 0.2])).snapped(np.array([0.1001, 0.15]), 2**-9).tolist()
        [0.1, 0.15]
        """
        if stored <= SINGLE and not np.any(stored * np.abs(self.points) >= EXACT):
            return values  # own cells are wide enough
        points = np.concatenate([[-np.inf], self.points, [np.inf]])
        right = np.clip(np.searchsorted(points, values), 1, len(points) - 1)
        low, high = points[right - 1], points[right]
        with np.errstate(invalid="ignore"):  # infinities and NaN are not near anything
            nearest = np.where(values - low <= high - values, low, high)
            return np.where(np.abs(values - nearest) <= stored * np.abs(values), nearest, values)

    def cells(self, values: Numbers) -> Counts:
        """The cell of each value, shape (len(values),); NaN lies in the last one.

        >>> Grid(np.array([1.0, 2.0]), 1.5).cells(np.array([0.5, 1.0, 3.0])).tolist()
        [0, 1, 2]
        """
        if len(values) > SHORT and len(self.edges) and self.buckets and np.isfinite(values).all():
            return self.buckets.cells(values)
        return np.searchsorted(self.edges, values, side="right")

    @cached_property
    def tails(self) -> tuple[Numbers, Numbers]:
        """Edges beyond either end, below and above, each increasing: they part underflow and overflow.

        They reach two million times as far as the middle half of the edges is wide.
        """
        return _tails(self.edges, self.tail)

    def count_below(self, values: Numbers) -> Counts:
        """Counts of the values below the first edge, parted by the edges of that tail."""
        return _parted(self.tails[0], values[values < self.edges[0]])

    def count_above(self, values: Numbers) -> Counts:
        """Counts of the values from the last edge on, parted by the edges of that tail."""
        return _parted(self.tails[1], values[values >= self.edges[-1]])

    @cached_property
    def buckets(self) -> Buckets | None:
        """Buckets over this grid, spread for values that fall into its cells alike; None if none help."""
        between = self.edges[1:] / 2 + self.edges[:-1] / 2
        return Buckets.of(self.edges, self.centre, np.append(between, self.points), self.points)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Grid)
            and (self.centre, self.tail) == (other.centre, other.tail)
            and np.array_equal(self.edges, other.edges)
        )

    def __hash__(self) -> int:
        return hash((self.centre, self.edges.tobytes()))


def _tails(edges: Numbers, tail: Tail) -> tuple[Numbers, Numbers]:
    if not len(edges):
        return edges, edges
    with np.errstate(over="ignore"):
        middle = edges[3 * len(edges) // 4] - edges[len(edges) // 4]
        away = tail.fine * middle * (tail.growth ** np.arange(1, tail.cells + 1) - 1) / (tail.growth - 1)
        below, above = np.unique(edges[0] - away), np.unique(edges[-1] + away)
    return below[np.isfinite(below) & (below < edges[0])], above[np.isfinite(above) & (above > edges[-1])]


def _parted(edges: Numbers, values: Numbers) -> Counts:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)

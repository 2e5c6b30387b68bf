"""The profile of a column of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from undrift.errors import MergeError
from undrift.profiles.grid import Grid
from undrift.profiles.scratch import scratch
from undrift.records import Kind

SQUARABLE = (1e-140, 1e140)
"""Distances whose squares, summed, neither vanish nor overflow."""

STEADY = 1000
"""Deviations that a mean may lie from the grid's centre before rounding eats into the deviation."""


def _nothing() -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class NumericProfile:
    """Counts over a frozen grid, moments about its centre, and what was not a finite number.

    ``counts`` has shape (len(grid.edges) + 1,) and holds finite values only; nulls, NaN and the
    two infinities are told apart. ``total`` and ``squares`` are sums of (x - centre) and of its square.
    ``below`` and ``above`` part the underflow and the overflow by the grid's tails; they are empty where
    no value lies there.
    """

    kind: ClassVar[Kind] = "numeric"

    grid: Grid
    counts: NDArray[np.int64]
    total: float = 0.0
    squares: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    null: int = 0
    nan: int = 0
    negative_infinite: int = 0
    positive_infinite: int = 0
    below: NDArray[np.int64] = field(default_factory=_nothing)
    above: NDArray[np.int64] = field(default_factory=_nothing)

    @classmethod
    def over(cls, grid: Grid) -> NumericProfile:
        """The profile of no rows over this grid."""
        return cls(grid, np.zeros(len(grid.edges) + 1, dtype=np.int64))

    @classmethod
    def of(cls, values: NDArray[np.float64], null: int, grid: Grid | None = None) -> NumericProfile:
        """Summarise values (nulls already taken out and counted) over a grid, or over their own.

        >>> NumericProfile.of(np.array([1.0, 2.0, np.nan]), null=1).missing
        2
        """
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
        finite = values if np.isfinite(low) and np.isfinite(high) else values[np.isfinite(values)]
        grid = Grid.of(finite) if grid is None else grid
        with np.errstate(over="ignore", invalid="ignore"):  # squares of numbers beyond 1e154 are infinite
            away = np.subtract(finite, grid.centre, out=scratch(len(finite)))
            total, squares = float(away.sum()), float(np.einsum("i,i", away, away))
        counts = grid.count(finite)
        return cls(
            grid,
            counts,
            total,
            squares,
            float(finite.min()) if len(finite) else None,
            float(finite.max()) if len(finite) else None,
            null,
            *_not_finite(values, len(values) - len(finite)),
            grid.count_below(finite) if len(counts) > 1 and counts[0] else _nothing(),
            grid.count_above(finite) if len(counts) > 1 and counts[-1] else _nothing(),
        )

    def empty(self) -> NumericProfile:
        """The profile of no rows over the same grid: the neutral element of ``merge``."""
        return self.over(self.grid)

    def merge(self, other: NumericProfile) -> NumericProfile:
        """The profile of the rows of both; raises MergeError when the grids differ."""
        if self.grid != other.grid:
            raise MergeError(
                f"profiles over unlike grids ({len(self.grid.edges)} and {len(other.grid.edges)} edges)",
                "Profile both with like= the same reference.",
            )
        return replace(
            self,
            counts=self.counts + other.counts,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            minimum=min(_known(self.minimum, other.minimum), default=None),
            maximum=max(_known(self.maximum, other.maximum), default=None),
            null=self.null + other.null,
            nan=self.nan + other.nan,
            negative_infinite=self.negative_infinite + other.negative_infinite,
            positive_infinite=self.positive_infinite + other.positive_infinite,
            below=_added(self.below, other.below),
            above=_added(self.above, other.above),
        )

    @cached_property
    def finite(self) -> int:
        """Rows with a finite number."""
        return int(self.counts.sum())

    @cached_property
    def infinite(self) -> int:
        """Rows with either infinity."""
        return self.negative_infinite + self.positive_infinite

    @cached_property
    def missing(self) -> int:
        """Rows that are null or NaN."""
        return self.null + self.nan

    @cached_property
    def rows(self) -> int:
        """All rows."""
        return self.finite + self.infinite + self.missing

    @cached_property
    def ordered(self) -> NDArray[np.int64]:
        """Counts from lowest to highest cell; -inf counts as underflow, +inf as overflow.

        Over a grid without edges, of a reference without a finite value, there are three: -inf, finite, +inf.
        """
        if not len(self.grid.edges):
            return np.array([self.negative_infinite, self.finite, self.positive_infinite], dtype=np.int64)
        counts = self.counts.copy()
        counts[0] += self.negative_infinite
        counts[-1] += self.positive_infinite
        return counts

    @cached_property
    def mean(self) -> float:
        """Mean of the finite values; NaN when there are none."""
        return self.grid.centre + self.total / self.finite if self.finite else float("nan")

    @cached_property
    def deviation(self) -> float:
        """Standard deviation of the finite values (divided by n); NaN when there are none.

        From sums of squares where floats carry them; else that of rows spread evenly from the smallest
        to the largest value, (maximum - minimum) / √12.
        """
        if self.minimum is None or self.maximum is None:
            return float("nan")
        if self.only is not None:
            return 0.0
        if SQUARABLE[0] < self.reach < SQUARABLE[1]:
            away = self.total / self.finite
            found = math.sqrt(max(0.0, self.squares / self.finite - away * away))
            if abs(away) < STEADY * found:
                return found
        return (self.maximum / 2 - self.minimum / 2) / math.sqrt(3)

    @cached_property
    def only(self) -> float | None:
        """The one value, as the grid has it, that all finite values are but for rounding; None where none is.

        >>> known = NumericProfile.of(np.array([0.1, 0.2]), null=0)
        >>> NumericProfile.of(np.array([0.1, np.float32(0.1)]), null=0, grid=known.grid).only
        0.1
        """
        if self.minimum is None or self.minimum == self.maximum:
            cell = None if self.minimum is None else self.grid.point(self.minimum)
            return self.minimum if cell is None else cell
        point = self.grid.point(self.minimum)
        return point if point is not None and int(self.counts.max()) == self.finite else None

    @cached_property
    def reach(self) -> float:
        """The largest distance of a finite value from the grid's centre; 0 when there are none."""
        known = (self.minimum, self.maximum)
        return max((abs(x - self.grid.centre) for x in known if x is not None), default=0.0)


def _not_finite(values: NDArray[np.float64], most: int) -> tuple[int, int, int]:
    """How many values are NaN, minus infinity and infinity."""
    if most == 0:
        return 0, 0, 0
    return int(np.isnan(values).sum()), int(np.isneginf(values).sum()), int(np.isposinf(values).sum())


def _added(mine: NDArray[np.int64], theirs: NDArray[np.int64]) -> NDArray[np.int64]:
    return mine + theirs if len(mine) and len(theirs) else mine if len(mine) else theirs


def _known(*values: float | None) -> list[float]:
    return [v for v in values if v is not None]

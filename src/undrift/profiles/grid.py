"""The fixed grid over which numbers are counted: cut once from the reference, then frozen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 256
"""Quantile bins of the fine grid; the coarser bins of PSI and others are merged from them."""

BLOCK = 65_536
"""Values sorted at a time: a sorted block is counted by searching the edges in it."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Strictly increasing edges; cell i holds values in [edge i-1, edge i).

    There are ``len(edges) + 1`` cells: the first is underflow (below the reference's smallest
    value), the last overflow (above its largest). ``centre`` is subtracted before sums are taken,
    so that moments keep their digits.
    """

    edges: NDArray[np.float64]
    centre: float

    @classmethod
    def of(cls, values: NDArray[np.float64], bins: int = BINS) -> Grid:
        """Cut a grid at the quantiles of finite values.

        A value that fills whole quantiles gets a cell of its own, so ties are counted exactly; with
        at most ``bins`` different values every value has its own cell.

        >>> Grid.of(np.array([1.0, 2.0, 2.0])).count(np.array([2.0, 9.0])).tolist()
        [0, 0, 0, 1, 1]
        """
        if len(values) == 0:
            return cls(np.empty(0), 0.0)
        distinct = np.unique(values)
        if len(distinct) <= bins:
            inner = np.concatenate([distinct, _next(distinct)])
        else:
            quantiles = np.quantile(values, np.linspace(0, 1, bins + 1), method="inverted_cdf")
            edges, repeats = np.unique(quantiles, return_counts=True)
            inner = np.concatenate([edges, _next(edges[repeats > 1])])
        last = _next(distinct[-1:])
        edges = np.unique(np.append(inner[inner < last], last))
        return cls(edges, float(np.quantile(values, 0.5, method="inverted_cdf")))

    def count(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Exact counts of finite values per cell, shape (len(edges) + 1,)."""
        below = np.zeros(len(self.edges), dtype=np.int64)
        for start in range(0, len(values), BLOCK):
            below += np.searchsorted(np.sort(values[start : start + BLOCK]), self.edges)
        return np.diff(below, prepend=0, append=len(values))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Grid)
            and self.centre == other.centre
            and np.array_equal(self.edges, other.edges)
        )

    def __hash__(self) -> int:
        return hash((self.centre, self.edges.tobytes()))


def _next(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The next larger floats: infinity after the largest, without a warning."""
    with np.errstate(over="ignore"):
        return np.nextafter(values, np.inf)

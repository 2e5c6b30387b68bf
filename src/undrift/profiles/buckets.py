"""Counting values under edges faster than sorting them.

Values fall by arithmetic into equal buckets over where the edges lie. A bucket without an edge in it
is counted whole; only what fell into a bucket with an edge is sorted. The result is exact, whatever the
rounding: the arithmetic never decreases, so a value below an edge cannot land in a later bucket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from math import ceil, floor
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from undrift.profiles.scratch import scratch

SIZE = 65_536
"""Buckets: a bucket with an edge then holds few values, and the counts still fit into a cache."""

LEFT_OUT = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08)
"""Parts of the edges at either end that the buckets may leave to the first and the last bucket: more of
them where tails are long, so that the buckets are narrow where most rows are."""

TRIED = 4096
"""Values on which these are tried."""

PROBE, PROBES = 32_768, 3
"""Numbers on which both ways of counting are timed, and how often."""

WORTH = 0.5
"""Share of values to be sorted up to which buckets are worth it."""

WHOLE = 2.0**52
"""Added to a float it rounds it to a whole number, which then stands in its lowest bits: turning floats
into integers this way takes a fraction of the time of a cast."""

WHOLE_BITS = np.float64(WHOLE).view(np.int64)

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Buckets:
    """Equal buckets over a grid's edges.

    ``at`` is the bucket of each edge, and ``mixed`` says of each bucket whether values in it must be
    sorted. ``single`` is the one value around which a bucket's edges lie, else NaN: rows that repeat it need
    no sorting either; None where the reference repeats no value.
    """

    edges: Numbers
    centre: float
    scale: float
    shift: float
    at: NDArray[np.int64]
    mixed: NDArray[np.bool_]
    single: Numbers | None

    @classmethod
    def of(cls, edges: Numbers, centre: float, typical: Numbers, points: Numbers) -> Buckets | None:
        """Lay buckets over strictly increasing edges so that few of some typical values need sorting.

        ``points`` are values with an own cell. None where buckets cannot be spread evenly, or would not help.

        >>> laid = Buckets.of(np.array([0.0, 1.0]), 0.5, np.array([0.2]), np.empty(0))
        >>> laid.below(np.array([-1.0, 0.5, 2.0])).tolist()
        [1, 2]
        """
        some = typical[:: max(len(typical) // TRIED, 1)]
        laid = [cls._over(edges, centre, *_ends(edges, part), points) for part in LEFT_OUT]
        shares = [
            (float(one._sorted(some, one._bucket(some)).mean()), one) for one in laid if one is not None
        ]
        share, best = min(shares, key=lambda pair: pair[0], default=(1.0, None))
        return best if share <= WORTH else None

    @classmethod
    def _over(cls, edges: Numbers, centre: float, low: float, high: float, points: Numbers) -> Buckets | None:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            scale = float(np.float64(SIZE - 2) / (high - low))
            shift = 1 - (low - centre) * scale
        if not (np.isfinite(scale) and np.isfinite(shift) and scale > 0):
            return None
        bare = cls(edges, centre, scale, shift, np.empty(0, np.int64), np.empty(0, np.bool_), None)
        at = bare._bucket(edges).copy()
        mixed = np.zeros(SIZE, dtype=np.bool_)
        mixed[[0, SIZE - 1]] = mixed[at] = True
        return cls(edges, centre, scale, shift, at, mixed, _single(edges, at, points))

    def below(self, values: Numbers) -> NDArray[np.int64]:
        """How many of the finite values lie below each edge, shape (len(edges),)."""
        bucket = self._bucket(values)
        rest = np.flatnonzero(self._sorted(values, bucket))
        whole = np.bincount(bucket, minlength=SIZE) - np.bincount(bucket[rest], minlength=SIZE)
        below = (np.cumsum(whole) - whole)[self.at]
        if self.single is not None:
            below += np.where(self.single[self.at] < self.edges, whole[self.at], 0)
        return np.asarray(below + np.searchsorted(np.sort(values[rest]), self.edges))

    def cells(self, values: Numbers) -> NDArray[np.int64]:
        """How many edges are no greater than each of the finite values, shape (len(values),)."""
        bucket = self._bucket(values)
        rest = np.flatnonzero(self._sorted(values, bucket))
        found = np.take(self._first, bucket, mode="clip")
        found[rest] = np.searchsorted(self.edges, values[rest], side="right")
        return found

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """The cell of the values of each bucket that need no sorting."""
        below = np.cumsum(np.bincount(self.at, minlength=SIZE))
        found = np.append(0, below[:-1])
        if self.single is not None:
            alone = np.flatnonzero(~np.isnan(self.single))
            found[alone] = np.searchsorted(self.edges, self.single[alone], side="right")
        return found

    def _sorted(self, values: Numbers, bucket: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which values must be sorted."""
        sort = np.take(self.mixed, bucket, mode="clip")
        if self.single is not None:
            sort &= values != np.take(self.single, bucket, out=scratch(len(values), 1), mode="clip")
        return sort

    def _bucket(self, values: Numbers) -> NDArray[np.int64]:
        """The bucket of each value, in this thread's scratch."""
        place = scratch(len(values))
        with np.errstate(over="ignore"):
            np.subtract(values, self.centre, out=place)
            place *= self.scale
            place += self.shift + WHOLE
        np.clip(place, WHOLE, WHOLE + (SIZE - 1), out=place)
        bucket = place.view(np.int64)
        bucket -= WHOLE_BITS
        return bucket


def _ends(edges: Numbers, left_out: float) -> tuple[float, float]:
    last = len(edges) - 1
    return float(edges[floor(left_out * last)]), float(edges[ceil((1 - left_out) * last)])


def _single(edges: Numbers, at: NDArray[np.int64], points: Numbers) -> Numbers | None:
    """The one value of each bucket all of whose edges are ends of that value's own cell."""
    if not len(points):
        return None
    single = np.full(SIZE, np.nan)
    upper = np.searchsorted(edges, points, side="right")
    first = np.flatnonzero(np.diff(at, prepend=-1))
    last = np.append(first[1:], len(at)) - 1
    for end in (0, 1):  # a bucket may hold both ends of a cell, or either
        begins = np.searchsorted(first, upper - 1 + end, side="right") - 1
        alone = (first[begins] >= upper - 1) & (last[begins] <= upper)
        single[at[first[begins[alone]]]] = points[alone]
    return single


@cache
def faster_than_sorting() -> bool:
    """Whether buckets beat sorting on this processor: both are tried once, on made-up numbers."""
    values = np.random.default_rng(0).normal(size=PROBE)
    edges = np.sort(values[:: PROBE // 300])
    buckets = Buckets._over(edges, 0.0, float(edges[0]), float(edges[-1]), np.empty(0))
    if buckets is None:
        return False
    ways = (lambda: buckets.below(values), lambda: np.searchsorted(np.sort(values), edges))
    filled, ordered = (min(_seconds(way) for _ in range(PROBES)) for way in ways)
    return filled < ordered


def _seconds(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start

"""Where the rows of two profiles lie on one axis, in standard deviations of the reference."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from undrift.profiles.bins import fine
from undrift.profiles.grid import Grid
from undrift.profiles.numeric import SQUARABLE, NumericProfile

FAR = 1e6
"""Standard deviations beyond which places are not told apart: there lie farther values and infinities."""

WIDE = 0.03
"""Width of a cell in standard deviations from which on a known extreme in it is told from its other rows."""

Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]


def deviation(profile: NumericProfile) -> float:
    """Standard deviation of the finite values: 0 where they are all one value, or there is none.

    >>> deviation(NumericProfile.of(np.array([1.0, 3.0, -np.inf]), null=0))
    1.0
    """
    return profile.deviation if profile.finite else 0.0


def cells(ref: NumericProfile, cur: NumericProfile) -> tuple[Numbers, Counts, Counts]:
    """The ends of K ordered cells, shape (K + 1,), in deviations of the reference, and both counts.

    Places are counted from the reference's smallest value and end at ±FAR, where the infinities
    are; a cell that holds a single value has no width. Underflow and overflow are parted by the grid's
    tails and reach as far as the values known to be in them. Where the reference is constant every other
    value is one deviation away.
    """
    fine(ref, cur)  # refuses unlike grids
    edges = ref.grid.edges
    if ref.minimum is None or not len(edges):
        return np.zeros(2), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    first, last = float(edges[0]), min(float(edges[-1]), sys.float_info.max)
    below, above = _below(first, ref, cur), _above(last, ref, cur)
    ends = np.concatenate([[-np.inf, -np.inf], below, _closed(ref.grid), above, [np.inf, np.inf]])
    apart = _adjoining(ref.grid)
    placed = _placed(ends, ref.minimum, deviation(ref))
    return placed, _counts(ref, below, above, apart), _counts(cur, below, above, apart)


def pinned(ref: NumericProfile, cur: NumericProfile) -> tuple[Numbers, Counts, Counts]:
    """The same cells, with one row of each profile at its smallest and one at its largest value.

    Both are known exactly, and one row may lie so far away that its place decides a distance.
    """
    ends, a, b = cells(ref, cur)
    if ref.minimum is None:
        return ends, a, b
    before, now = _extremes(ref, ref), _extremes(cur, ref)
    at = {_cell(ends, *end) for end in (*_found(before), *_found(now))}
    for cell in sorted(at, reverse=True):
        low, high = ends[cell : cell + 2]
        if high - low <= WIDE:
            continue
        pins = np.unique([place for place, _ in (*_found(before), *_found(now)) if low <= place <= high])
        inner = np.concatenate([[low], np.repeat(pins, 2), [high]])
        a = _replaced(a, cell, _within(int(a[cell]), inner, pins, before))
        b = _replaced(b, cell, _within(int(b[cell]), inner, pins, now))
        ends = np.concatenate([ends[:cell], inner, ends[cell + 2 :]])
    return ends, a, b


def quantiles(ends: Numbers, counts: Counts, levels: Numbers) -> Numbers:
    """The places below which these shares of the counts lie, evenly spread within each cell.

    >>> quantiles(np.array([0.0, 1.0, 3.0]), np.array([1, 1]), np.array([0.5, 0.75])).tolist()
    [1.0, 2.0]
    """
    total = int(counts.sum())
    if not total:
        return np.zeros(len(levels))
    below = np.append(0, np.cumsum(counts)) / total
    asked = np.clip(levels, sys.float_info.min, 1.0)
    last = np.searchsorted(below, asked)
    part = (asked - below[last - 1]) / (below[last] - below[last - 1])
    found = ends[last - 1] + part * (ends[last] - ends[last - 1])
    return np.minimum(found, ends[last])  # rounding may carry it past the end of its cell


def standard_errors(ends: Numbers, counts: Counts, levels: Numbers, worth: float) -> Numbers:
    """Deviations of quantiles of samples worth so many rows: half of what lies one error either side.

    The share below a quantile has deviation √(level (1 - level) / worth); Woodruff (1952), JASA 47.
    """
    error = np.sqrt(levels * (1 - levels) / worth)
    return (quantiles(ends, counts, levels + error) - quantiles(ends, counts, levels - error)) / 2


def shift(ref: NumericProfile, cur: NumericProfile) -> float:
    """How far the mean of the finite values has moved, in deviations of the reference, with its sign.

    Exact where squares of the values can be summed; else from the middles of their cells. Where the
    reference is constant: the share of rows that lie above it less the share below. 0 when either has no
    value.
    """
    if not ref.finite or not cur.finite:
        return 0.0
    unit = deviation(ref)
    if unit and max(ref.reach, cur.reach) <= (SQUARABLE[1] if unit > SQUARABLE[0] else FAR * unit):
        return (cur.total / cur.finite - ref.total / ref.finite) / unit
    ends, a, b = cells(ref, cur)
    middles = (ends[1:] + ends[:-1])[1:-1] / 2
    return float(middles @ (b[1:-1] / cur.finite - a[1:-1] / ref.finite)) if len(middles) else 0.0


def _extremes(profile: NumericProfile, ref: NumericProfile) -> tuple[float, float]:
    """The places of a profile's smallest and largest value; infinities the other way round if it has none."""
    if profile.minimum is None or profile.maximum is None or ref.minimum is None:
        return np.inf, -np.inf
    low, high = _placed(np.array([profile.minimum, profile.maximum]), ref.minimum, deviation(ref)).tolist()
    return low, high


def _found(extremes: tuple[float, float]) -> list[tuple[float, bool]]:
    """The two places, and whether each is the top; none where there are none."""
    return [(extremes[0], False), (extremes[1], True)] if extremes[0] <= extremes[1] else []


def _cell(ends: Numbers, place: float, top: bool) -> int:
    """The cell that a smallest or a largest value lies in."""
    found = int(np.searchsorted(ends, place, side="left" if top else "right")) - 1
    return min(max(found, 0), len(ends) - 2)


def _within(rows: int, inner: Numbers, pins: Numbers, extremes: tuple[float, float]) -> Counts:
    """Rows of a cell: one at each of the profile's extremes that lie in it, the others even between them."""
    found = np.zeros(len(inner) - 1, dtype=np.int64)
    for place in dict.fromkeys(extremes):
        pin = np.flatnonzero(pins == place)
        if len(pin) and found.sum() < rows:
            found[2 * pin[0] + 1] = 1
    low, high = np.clip(extremes, inner[0], inner[-1])
    upto = np.clip(inner, low, high) - low
    if left := rows - int(found.sum()):
        if upto[-1] > 0:
            found += np.diff(np.rint(left * upto / upto[-1]).astype(np.int64))
        else:
            found[min(_cell(inner, low, True) + 1, len(found) - 1)] += left
    return found


def _replaced(counts: Counts, cell: int, parts: Counts) -> Counts:
    return np.concatenate([counts[:cell], parts, counts[cell + 1 :]])


def _below(first: float, *profiles: NumericProfile) -> Numbers:
    """The ends of the cells below the first edge: one, at that edge, where no profile has a value there."""
    known = [(p.minimum, p.maximum) for p in profiles if p.counts[0]]
    if not known:
        return np.array([first, first])
    least, most = (np.array(x, dtype=np.float64) for x in zip(*known, strict=True))
    low, high = float(least.min()), float(min(np.nextafter(first, -np.inf), most.max()))
    return np.concatenate([[low], np.clip(profiles[0].grid.tails[0], low, high), [high]])


def _above(last: float, *profiles: NumericProfile) -> Numbers:
    """The ends of the cells from the last edge on: one, at that edge, where no profile has a value there."""
    known = [(p.minimum, p.maximum) for p in profiles if p.counts[-1]]
    if not known:
        return np.array([last, last])
    least, most = (np.array(x, dtype=np.float64) for x in zip(*known, strict=True))
    low, high = float(max(last, least.min())), float(most.max())
    return np.concatenate([[low], np.clip(profiles[0].grid.tails[1], low, high), [high]])


def _closed(grid: Grid) -> Numbers:
    """The edges, with both ends of every cell of a single value drawn to that value.

    Where two such cells adjoin, their common edge becomes two, at the one value and at the other.
    """
    ends = np.minimum(grid.edges, sys.float_info.max)
    own = grid.own
    ends[own] = grid.points
    ends[own - 1] = grid.points
    apart = _adjoining(grid)
    return np.insert(ends, apart, grid.points[np.isin(own, apart)])


def _adjoining(grid: Grid) -> NDArray[np.intp]:
    """The cells of single values that are followed by another such cell: none lies between the two."""
    own = grid.own
    return np.asarray(own[:-1][np.diff(own) == 1])


def _placed(values: Numbers, origin: float, unit: float) -> Numbers:
    away, half = values / 2 - origin / 2, unit / 2  # halves: the distance itself may overflow
    if half == 0:
        return np.sign(away)
    with np.errstate(over="ignore"):
        return np.clip(away / half, -FAR, FAR)


def _counts(profile: NumericProfile, below: Numbers, above: Numbers, apart: NDArray[np.intp]) -> Counts:
    """Counts of the cells: the infinities outermost, and none where there is known to be nothing."""
    counts = profile.counts
    under = _parted(int(counts[0]), profile.below, below)
    over = _parted(int(counts[-1]), profile.above, above)
    inner = [under, [0], np.insert(counts[1:-1], apart, 0), [0], over]
    return np.concatenate([[profile.negative_infinite, 0], *inner, [0, profile.positive_infinite]])


def _parted(rows: int, known: Counts, ends: Numbers) -> Counts:
    """Rows of the cells of a tail; those of profiles from before tails were counted are spread evenly."""
    found = known.copy() if len(known) else np.zeros(len(ends) - 1, dtype=np.int64)
    if left := rows - int(found.sum()):
        half = ends / 2
        upto = (half - half[0]) / max(half[-1] - half[0], sys.float_info.min)
        found += np.diff(np.rint(left * upto).astype(np.int64))
        found[-1] += rows - int(found.sum())
    return found

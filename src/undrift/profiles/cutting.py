"""Where the edges of a grid lie: around values that many rows share, between the others, and in wide gaps.

No edge lies on a value, and a value's own cell is as wide as rounding: what only a change of type, of file
format or of the order of sums tells apart is counted as one value.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift.profiles.scratch import scratch

SINGLE = 2.0**-22
"""Rounding to float32, relative to a value, and twice over: every own cell is as wide."""

HALF = 2.0**-9
"""The same for float16: own cells are as wide where values were stored so."""

WHOLE = 0.25
"""Most that the own cells of whole numbers cover, unless their type had to round them: they are counted,
not measured."""

EXACT = 4.0
"""A type stores whole numbers exactly while its rounding of them is less: float32 up to 2^24."""

NOISE = 2.0**-46
"""The least that an own cell covers, beside the gap to its neighbour: where sums cancel, .1 + .2 - .3."""

ALIKE = 1e-5
"""Two values are taken for roundings of one only if that is so small beside how far all values spread."""

NORMAL = 2.0**-126
"""Numbers that are smaller lose digits in float32 that larger ones keep."""

STEP = 0.06
"""Widest cell, in sd, near the middle: all rows of a window in one are misplaced by half of that at most."""

GROWTH = 0.25
"""How wide a cell may be beside its distance from where the reference's rows are."""

NEAR = 5e-4
"""Sd at which the first cell ends beside a value that holds all rows, or beside narrow cells; over the
value's share where it holds fewer, so that all of them add as much to the energy distance."""

JUMP = 4.0
"""How many times as wide as its neighbour, or as ``STEP``, a cell must be to be parted at all."""

MOST = 400
"""Cells that one gap is parted into at most."""

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]


class Cut(NamedTuple):
    """Rising edges, the values that have a cell of their own, and whether all values have one."""

    edges: Numbers
    points: Numbers
    separate: bool


def rounding(type_: pa.DataType) -> float:
    """The rounding of a type of numbers, relative to a number: 0 for all but float32 and float16."""
    plain = type_.value_type if pa.types.is_dictionary(type_) else type_
    return HALF if pa.types.is_float16(plain) else SINGLE if pa.types.is_float32(plain) else 0.0


def cut(ordered: Numbers, bins: int, monitored: Numbers, stored: float = 0.0) -> Cut:
    """The edges for sorted values: at quantiles, around repeated values, and in what is wide between them.

    ``stored`` is the rounding of the type that held the values.

    >>> cut(np.array([1.0, 2.0, 2.0]), 256, np.array([0.5])).points.tolist()
    [1.0, 2.0]
    """
    starts = _starts(ordered)
    values = ordered[starts]
    separate = len(values) <= bins
    if separate:
        own, inner = np.arange(len(values)), np.empty(0, dtype=np.intp)
    else:
        at = np.searchsorted(starts, places(len(ordered), np.linspace(0, 1, bins + 1)), side="right") - 1
        own = np.unique(at[1:][at[1:] == at[:-1]])
        watched = np.searchsorted(starts, places(len(ordered), monitored), side="right") - 1
        inner = np.setdiff1d(np.concatenate([at, watched]), [*own, 0, len(values) - 1])
    around = np.unique(np.concatenate([[0], own, [len(values) - 1]]))
    lower, upper = _around(values, around, stored)
    kept = np.isin(around, own)
    middles = between(ordered[starts[inner] - 1], values[inner])
    edges = np.unique(np.concatenate([lower[kept], upper[kept], middles, lower[:1], upper[-1:]]))
    shares = np.diff(starts, append=len(ordered))[own] / len(ordered)
    return Cut(
        np.unique(np.append(edges, _parting(edges, values[own], shares, ordered))), values[own], separate
    )


def points_of(edges: Numbers) -> Numbers:
    """The values with a cell of their own in a grid of undrift 0.1: it ended at the next larger float."""
    return np.asarray(edges[:-1][edges[1:] == following(edges[:-1])])


def places(rows: int, shares: Numbers) -> Places:
    """Where in sorted rows the smallest values are that at least these shares do not exceed."""
    return np.clip(np.ceil(shares * rows - 1e-9).astype(np.intp) - 1, 0, rows - 1)


def following(values: Numbers) -> Numbers:
    """The next larger floats: infinity after the largest, without a warning."""
    with np.errstate(over="ignore"):
        return np.nextafter(values, np.inf)


def between(low: Numbers, high: Numbers) -> Numbers:
    """The middles of neighbouring values, always above the lower one, with few digits where there is room."""
    middle = np.maximum(low / 2 + high / 2, following(low))
    short = _short(middle)
    return np.where((low < short) & (short <= high), short, middle)


def _short(values: Numbers) -> Numbers:
    """The nearest float32 numbers: half as long where they are kept."""
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(np.float32).astype(np.float64)


def _starts(ordered: Numbers) -> Places:
    """Where each different value begins in sorted values, those that float32 takes for one being one."""
    with np.errstate(over="ignore"):
        gaps = np.subtract(ordered[1:], ordered[:-1], out=scratch(len(ordered) - 1))
        rounding = np.abs(ordered[1:], out=scratch(len(ordered) - 1, 1))
        rounding *= SINGLE
        near = np.flatnonzero((gaps > 0) & (gaps <= rounding))
    low, high, spread = ordered[near], ordered[near + 1], ordered[-1] / 2 - ordered[0] / 2
    size = np.abs(high)
    fits = (SINGLE * size <= ALIKE * spread) & (size > NORMAL) & np.isfinite(_short(high))
    alike = near[fits & (_short(low) == _short(high))]
    if len(alike) and not np.array_equal(ordered, np.floor(ordered)):
        gaps[alike] = 0.0
    return np.append(0, np.flatnonzero(gaps) + 1)


def _around(values: Numbers, chosen: Places, stored: float) -> tuple[Numbers, Numbers]:
    """The ends of the own cells of chosen values: rounding away, but not beyond half the nearest gap."""
    found = values[chosen]
    before = np.where(chosen > 0, values[chosen - 1], -np.inf)
    after = np.where(chosen < len(values) - 1, values[(chosen + 1) % len(values)], np.inf)
    nearest = np.minimum(found / 2 - before / 2, after / 2 - found / 2)
    size = np.abs(found)
    slack = max(SINGLE, stored) * size
    if np.array_equal(found, np.floor(found)):
        slack = np.where(stored * size < EXACT, np.minimum(SINGLE * size, WHOLE), slack)
    slack = np.minimum(np.maximum(slack, np.where(np.isinf(nearest), 0.0, NOISE * nearest)), nearest)
    with np.errstate(over="ignore", invalid="ignore"):
        lower = np.maximum(found - slack, np.where(chosen > 0, between(before, found), -sys.float_info.max))
        upper = np.where(chosen < len(values) - 1, between(found, after), np.inf)
        upper = np.minimum(found + slack, upper)
    return lower, np.maximum(upper, following(found))


def _parting(edges: Numbers, points: Numbers, shares: Numbers, ordered: Numbers) -> Numbers:
    """More edges in cells that are wide, in sd of the values, for how near they are to most rows."""
    with np.errstate(over="ignore", invalid="ignore"):
        unit, centre = float(ordered.std()), float(ordered[len(ordered) // 2])
    if not (np.isfinite(unit) and unit > 0 and np.isfinite(edges[-1] - edges[0])):
        return np.empty(0)
    widths = np.diff(edges) / unit
    first = np.maximum(np.concatenate([[np.inf], widths, [np.inf]]), NEAR)
    own = np.searchsorted(edges, points, side="right")
    first[own] = np.minimum(NEAR / shares, np.minimum(first[own - 1], first[own + 1]))
    wide = widths > JUMP * np.minimum(STEP, np.minimum(first[:-2], first[2:]))
    wide[own - 1] = False
    found = [
        _steps((edges[i] - centre) / unit, (edges[i + 1] - centre) / unit, first[i], first[i + 2])
        for i in np.flatnonzero(wide)
    ]
    new = centre + unit * np.concatenate([np.empty(0), *found])
    new = np.where(np.abs(_short(new) - new) <= NEAR / 8 * unit, _short(new), new)
    inside = np.searchsorted(edges, new, side="right") - 1
    kept = (inside >= 0) & (inside < len(edges) - 1)
    return np.asarray(new[kept][wide[inside[kept]]])


def _steps(low: float, high: float, first: float, last: float) -> list[float]:
    """Where a cell is parted, in sd from the centre; ``first`` and ``last`` are the steps at its two ends."""
    found: list[float] = []
    at = low
    for _ in range(MOST):
        middle = max(STEP, GROWTH * (abs(at) - 1))
        step = min(middle, first + GROWTH * (at - low), last + GROWTH * (high - at))
        at += step
        if at + step / 2 >= high:
            break
        found.append(at)
    return found

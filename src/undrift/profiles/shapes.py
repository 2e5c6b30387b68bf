"""Two profiles of a feature as shapes to draw over each other: shares over the same bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undrift.profiles.bins import BINS, coarse, fine
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.cutting import following
from undrift.profiles.grid import Grid
from undrift.profiles.numeric import NumericProfile
from undrift.words.numbers import number

STEPS = 24
"""About as many steps as a histogram has."""

TAIL = 0.005
"""Share of rows that may lie beyond either end of a histogram, drawn there as one flat step."""

LABELS = 12
"""Labels that have bars of their own."""

Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """A histogram of both profiles: step i stands over edges[i]..edges[i + 1].

    Heights are shares of rows per ``width`` of the axis, so steps of unlike width can be compared.
    """

    edges: Numbers
    reference: Numbers
    window: Numbers
    width: float


@dataclass(frozen=True)
class Share:
    """The share of rows with one label or in one range, in the reference and in the window."""

    name: str
    reference: float
    window: float


def steps(reference: NumericProfile, window: NumericProfile) -> Steps | None:
    """Both profiles as steps over edges of their shared grid; None where there is nothing to draw.

    That is so too where the axis would be longer than the largest float.
    """
    before, now = fine(reference, window)
    with np.errstate(over="ignore", invalid="ignore"):
        cuts = _cuts(reference.grid)
        if len(cuts) < 2 or not (before.sum() and now.sum()):
            return None
        drawn = _steps(reference, window, before, now, cuts)
        finite = np.isfinite([*drawn.edges, drawn.edges[-1] - drawn.edges[0]]).all()
        return drawn if finite and np.any(drawn.reference + drawn.window) else None


def _steps(
    reference: NumericProfile, window: NumericProfile, before: Counts, now: Counts, cuts: NDArray[np.intp]
) -> Steps:
    places = _places(reference.grid, cuts)
    kept = _spaced(places, _between(before, cuts) / before.sum() + _between(now, cuts) / now.sum())
    inner, chosen = places[kept], cuts[kept]
    width = float((inner[-1] - inner[0]) / (len(inner) - 1))
    below = inner[0] - _reach(inner[0] - _least(reference, window), inner, width)
    above = inner[-1] + _reach(_most(reference, window) - inner[-1], inner, width)
    edges = np.concatenate([[below], inner, [above]])
    reference_shares = _with_tails(before, chosen) / before.sum()
    window_shares = _with_tails(now, chosen) / now.sum()
    return _trimmed(_per_width(edges, reference_shares, window_shares, width))


def _per_width(edges: Numbers, reference: Numbers, window: Numbers, width: float) -> Steps:
    """Shares as heights; where one would be over 1, per width of that step, so that it is its share."""
    lengths = np.diff(edges)
    densities = np.maximum(reference, window) / lengths
    tallest = int(np.argmax(densities))
    if densities[tallest] * width > 1:
        width = float(lengths[tallest])
    return Steps(edges, reference * width / lengths, window * width / lengths, width)


def _with_tails(counts: Counts, cuts: NDArray[np.intp]) -> Counts:
    """Counts below the first cut, from one cut to the next, and from the last one on."""
    below = np.cumsum(counts)
    return np.diff(below[cuts], prepend=0, append=below[-1])


def _between(counts: Counts, cuts: NDArray[np.intp]) -> Counts:
    """Counts from one cut to the next."""
    return np.diff(np.cumsum(counts)[cuts])


def _cuts(grid: Grid) -> NDArray[np.intp]:
    """Indices of the edges that a step may begin or end at: no cell that holds a single value is cut off."""
    edges, own = len(grid.edges), grid.own
    if edges < 2:
        return np.empty(0, dtype=np.intp)
    cuts = own - 1 if grid.separate else np.setdiff1d(np.arange(edges - 1), own)
    if not grid.separate and edges - 1 in own:  # the largest value is alone there: no step of its own
        cuts = cuts[:-1]
    return np.append(cuts, edges - 1)


def _places(grid: Grid, cuts: NDArray[np.intp]) -> Numbers:
    """Where the cuts lie on the axis; the last of separate values gets a step as wide as the others."""
    places = grid.edges[cuts].copy()
    lower = np.isin(grid.own - 1, cuts)
    places[np.searchsorted(cuts, (grid.own - 1)[lower])] = grid.points[lower]
    if grid.separate:
        alone = max(1.0, abs(float(places[-2])) * 1e-9)  # among numbers of 1e17 adding 1 changes nothing
        step = float(np.median(np.diff(places[:-1]))) if len(places) > 2 else alone
        places[-1] = np.maximum(places[-2] + step, following(places[-2:-1])[0])
    return places


def _spaced(places: Numbers, weight: Numbers) -> NDArray[np.intp]:
    """The cuts nearest to evenly spaced marks over where nearly all rows lie."""
    share = np.cumsum(weight) / max(float(weight.sum()), 1e-12)
    first = int(np.searchsorted(share, TAIL))
    last = min(int(np.searchsorted(share, 1 - TAIL)) + 1, len(places) - 1)
    first, last = _without_outliers(places, first, last)
    if last - first <= STEPS:
        return np.arange(first, last + 1)
    marks = np.linspace(places[first], places[last], STEPS + 1)
    right = np.clip(np.searchsorted(places, marks), 1, len(places) - 1)
    nearer_left = marks - places[right - 1] < places[right] - marks
    return np.unique(np.where(nearer_left, right - 1, right))


def _without_outliers(places: Numbers, first: int, last: int) -> tuple[int, int]:
    """The range without an end step that is longer than all the others together."""
    if last - first > 2 and places[last] - places[last - 1] > places[last - 1] - places[first]:
        last -= 1
    if last - first > 2 and places[first + 1] - places[first] > places[last] - places[first + 1]:
        first += 1
    return first, last


def _reach(beyond: float, edges: Numbers, width: float) -> float:
    """How wide the flat step at an end is drawn: at most half of the others together."""
    return float(np.clip(beyond, width, (edges[-1] - edges[0]) / 2)) if len(edges) > 2 else width


def _least(*profiles: NumericProfile) -> float:
    return min(p.minimum for p in profiles if p.minimum is not None)


def _most(*profiles: NumericProfile) -> float:
    return max(p.maximum for p in profiles if p.maximum is not None)


def _trimmed(drawn: Steps) -> Steps:
    """The histogram without empty steps at its ends."""
    held = np.flatnonzero(drawn.reference + drawn.window)
    first, last = (int(held[0]), int(held[-1]) + 1) if len(held) else (0, len(drawn.reference))
    return Steps(
        drawn.edges[first : last + 1], drawn.reference[first:last], drawn.window[first:last], drawn.width
    )


UNCUT = ("minus infinity", "finite", "infinity")
"""The cells of a reference without a finite value."""


def ranges(reference: NumericProfile, window: NumericProfile) -> list[Share]:
    """The reference's tenths of rows, and what share of the window lies in each, lowest first.

    Between separate values there is room where no row lies; that is left out.
    """
    before, now = fine(reference, window)
    if not (before.sum() and now.sum()):
        return []
    group = coarse(before, BINS)
    shares = [
        Share(
            _range(reference.grid, np.flatnonzero(group == g)),
            float(before[group == g].sum() / before.sum()),
            float(now[group == g].sum() / now.sum()),
        )
        for g in range(int(group.max()) + 1)
    ]
    return [share for share in shares if share.reference or share.window]


def _range(grid: Grid, cells: NDArray[np.intp]) -> str:
    """What a run of cells is called: cell i lies below edge i and not below edge i - 1."""
    first, last, edges = int(cells[0]), int(cells[-1]), len(grid.edges)
    if not edges:
        return " or ".join(UNCUT[cell] for cell in cells.tolist())
    if first == 0 and last == edges:
        return "all values"
    held = grid.points[(grid.own >= first) & (grid.own <= last)] if grid.separate else np.empty(0)
    low = number(float(held[0]) if len(held) else _end(grid, first - 1))
    high = number(float(held[-1]) if len(held) else _end(grid, last))
    if first == 0:
        return f"{high} and under" if len(held) else f"under {high}"
    if last == edges:
        return f"{low} and over" if len(held) or not grid.separate else f"over {low}"
    return low if low == high else f"{low} – {high}"


def _end(grid: Grid, edge: int) -> float:
    """An edge; the value itself where the edge is an end of that value's own cell."""
    edge = min(max(edge, 0), len(grid.edges) - 1)
    beside = np.flatnonzero((grid.own == edge) | (grid.own == edge + 1))
    return float(grid.points[beside[0]] if len(beside) else grid.edges[edge])


def labels(reference: CategoricalProfile, window: CategoricalProfile) -> list[Share]:
    """Shares of the labels, largest first; the rare ones together."""
    before, now = reference.labelled, window.labelled
    shares = [
        Share(name, _part(before.get(name, 0), reference.valid), _part(now.get(name, 0), window.valid))
        for name in {*before, *now}
    ]
    shares.sort(key=lambda s: (-max(s.reference, s.window), s.name))
    if len(shares) <= LABELS:
        return shares
    rare = shares[LABELS - 1 :]
    together = Share(f"{len(rare)} other labels", sum(s.reference for s in rare), sum(s.window for s in rare))
    return [*shares[: LABELS - 1], together]


def _part(count: int, whole: int) -> float:
    return count / whole if whole else 0.0

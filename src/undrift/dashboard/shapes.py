"""Two profiles of a feature as shapes to draw over each other: shares over the same bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undrift.profiles.bins import BINS, coarse, fine
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.numeric import NumericProfile
from undrift.wording import number

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
    """Both profiles as steps over edges of their shared grid; None where there is nothing to draw."""
    before, now = fine(reference, window)
    cuts = _cuts(reference.grid.edges)
    if len(cuts) < 2 or not (before.sum() and now.sum()):
        return None
    places = _places(reference.grid.edges, cuts)
    kept = _spaced(places, _between(before, cuts) / before.sum() + _between(now, cuts) / now.sum())
    inner, chosen = places[kept], cuts[kept]
    width = float((inner[-1] - inner[0]) / (len(inner) - 1))
    below = inner[0] - _reach(inner[0] - _least(reference, window), inner, width)
    above = inner[-1] + _reach(_most(reference, window) - inner[-1], inner, width)
    edges = np.concatenate([[below], inner, [above]])
    per_width = width / np.diff(edges)
    return _trimmed(
        Steps(
            edges,
            _with_tails(before, chosen) / before.sum() * per_width,
            _with_tails(now, chosen) / now.sum() * per_width,
            width,
        )
    )


def _with_tails(counts: Counts, cuts: NDArray[np.intp]) -> Counts:
    """Counts below the first cut, from one cut to the next, and from the last one on."""
    below = np.cumsum(counts)
    return np.diff(below[cuts], prepend=0, append=below[-1])


def _between(counts: Counts, cuts: NDArray[np.intp]) -> Counts:
    """Counts from one cut to the next."""
    return np.diff(np.cumsum(counts)[cuts])


def _cuts(edges: Numbers) -> NDArray[np.intp]:
    """Indices of the edges that a step may begin or end at: no cell that holds a single value is cut off."""
    if len(edges) < 2:
        return np.empty(0, dtype=np.intp)
    single = np.append(edges[1:] == np.nextafter(edges[:-1], np.inf), False)
    upper = np.append(False, single[:-1])
    cuts = np.flatnonzero(~upper)
    return np.append(cuts if _discrete(edges) else cuts[cuts < len(edges) - 2], len(edges) - 1)


def _discrete(edges: Numbers) -> bool:
    """Whether every value of the reference has a cell of its own."""
    return 2 * int(np.sum(edges[1:] == np.nextafter(edges[:-1], np.inf))) == len(edges)


def _places(edges: Numbers, cuts: NDArray[np.intp]) -> Numbers:
    """Where the cuts lie on the axis; the last of separate values gets a step as wide as the others."""
    places = edges[cuts].copy()
    if _discrete(edges):
        places[-1] = places[-2] + (float(np.median(np.diff(places[:-1]))) if len(places) > 2 else 1.0)
    return places


def _spaced(places: Numbers, weight: Numbers) -> NDArray[np.intp]:
    """The cuts nearest to evenly spaced marks over where nearly all rows lie."""
    share = np.cumsum(weight) / max(float(weight.sum()), 1e-12)
    first = int(np.searchsorted(share, TAIL))
    last = min(int(np.searchsorted(share, 1 - TAIL)) + 1, len(places) - 1)
    if last - first <= STEPS:
        return np.arange(first, last + 1)
    marks = np.linspace(places[first], places[last], STEPS + 1)
    right = np.clip(np.searchsorted(places, marks), 1, len(places) - 1)
    nearer_left = marks - places[right - 1] < places[right] - marks
    return np.unique(np.where(nearer_left, right - 1, right))


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
    first, last = int(held[0]), int(held[-1]) + 1
    return Steps(
        drawn.edges[first : last + 1], drawn.reference[first:last], drawn.window[first:last], drawn.width
    )


def ranges(reference: NumericProfile, window: NumericProfile) -> list[Share]:
    """The reference's tenths of rows, and what share of the window lies in each, lowest first."""
    before, now = fine(reference, window)
    if not (before.sum() and now.sum()):
        return []
    group = coarse(before, BINS)
    edges = reference.grid.edges
    return [
        Share(
            _range(edges, np.flatnonzero(group == g)),
            float(before[group == g].sum() / before.sum()),
            float(now[group == g].sum() / now.sum()),
        )
        for g in range(int(group.max()) + 1)
    ]


def _range(edges: Numbers, cells: NDArray[np.intp]) -> str:
    """What a run of cells is called: cell i lies below edge i and not below edge i - 1."""
    first, last = int(cells[0]), int(cells[-1])
    if first == 0 and last == len(edges):
        return "all values"
    if first == 0:
        return f"under {number(float(edges[last]))}"
    if last == len(edges):
        return f"{number(float(edges[first - 1]))} and over"
    return f"{number(float(edges[first - 1]))} – {number(float(edges[last]))}"


def labels(reference: CategoricalProfile, window: CategoricalProfile) -> list[Share]:
    """Shares of the labels, largest first; the rare ones together."""
    before, now = sum(reference.counts.values()), sum(window.counts.values())
    shares = [
        Share(name, _part(reference.counts.get(name, 0), before), _part(window.counts.get(name, 0), now))
        for name in {*reference.counts, *window.counts}
    ]
    shares.sort(key=lambda s: (-max(s.reference, s.window), s.name))
    if len(shares) <= LABELS:
        return shares
    rare = shares[LABELS - 1 :]
    together = Share(f"{len(rare)} other labels", sum(s.reference for s in rare), sum(s.window for s in rare))
    return [*shares[: LABELS - 1], together]


def _part(count: int, whole: int) -> float:
    return count / whole if whole else 0.0

"""Does a model still stand on ground it knows? Asked of its training rows alone, without any history."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from undrift.intervals import ratio_t
from undrift.profiles.feature import AnyProfile
from undrift.profiles.history import FEWEST_RUNS, History
from undrift.profiles.rare import Region, by_block, missing, rarest
from undrift.records import Ground
from undrift.verdicts import MINIMUM_ROWS

CONFIDENCE = 0.95
"""Of the one-sided lower bound of novelty."""

NORMAL = 1.6448536269514722
"""The quantile of the standard normal at ``CONFIDENCE``."""


def ground(name: str, ref: AnyProfile, cur: AnyProfile, past: History | None, threshold: float) -> Ground:
    """How much of a window lies on new ground: by its values, or by its missing ones where these are more.

    Rows of a window hang together, so the bound is a t over the runs of rows of ``past``, the current
    window's own blocks; without any, rows are taken for independent (Wilson 1927).
    """
    runs = past.runs if past is not None and name in past.counts else np.empty(0, np.int64)
    several = past is not None and len(np.unique(runs)) >= FEWEST_RUNS
    values = by_block(name, ref, cur, past) if several and past is not None else None
    nulls = past.counts[name][:, -1].astype(np.float64) if several and past is not None else None
    sizes = past.counts[name].sum(axis=1) if several and past is not None else None
    rows = min(ref.rows, cur.rows)
    found = [
        _bounded("values", rarest(ref, cur), runs, values, sizes, threshold, rows),
        _bounded("missing", missing(ref, cur), runs, nulls, sizes, threshold, rows),
    ]
    return max(found, key=lambda one: (one.new, one.lower))


def _bounded(
    part: str,
    region: Region,
    runs: NDArray[np.int64],
    totals: NDArray[np.float64] | None,
    sizes: NDArray[np.int64] | None,
    threshold: float,
    rows: int,
) -> Ground:
    """The lower bound of one part's novelty, and whether it makes new ground."""
    if totals is None or sizes is None:
        least = _wilson(region.rows, region.of)
    else:
        _, group = np.unique(runs, return_inverse=True)
        of = np.bincount(group, sizes).astype(np.int64)
        least = ratio_t(np.bincount(group, totals).astype(np.float64), of, CONFIDENCE).lower
    least = min(max(least, 0.0), 1.0)
    lower = region.excess(least) if part == "missing" else region.beyond(least)
    new = threshold > 0 and rows >= MINIMUM_ROWS and lower >= threshold
    return Ground(
        "missing" if part == "missing" else "values",
        region.share,
        lower,
        threshold,
        region.own,
        new,
        region.below,
        region.above,
    )


def _wilson(found: float, rows: int) -> float:
    """Wilson's (1927) one-sided lower bound of a share of independent rows.

    >>> round(_wilson(50.0, 100), 3), _wilson(0.0, 0)
    (0.419, 0.0)
    """
    if not rows:
        return 0.0
    share, squared = found / rows, NORMAL**2 / rows
    reach = NORMAL * sqrt(share * (1 - share) / rows + squared / (4 * rows))
    return max(0.0, (share + squared / 2 - reach) / (1 + squared))

"""Does a model still stand on ground it knows? Asked of its training rows alone, without any history."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from undrift.profiles.blocks import FEWEST_RUNS, History
from undrift.profiles.feature import AnyProfile
from undrift.profiles.rare import Region, by_block, missing, rarest
from undrift.records import Ground
from undrift.statistics.intervals import ratio_t
from undrift.verdicts import MINIMUM_ROWS

CONFIDENCE = 0.95
"""Of the one-sided lower bound of novelty."""

NORMAL = 1.6448536269514722
"""The quantile of the standard normal at ``CONFIDENCE``."""


def ground(name: str, ref: AnyProfile, cur: AnyProfile, past: History | None, threshold: float) -> Ground:
    """How much of a window lies on new ground: by its values, or by its missing ones where these are more.

    Rows of a window hang together, so the bound is a t over the runs of rows of ``past``, the current
    window's own blocks; without a few of them, rows are taken for independent (Wilson 1927).
    """
    values, nulls = rarest(ref, cur), missing(ref, cur)
    runs = past.runs if past is not None and name in past.counts else np.empty(0, np.int64)
    if past is None or not len(runs) or len(np.unique(runs)) < FEWEST_RUNS:
        least = [_wilson(region.rows, region.of) for region in (values, nulls)]
    else:
        counts = past.counts[name]
        totals = (by_block(name, ref, cur, past), counts[:, -1].astype(np.float64))
        least = [_over_runs(each, counts.sum(axis=1), runs) for each in totals]
    enough = min(ref.rows, cur.rows) >= MINIMUM_ROWS
    found = (
        _told("values", values, values.beyond(least[0]), threshold),
        _told("missing", nulls, nulls.excess(least[1]), threshold),
    )
    most = max(found, key=lambda one: one.lower)
    return replace(most, new=enough and most.lower >= threshold > 0)


def _told(part: Literal["values", "missing"], region: Region, lower: float, threshold: float) -> Ground:
    """What the record says of one part."""
    share = region.share
    value = region.excess(share) if part == "missing" else region.beyond(share)
    ends = {"below": region.below, "above": region.above}
    return Ground(part, share, lower, threshold, region.own, new=False, **ends, value=value)


def _over_runs(totals: NDArray[np.float64], sizes: NDArray[np.int64], runs: NDArray[np.int64]) -> float:
    """The lower bound of a share of blocks' rows, by how much runs of blocks differ; all are (B,)."""
    _, group = np.unique(runs, return_inverse=True)
    rows = np.bincount(group, sizes).astype(np.int64)
    lower = ratio_t(np.bincount(group, totals).astype(np.float64), rows, CONFIDENCE).lower
    return min(max(lower, 0.0), 1.0)


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

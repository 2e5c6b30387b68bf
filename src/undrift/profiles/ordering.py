"""Whether the order of rows may stand for time: not where they are sorted, or grouped, by a column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.lakes import ORDER, WINDOW
from undrift.profiles.blocks import History

FEWEST = 10
"""Blocks under which an order shows nothing."""

EXPLAINED = 0.9
"""Share of a number's variation between blocks from which on rows are sorted, if it only rises or falls."""

TOGETHER = 1.25
"""Times the blocks that a label needs, on average, up to which its rows stand together."""

COMMON = 0.02
"""Share of the rows that a label must have to count."""


def sorted_by(past: History) -> str:
    """The first feature by which the rows of a history are sorted or grouped; "" where its time is no order.

    Sorted rows make every window an extreme one, so that windows of another table never look strange.
    """
    if past.time not in (ORDER, WINDOW) or len(past.blocks) < FEWEST:
        return ""
    found = (name for name in past.counts if _sorted(past, name))
    return next(found, "")


def _sorted(past: History, name: str) -> bool:
    counts = past.counts[name]
    if not isinstance(past.cells[name], tuple):
        return _rises(counts[:, :-2].astype(np.float64))
    return _grouped(counts[:, :-1])


def _rises(counts: NDArray[np.float64]) -> bool:
    """Whether mean ranks of blocks (B, K) only rise or only fall, and explain nearly all there is."""
    share = counts.sum(0) / max(counts.sum(), 1.0)
    rank = np.cumsum(share) - share / 2
    rows = counts.sum(1)
    mean = counts @ rank / np.maximum(rows, 1.0)
    total = float((share * (rank - share @ rank) ** 2).sum())
    between = float((rows * (mean - share @ rank) ** 2).sum() / max(rows.sum(), 1.0))
    steps = np.diff(mean[rows > 0])
    one_way = bool((steps >= -1e-9).all() or (steps <= 1e-9).all())
    return one_way and total > 0 and between >= EXPLAINED * total


def _grouped(counts: NDArray[np.int64]) -> bool:
    """Whether the rows of each common label stand together, in counts of blocks (B, K)."""
    share = counts.sum(0) / max(int(counts.sum()), 1)
    common = share >= COMMON
    if common.sum() < 2:
        return False
    here = counts[:, common] > 0
    blocks = len(counts)
    first, last = here.argmax(0), blocks - 1 - here[::-1].argmax(0)
    stay, needed = last - first + 1, share[common] * blocks + 2
    return bool((share[common] * stay).sum() <= TOGETHER * (share[common] * needed).sum()) and _parted(share)


def _parted(share: NDArray[np.float64]) -> bool:
    """Whether no label has nearly all rows: it would stand together in any order."""
    return bool(share.max() <= 1 - 2 * COMMON)

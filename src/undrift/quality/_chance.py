"""Whether two shares of rows differ by more than the rows that happened to be drawn explain."""

from __future__ import annotations

import math

CHANCE = 1e-4
"""How rarely sound data may look broken: a table has hundreds of columns, and is looked at every day."""


def beyond_chance(before: int, of_before: int, now: int, of_now: int) -> bool:
    """Whether a likelihood ratio says that ``before`` and ``now`` are not of one and the same share.

    The chance of the rows that were seen, were the shares the same, is at most about exp(-G / 2).

    >>> beyond_chance(0, 10_000, 1, 100), beyond_chance(0, 10_000, 3, 100)
    (False, True)
    """
    rows, part = of_before + of_now, before + now
    g = 0.0
    for found, all_ in ((before, of_before), (now, of_now)):
        for observed, pooled in ((found, part), (all_ - found, rows - part)):
            if observed:
                g += 2 * observed * math.log(observed / all_ / (pooled / rows))
    return g > -2 * math.log(CHANCE)

"""Numbers beyond everything that the reference had."""

from __future__ import annotations

from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.quality._chance import beyond_chance
from undrift.words.numbers import number, percent

NOTEWORTHY = 0.01
"""Share of rows from which on it is said."""


def out_of_range(ref: AnyProfile, cur: AnyProfile) -> str:
    """Say what share of rows lies below the reference's smallest or above its largest value.

    >>> import numpy as np
    >>> ref = NumericProfile.of(np.arange(50.0), null=0)
    >>> out_of_range(ref, NumericProfile.of(np.arange(25.0, 75.0), 0, ref.grid))
    '50 % above 49.0'
    """
    if not (isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile)) or not ref.finite:
        return ""
    ends = [(int(cur.counts[0]), "below", ref.minimum), (int(cur.counts[-1]), "above", ref.maximum)]
    found = [
        f"{percent(rows / cur.finite)} {side} {number(end)}"
        for rows, side, end in ends
        if rows >= max(NOTEWORTHY * cur.finite, 1) and beyond_chance(0, ref.finite, rows, cur.finite)
    ]
    return ", ".join(found)

"""Infinite numbers where there were none."""

from __future__ import annotations

from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.words.phrases import count


def infinite(ref: AnyProfile, cur: AnyProfile) -> str:
    """Say how many rows are infinite, if the reference had none.

    >>> import numpy as np
    >>> ref = NumericProfile.of(np.arange(50.0), null=0)
    >>> infinite(ref, NumericProfile.of(np.array([1.0, np.inf]), 0, ref.grid))
    '1 infinite row'
    """
    if not (isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile)):
        return ""
    return count(cur.infinite, "infinite row") if cur.infinite and not ref.infinite else ""

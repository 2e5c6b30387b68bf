"""Rank correlations: how features move together."""

from __future__ import annotations

import numpy as np

from undrift.multivariate import Moved, Part, pooled, predictive
from undrift.profiles.joint import Joint, correlations, pairs
from undrift.words.numbers import signed

THRESHOLD = 0.2
"""The smallest change of a correlation worth caring about."""


def rank_correlation(past: Joint, now: Joint) -> Moved:
    """Change of the normal-score rank correlation of any pair of features, as Fisher's z; effect 0 to 2.

    All pairs are pooled into one p-value. The effect is the change of the pair that speaks loudest.
    Source: Fisher (1921), Metron 1.
    """
    features = len(now.names)
    before, rows = correlations(past.sums, features)
    after, own = correlations(now.sums, features)
    p_values = predictive(
        np.arctanh(before),
        np.arctanh(after),
        1 / np.maximum(own[:, None] - 3, 1),
        1 / np.maximum(rows[:, None] - 3, 1),
    )
    loudest = int(np.argmin(p_values))
    one, other = pairs(now.names)[loudest]
    was = float(np.tanh(np.arctanh(before[:, loudest]).mean()))
    gap = float(after[0, loudest]) - was
    effect = f"correlation of {one} and {other} {signed(was)} → {signed(float(after[0, loudest]))}"
    return Moved(pooled(p_values), abs(gap), THRESHOLD, effect, (one, other))


_: Part = rank_correlation

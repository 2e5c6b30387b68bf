"""Labels that the reference never had."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.effects import unseen as unseen_labels


def _noise(ref: CategoricalProfile, cur: CategoricalProfile) -> float:
    """The chance that the next label is new: those seen once, over all (Good-Turing)."""
    seen = sum(ref.counts.values())
    return sum(1 for c in ref.counts.values() if c == 1) / seen if seen and cur.counts else math.inf


@metric("categorical", symmetric=False, threshold=0.01, upper=1.0, noise=_noise)
def unseen(ref: CategoricalProfile, cur: CategoricalProfile) -> float:
    """Share of the current labels that never stood in the reference, 0 to 1.

    >>> unseen(CategoricalProfile(counts={"a": 4}), CategoricalProfile(counts={"a": 3, "b": 1}))
    0.25
    """
    seen = sum(cur.counts.values())
    return sum(cur.counts[name] for name in unseen_labels(ref, cur)) / seen if seen else 0.0

"""Labels that the reference never had."""

from __future__ import annotations

import math

from undrift.metrics import metric
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.effects import unseen_due, unseen_share


def _noise(ref: CategoricalProfile, cur: CategoricalProfile) -> float:
    """The chance that the next label is new: those seen once, over all (Good-Turing)."""
    return unseen_due(ref) if ref.valid and cur.valid else math.inf


@metric("categorical", symmetric=False, threshold=0.01, upper=1.0, noise=_noise, watches="unseen")
def unseen(ref: CategoricalProfile, cur: CategoricalProfile) -> float:
    """Share of the current labels that never stood in the reference, 0 to 1.

    Source: by definition; Good (1953), Biometrika 40, for its noise.

    >>> unseen(CategoricalProfile(counts={"a": 4}), CategoricalProfile(counts={"a": 3, "b": 1}))
    0.25
    """
    return unseen_share(ref, cur)

"""Several versions serve together, with weights by their losses on the newest labelled window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError
from undrift.lineup import LineUp
from undrift.statistics.intervals import block_t

Floats = NDArray[np.float64]

LEAST = 0.01
"""Weight under which a version is left out until it does better."""


class Mixture:
    """At most ``members`` versions predict together: the weighted mean of their numbers or probabilities.

    A version whose loss is z standard errors above that of the best weighs exp(-``sharpness`` z): what
    cannot be told from the best weighs nearly as much, what is surely worse next to nothing. Old versions
    stay as long as there is room: should their time come back, so do their weights.
    """

    def __init__(self, members: int = 6, sharpness: float = 0.7) -> None:
        if members < 2:
            raise ConfigError(
                f"lineup.members = {members} is no mixture", 'Give 2 or more, or set lineup.use = "single".'
            )
        if not sharpness > 0:
            raise ConfigError(f"lineup.sharpness = {sharpness} is out of range", "Give a number above 0.")
        self.members = members
        self.sharpness = sharpness

    def weigh(self, losses: Mapping[int, Floats], blocks: NDArray[np.int64]) -> dict[int, float]:
        """Weights that fall with the distance to the best, in standard errors of the paired difference.

        >>> same = np.array([1.0, 2.0, 1.0, 2.0])
        >>> Mixture().weigh({1: same, 2: same, 3: same + 9}, np.arange(4))
        {1: 0.5, 2: 0.5, 3: 0.0}
        """
        best = min(losses, key=lambda number: float(losses[number].mean()))
        raw = {n: self._raw(values - losses[best], blocks) for n, values in losses.items()}
        total = sum(raw.values())
        kept = {n: weight / total if weight / total >= LEAST else 0.0 for n, weight in raw.items()}
        total = sum(kept.values())
        return {n: weight / total for n, weight in kept.items()}

    def _raw(self, difference: Floats, blocks: NDArray[np.int64]) -> float:
        """The weight of a version by its differences to the best one, before all are made to add up to 1."""
        found = block_t(difference, blocks, ONE_SIGMA)
        reach = found.upper - found.mean
        if found.mean <= 0 or not np.isfinite(reach):
            return 1.0
        return float(np.exp(-self.sharpness * found.mean / reach)) if reach else 0.0


ONE_SIGMA = 0.8413447460685429
"""Confidence at which a normal bound lies one standard error away."""

_: type[LineUp] = Mixture

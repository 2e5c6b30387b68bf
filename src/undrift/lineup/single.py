"""One version serves: the champion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from undrift.lineup import LineUp

Floats = NDArray[np.float64]


class Single:
    """The gate chooses one champion, and nothing weighs beside it."""

    members = 1

    def weigh(self, losses: Mapping[int, Floats], blocks: NDArray[np.int64]) -> dict[int, float]:  # noqa: ARG002
        """All to the version with the least loss.

        >>> Single().weigh({1: np.array([1.0, 3.0]), 2: np.array([1.0, 1.0])}, np.array([0, 1]))
        {1: 0.0, 2: 1.0}
        """
        best = min(losses, key=lambda number: float(losses[number].mean()))
        return {number: float(number == best) for number in losses}


_: type[LineUp] = Single

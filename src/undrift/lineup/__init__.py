"""Line-ups: what serves, one champion or several versions with weights.

A part is a class with ``members``, how many versions serve at most, and ``weigh``, which says what each of
them weighs, from the losses of all on the same labelled rows, on which none of them was fitted. A line-up of
one is a champion, whom the gate chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class LineUp(Protocol):
    """What serves."""

    members: int

    def weigh(self, losses: Mapping[int, Floats], blocks: NDArray[np.int64]) -> dict[int, float]:
        """What each version weighs, by its number: from 0 up, 1 together.

        Losses per row, and the block of each, have shape (rows,); rows of one block err together.
        """


def mixed(said: Mapping[int, Floats], weights: Mapping[int, float]) -> Floats:
    """The weighted mean of what versions say, all of one shape; those that say nothing are left out.

    >>> mixed({1: np.array([1.0]), 2: np.array([4.0])}, {1: 2.0, 2: 1.0, 3: 5.0})
    array([2.])
    """
    asked = [(weight, said[number]) for number, weight in weights.items() if weight > 0 and number in said]
    total = sum(weight for weight, _ in asked)
    if not total:
        asked, total = [(1.0, values) for values in said.values()], float(len(said))
    found = np.zeros_like(next(iter(said.values())))
    for weight, values in asked:
        found += weight / total * values
    return found

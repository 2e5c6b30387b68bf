"""A column of lists of numbers, such as an embedding, as one feature: sums of random waves, block by block.

Single numbers of an embedding mean nothing, so it is looked at as a whole: a list is centred and scaled as
the reference's lists are, and cosines and sines of it in fixed random directions are summed (Rahimi and
Recht 2007). The sums are whole numbers, exact in any order and mergeable like those of a ``Joint``, and
the means of two sets of rows differ as the rows' distributions do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift.arrow import lists, usual_length
from undrift.profiles.joint import FREQUENCIES, UNIT, wave_sums

LONGEST = 4096
"""Numbers of a list at most: whole-number sums over longer ones would not be exact."""

FAR = 64.0
"""Numbers further from the centre than so many of the usual distances count as that far."""

PAIRED = 1000
"""Rows of the reference, at most, whose distances say how far lists usually are apart."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Embedding:
    """Sums over the lists of one column.

    ``centre`` (d,) is the reference's mean list, ``scale`` the root of half the mean squared distance of two
    numbers. ``sums`` (B, 2 + 2 FREQUENCIES) hold for each block: rows with a list of d finite numbers, rows
    without, and the sums of cosines and sines.
    """

    name: str
    centre: Floats
    scale: float
    sums: Ints

    @classmethod
    def over(cls, name: str, values: pa.ChunkedArray) -> Embedding | None:
        """The sums of no rows, from (sampled) lists; None where there are none, or too long ones."""
        length = usual_length(values)
        found, _ = lists(values, length) if 0 < length <= LONGEST else (np.empty((0, 0)), None)
        if not len(found):
            return None
        centre = found.mean(axis=0).astype(np.float32).astype(np.float64)
        some = found[:: max(1, len(found) // PAIRED)] - centre
        scale = float(np.sqrt(np.mean(some**2))) or 1.0
        return cls(name, centre, scale, np.empty((0, 0), np.int64)).empty()

    @property
    def names(self) -> tuple[str, ...]:
        """The column, as the one feature that is looked at."""
        return (self.name,)

    @property
    def rows(self) -> int:
        """Rows with and without such a list."""
        return int(self.sums[:, :2].sum())

    @property
    def missing(self) -> int:
        """Rows without a list of so many finite numbers."""
        return int(self.sums[:, 1].sum())

    @property
    def width(self) -> int:
        """How many sums there are for each block."""
        return 2 + 2 * FREQUENCIES

    def empty(self) -> Embedding:
        """The sums of no blocks."""
        return self.of(np.empty((0, self.width), np.int64))

    def of(self, sums: Ints) -> Embedding:
        """The same column with other sums."""
        return replace(self, sums=sums)

    def alike(self, other: Embedding) -> bool:
        """Whether the other is summed in the same way."""
        return self.scale == other.scale and np.array_equal(self.centre, other.centre)

    def tallied(self, values: pa.Array, block: Ints, blocks: int) -> Embedding:
        """The sums of a column's rows by their block, one of so many, and how many have no such list."""
        found, known = lists(values, len(self.centre))
        scores = np.rint(np.clip((found - self.centre) / self.scale, -FAR, FAR) * UNIT)
        sums = np.zeros((blocks, self.width), np.int64)
        sums[:, 1] = np.bincount(block[~known], minlength=blocks)
        of = block[known]
        for one in np.unique(of):
            part = scores[of == one]
            sums[one, 0] = len(part)
            sums[one, 2:] = wave_sums(part)
        return self.of(sums)

"""The error of a number that only all rows together have, by leaving out one block of them at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pseudo_values(of: Callable[[NDArray[np.bool_]], float], blocks: NDArray[np.int64]) -> Floats:
    """Values of shape (rows,), alike within a block, with the mean ``of`` all rows.

    ``of`` takes a mask (rows,) of the rows that count. A block of n of N rows has the value h t - (h - 1) u,
    where t is the number of all rows, u that of all but this block, and h = N/n: the jackknife for blocks of
    unequal size (Busing, Meijer and van der Leeden, Statistics and Computing 9, 1999), moved so that its mean
    is t. They are NaN where there is one block only, or leaving out a block leaves no number.

    >>> rows = np.array([1.0, 3.0, 5.0, 7.0])
    >>> pseudo_values(lambda kept: float(rows[kept].mean()), np.array([0, 0, 1, 1]))
    array([2., 2., 6., 6.])
    """
    names, place = np.unique(blocks, return_inverse=True)
    sizes = np.bincount(place)
    whole = of(np.ones(len(blocks), dtype=bool))
    if len(names) < 2:
        return np.full(len(blocks), np.nan)
    without = np.array([of(place != block) for block in range(len(names))])
    share = len(blocks) / sizes
    found = share * whole - (share - 1) * without
    moved: Floats = found - np.average(found, weights=sizes) + whole
    return moved[place]

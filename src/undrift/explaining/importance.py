"""Permutation importance: how much worse predictions get when one feature is shuffled.

Source: L. Breiman, Random Forests, Machine Learning 45, 2001, section 10; A. Fisher, C. Rudin and
F. Dominici, All Models are Wrong, but Many are Useful, JMLR 20, 2019. Features that say the same share
their importance, or one of them takes all of it: it is about the model, not about the world.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Predict = Callable[["pd.DataFrame"], Floats]
Cost = Callable[[Floats, Floats], float]

Swap = tuple[str, "pd.DataFrame"]
"""A feature, and as many rows as there are to take its values from."""

ROWS = 2_000
"""Rows that are predicted again with a feature shuffled, at most."""

REPEATS = 2
"""Shuffles of each feature, at most."""

PREDICTIONS = 100_000
"""Predictions that a model is asked for, at most: many features get fewer shuffles, then fewer rows."""

AT_ONCE = 20_000
"""Rows per call of the model, of many shuffled copies: one large call is cheaper than many small ones."""


def shares(increases: Mapping[str, float]) -> dict[str, float]:
    """Increases of a cost as shares of their sum, those below 0 as 0; all are 0 where none is positive.

    >>> shares({"x": 3.0, "y": 1.0, "z": -0.5})
    {'x': 0.75, 'y': 0.25, 'z': 0.0}
    """
    positive = {name: max(0.0, value) for name, value in increases.items()}
    total = sum(positive.values())
    if not math.isfinite(total):
        return {}
    return {name: value / total if total else 0.0 for name, value in positive.items()}


def increases(
    predict: Predict,
    rows: pd.DataFrame,
    labels: Floats,
    cost: Cost,
    pool: pd.DataFrame | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """The mean increase of the cost of predictions when a feature takes other rows' values, by feature.

    ``predict`` gives one number per row of a frame, or one for each class; ``cost`` makes one number
    of labels (rows,) and predictions. The values come from the rows themselves in another order, or from
    ``pool``: two weeks of rows know one season, the rows of a year know what a model does with the
    others. The same seed gives the same answer.
    """
    if rows.empty:
        return {}
    chosen = sample(len(rows), min(ROWS, max(1, PREDICTIONS // rows.shape[1])), seed)
    rows, labels = rows.iloc[chosen], labels[chosen]
    repeats = min(REPEATS, max(1, PREDICTIONS // rows.size))
    rng = np.random.default_rng(seed)
    others = [_others(rows, pool, rng) for _ in range(repeats)]
    names = [str(name) for name in rows.columns]
    swaps = [(name, values) for values in others for name in names]
    before, *after = (cost(labels, values) for values in _predictions(predict, rows, swaps))
    changes = np.reshape(after, (repeats, len(names))).mean(axis=0) - before
    return dict(zip(names, changes.tolist(), strict=True))


def sample(rows: int, most: int, seed: int = 0) -> NDArray[np.intp]:
    """The positions of at most ``most`` of so many rows, drawn without replacement, in order.

    >>> sample(3, 5).tolist()
    [0, 1, 2]
    """
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _others(rows: pd.DataFrame, pool: pd.DataFrame | None, rng: np.random.Generator) -> pd.DataFrame:
    """As many rows as there are, in another order or drawn from the pool."""
    if pool is None:
        return rows.iloc[rng.permutation(len(rows))]
    return pool.iloc[rng.integers(len(pool), size=len(rows))]


def _predictions(predict: Predict, rows: pd.DataFrame, swaps: Sequence[Swap]) -> Iterator[Floats]:
    """The predictions on the rows as they are, then after each of the swaps."""
    copies: list[Swap | None] = [None, *swaps]
    step = max(1, AT_ONCE // len(rows))
    for start in range(0, len(copies), step):
        some = copies[start : start + step]
        said = predict(_stacked(rows, some))
        yield from said.reshape(len(some), len(rows), *said.shape[1:])


def _stacked(rows: pd.DataFrame, swaps: Sequence[Swap | None]) -> pd.DataFrame:
    """One copy of the rows per swap, under one another."""
    import pandas as pd

    columns = {}
    for name, column in rows.items():
        values = np.tile(column.to_numpy(), (len(swaps), 1))
        for copy, swap in zip(values, swaps, strict=True):
            if swap is not None and swap[0] == name:
                copy[:] = swap[1][name].to_numpy()
        columns[name] = pd.Series(values.ravel(), dtype=column.dtype)
    return pd.DataFrame(columns)

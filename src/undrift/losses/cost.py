"""What decisions cost at a threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError
from undrift.losses import loss
from undrift.losses._classes import predicted

Floats = NDArray[np.float64]


@loss("binary", "multiclass", mean="cost")
def cost(
    labels: Floats,
    predictions: Floats,
    *,
    threshold: float = 0.5,
    matrix: tuple[tuple[float, ...], ...] = ((0.0, 1.0), (1.0, 0.0)),
) -> Floats:
    """What each decision costs: ``matrix`` has a row for each true class, a column for each predicted one.

    Of two classes the second is predicted from a ``threshold`` of its probability on. A row whose class is
    none of the agreed ones costs as much as the dearest entry. Raises ConfigError for a matrix that is not
    square, or a threshold outside 0 and 1.

    >>> cost(np.array([1.0, 0.0]), np.array([0.3, 0.6]), matrix=((0, 1), (5, 0)))
    array([5., 1.])
    """
    if not 0 < threshold < 1:
        raise ConfigError(f"score.params.threshold = {threshold} is out of range", "Give one from 0 to 1.")
    table = _square(matrix, predictions)
    places = labels.astype(np.int64)
    found = table[np.maximum(places, 0), predicted(predictions, threshold)]
    return np.where(places >= 0, found, table.max())


def _square(matrix: object, predictions: Floats) -> Floats:
    """The matrix as an array; raises ConfigError unless it is square, finite and as wide as the classes."""
    try:
        table = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        table = np.empty(0)
    wide = predictions.shape[1] if predictions.ndim == 2 else None
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not np.isfinite(table).all():
        raise ConfigError(
            "score.params.matrix is not a square of numbers",
            "Give a row for each true class: [[0, 1], [5, 0]], say.",
        )
    if (table < 0).any():
        raise ConfigError(
            "score.params.matrix holds a cost under 0",
            "Add the same number to all costs of a row: that changes no comparison of two models.",
        )
    if len(predictions) and len(table) != (wide or 2):
        raise ConfigError(
            f"score.params.matrix has {len(table)} classes, the target {wide or 2}",
            "Give a row and a column for each class.",
        )
    return table

"""What losses of classes have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def of_truth(labels: Floats, predictions: Floats) -> Floats:
    """The probability (rows,) that was given to the true class; 0 for a class that none of them is.

    >>> of_truth(np.array([1.0, 0.0]), np.array([0.7, 0.2]))
    array([0.7, 0.8])
    >>> of_truth(np.array([2.0, -1.0]), np.array([[0.2, 0.2, 0.6], [0.2, 0.2, 0.6]]))
    array([0.6, 0. ])
    """
    if predictions.ndim == 1:
        return np.where(labels > 0.5, predictions, 1 - predictions)
    places = labels.astype(np.int64)
    found = predictions[np.arange(len(labels)), np.maximum(places, 0)]
    return np.where(places >= 0, found, 0.0)


def predicted(predictions: Floats, threshold: float = 0.5) -> NDArray[np.int64]:
    """The predicted class (rows,): from a ``threshold`` of its probability on the second of two.

    >>> predicted(np.array([0.4, 0.5])), predicted(np.array([[0.1, 0.5, 0.4]]))
    (array([0, 1]), array([1]))
    """
    if predictions.ndim == 1:
        return (predictions >= threshold).astype(np.int64)
    return predictions.argmax(axis=1) if len(predictions) else np.zeros(0, dtype=np.int64)

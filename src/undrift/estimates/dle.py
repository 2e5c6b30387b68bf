"""Direct loss estimation."""

from __future__ import annotations

import numpy as np

from undrift.artifacts import threads
from undrift.estimates import Estimator, Expected, Side
from undrift.estimates._numbers import numbers
from undrift.losses import Loss
from undrift.records import TaskName


class Dle:
    """The loss that another model, fitted on the losses of known rows, predicts for each row.

    It sees the features and what was predicted. Source: NannyML's documentation of direct loss estimation.
    """

    tasks: tuple[TaskName, ...] = ("regression",)
    by_row = True
    """It learns the loss of each row, and a pooled loss has none."""

    def expected(self, known: Side, window: Side, loss: Loss) -> Expected:
        """The mean of the predicted losses."""
        if known.labels is None:
            return Expected(float("nan"), 0)
        from sklearn.ensemble import HistGradientBoostingRegressor

        losses = loss(known.labels, known.predictions)
        model = HistGradientBoostingRegressor(
            max_iter=60, max_leaf_nodes=15, min_samples_leaf=30, random_state=0
        )
        with threads(known.rows):
            model.fit(numbers(known, known, window), losses, sample_weight=known.weights)
            expected = model.predict(numbers(window, known, window))
        return Expected(float(np.average(expected, weights=window.weights)), len(known))


_: type[Estimator] = Dle

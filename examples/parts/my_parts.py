"""Parts for undrift: a metric, a quality check, a policy, a merge strategy, a loss, a task and a trainer."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
from sklearn.dummy import DummyRegressor

from undrift.errors import DataError
from undrift.losses import loss
from undrift.policies import decision, enough
from undrift.records import Rule, Selection
from undrift.schema import features
from undrift.tasks.regression import Regression


def range_shift(ref, cur):
    """How far the range of a numeric feature grew, as a share of what it was; 0 where it did not."""
    if not (ref.finite and cur.finite) or ref.minimum == ref.maximum:
        return 0.0
    below = max(0.0, ref.minimum - cur.minimum)
    above = max(0.0, cur.maximum - ref.maximum)
    return (below + above) / (ref.maximum - ref.minimum)


def negative(ref, cur):
    """Say that numbers fell below zero which never did before; "" where they did not."""
    before, now = (getattr(side, "minimum", None) for side in (ref, cur))
    if before is None or now is None or not before >= 0 > now:
        return ""
    return f"negative numbers, down to {now:g}"


class Monday:
    """Retrains after a window that ends on a Monday, if enough new rows are labelled."""

    def __init__(self, minimum_rows: int = 100) -> None:
        self.minimum_rows = minimum_rows

    def decide(self, situation):
        end = situation.window.end
        due = end is not None and end.weekday() == 0
        rule = Rule("monday", due, "the window ends on a Monday" if due else "it is not Monday")
        return decision(situation, (rule, enough(situation, self.minimum_rows)))


class LastHalf:
    """Trains on the newer half of the windows that are there."""

    def select(self, windows):
        return Selection(windows[len(windows) // 2].index, windows[-1].index)


@loss("regression", "count", mean="Poisson deviance")
def poisson(labels, predictions):
    """Half the deviance of each row from a Poisson law with the predicted mean."""
    means = np.maximum(predictions, 1e-9)
    logs = np.log(np.maximum(labels, 1e-9) / means)
    return np.where(labels > 0, labels * logs, 0.0) - labels + means


class Count(Regression):
    """Labels are numbers of things: never below 0."""

    name = "count"
    loss = "poisson"
    model = "sklearn.linear_model:PoissonRegressor"

    def labels(self, values, name, classes, source):
        found = super().labels(values, name, classes, source)
        if (pc.min(found).as_py() or 0) < 0:
            raise DataError(f"target {name!r} of {source} is below 0", "Correct the label.")
        return found


class Middle:
    """Trains a model that says the same number of every row: the median of the labels."""

    name = "middle"

    def fit(self, rows, labels, schema, champion, weights=None):  # noqa: ARG002
        names = [column.name for column in features(schema)]
        return DummyRegressor(strategy="median").fit(rows[names], labels, sample_weight=weights)

"""A target of two classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import skill
from undrift.columns.kinds import as_text, cast
from undrift.errors import DataError, ModelError
from undrift.records import Column, Kind, MeanCalibration, Ranking, TaskName
from undrift.tasks import OUTPUT, Blocks, Floats, Task
from undrift.tasks._classes import (
    codes,
    in_order,
    named_as,
    native,
    own_classes,
    require_probabilities,
    spoken,
)

HALF = 0.5
"""The probability from which on the second class is predicted."""


class Binary:
    """Labels are 0 and 1, a prediction is the probability of class 1."""

    name: TaskName = "binary"
    loss = "log_loss"
    model = "sklearn.ensemble:HistGradientBoostingClassifier"
    wrapper = "Classifier"
    type = "string"
    kind: Kind = "categorical"

    def classes(self, values: pa.ChunkedArray, name: str, source: str) -> tuple[str, ...]:
        """Its two classes in alphabetical order; raises DataError for more."""
        found = tuple(sorted(in_order(values)))
        if len(found) > 2:
            raise DataError(
                f"target {name!r} of {source} has {len(found)} classes, not two",
                "Set data.task to multiclass, merge classes, or name a numeric target.",
            )
        return found

    def labels(
        self, values: pa.ChunkedArray, name: str, classes: Sequence[str], source: str
    ) -> pa.ChunkedArray:
        """0 for the first class and 1 for the second; raises DataError for any other label."""
        text = as_text(values)
        places = codes(text, classes)
        unknown = pc.and_(pc.is_null(places), pc.is_valid(text))
        if pc.any(unknown).as_py():
            value = text.filter(unknown)[0].as_py()
            raise DataError(
                f"column {name!r} of {source} holds the label {value!r}",
                f"Labels are {classes[0]!r} and {classes[1]!r}.",
            )
        return places

    def written(self, labels: Floats, classes: Sequence[str]) -> pa.Array:
        """The names of the classes."""
        return pa.array([classes[int(value)] for value in labels], pa.string())

    def fitted_on(self, labels: Floats, classes: Sequence[str], model: Any) -> NDArray[Any]:  # noqa: ARG002
        """0 and 1."""
        return labels.astype(np.int64)

    def in_words_of(self, model: Any, labels: Floats, classes: Sequence[str]) -> NDArray[Any]:
        """What the model calls the classes."""
        return np.asarray(spoken(model, classes))[labels.astype(np.int64)]

    def require(self, model: Any) -> None:
        """Raise ModelError for a model that gives no probabilities."""
        require_probabilities(model)

    def ask(self, model: Any, rows: Any) -> Any:
        """Its probabilities of all classes."""
        return model.predict_proba(rows)

    def read(self, model: Any, said: Any, rows: int, classes: Sequence[str]) -> Floats:
        """The probability of the second class: by its name, or by 1 where labels are coded."""
        return np.asarray(said, dtype=np.float64).reshape(rows, -1)[:, _second(model, classes)]

    def shape(self, rows: int, classes: Sequence[str]) -> tuple[int, ...]:  # noqa: ARG002
        """One probability per row."""
        return (rows,)

    def logged(
        self,
        values: pa.ChunkedArray,
        name: str,
        classes: Sequence[str],  # noqa: ARG002
        source: str,
    ) -> Floats:
        """Probabilities of the second class; raises DataError for what lies outside 0 and 1."""
        column = cast(values, pa.float64(), name, source)
        found = np.asarray(column.to_numpy(), dtype=np.float64)
        if column.null_count or not ((found >= 0) & (found <= 1)).all():
            raise DataError(
                f"prediction column {name!r} of {source} has missing or impossible values",
                "Every row needs a probability from 0 to 1.",
            )
        return found

    def outputs(self) -> tuple[Column, ...]:
        """The probability."""
        return (Column(OUTPUT, "double", "numeric"),)

    def compared(self, predictions: Floats, classes: Sequence[str]) -> dict[str, pa.Array]:  # noqa: ARG002
        """The probability."""
        return {OUTPUT: pa.array(predictions)}

    def answer(self, predictions: Floats, classes: Sequence[str]) -> tuple[NDArray[Any], Floats | None]:
        """The class of which at least one half is said, and the probabilities of both."""
        labels = native(classes)[(predictions >= HALF).astype(np.int64)]
        return labels, np.column_stack([1 - predictions, predictions])

    def ranking(self, labels: Floats, predictions: Floats, blocks: Blocks) -> Ranking | None:
        """The area under the ROC curve, beside one half.

        >>> labels, days = np.array([0.0, 1.0] * 10), np.arange(20) // 4
        >>> Binary().ranking(labels, np.full(20, 0.5), days).ranks
        False
        """
        return skill.told_apart(labels, predictions, blocks)

    def mean_calibration(self, labels: Floats, predictions: Floats, blocks: Blocks) -> MeanCalibration | None:
        """Odds of the mean probability over odds of the share of positives."""
        return skill.mean_calibration(labels, predictions, blocks)

    def others(self, labels: Floats, predictions: Floats) -> dict[str, float | None]:
        """The share of right classes, and the area under the ROC curve."""
        return {
            "accuracy": float(np.mean((predictions > HALF) == (labels > HALF))),
            "auc": skill.auc(labels, predictions),
        }


def _second(model: Any, classes: Sequence[str]) -> int:
    """The column of the second class in what a model says."""
    own = own_classes(model)
    words = spoken(model, classes)
    if own is None:
        return 1
    if len(own) != len(classes):
        raise ModelError(
            f"the model knows the classes {', '.join(named_as(own))}, the data {', '.join(classes)}",
            "Train it on rows of both.",
        )
    return own.index(words[1])


_: type[Task] = Binary

"""Tasks: what a target may be, and all that depends on it.

A part is a class named like its file: how labels become numbers, what a model is asked for and how its
answer is read, which loss and model are the defaults, what stands beside a mean loss. ``classes`` are the
names of the classes in the order of their codes, none for numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from undrift.plugins import find
from undrift.records import Column, Kind, MeanCalibration, Ranking, TaskName

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Blocks = NDArray[np.int64]


OUTPUT = "(prediction)"
"""What a model's own output is called among the features that are compared."""

CONFIDENCE = "(confidence)"
"""What the probability of the predicted class is called among them."""

UNSEEN = -1.0
"""The label of a row whose class none of the agreed classes is."""


class Task(Protocol):
    """One kind of target.

    Labels are float64 of shape (rows,). So are predictions, but where there are several classes: those are
    probabilities of shape (rows, classes).
    """

    name: TaskName
    loss: str
    """The loss that decides when none is named."""
    model: str
    """The import path of the model that is trained when none is named."""
    wrapper: str
    """How the classes of a library with the scikit-learn API end, such as LGBMClassifier."""
    type: str
    """The Arrow type of labels as they are written."""
    kind: Kind
    """The kind of feature that they are compared as."""

    def classes(self, values: pa.ChunkedArray, name: str, source: str) -> tuple[str, ...]:
        """The classes that a target column holds, none for numbers; raises DataError for a wrong one."""

    def labels(
        self, values: pa.ChunkedArray, name: str, classes: Sequence[str], source: str
    ) -> pa.ChunkedArray:
        """The target column ``name`` as float64; raises DataError for a value that is no label."""

    def written(self, labels: Floats, classes: Sequence[str]) -> pa.Array:
        """Labels as the target column has them."""

    def fitted_on(self, labels: Floats, classes: Sequence[str], model: Any) -> NDArray[Any]:
        """Labels as a new ``model`` is fitted on them."""

    def in_words_of(self, model: Any, labels: Floats, classes: Sequence[str]) -> NDArray[Any]:
        """Labels as a fitted model named them."""

    def require(self, model: Any) -> None:
        """Raise ModelError for a model that cannot be asked."""

    def ask(self, model: Any, rows: Any) -> Any:
        """What the model says about rows."""

    def read(self, model: Any, said: Any, rows: int, classes: Sequence[str]) -> Floats:
        """Predictions (rows,), or probabilities (rows, classes), of what the model said."""

    def shape(self, rows: int, classes: Sequence[str]) -> tuple[int, ...]:
        """The shape of so many predictions."""

    def logged(self, values: pa.ChunkedArray, name: str, classes: Sequence[str], source: str) -> Floats:
        """Predictions that came in a column; raises DataError for what cannot be one."""

    def outputs(self) -> tuple[Column, ...]:
        """The features that predictions are compared as."""

    def compared(self, predictions: Floats, classes: Sequence[str]) -> dict[str, pa.Array]:
        """Predictions as these features."""

    def answer(self, predictions: Floats, classes: Sequence[str]) -> tuple[NDArray[Any], Floats | None]:
        """Predicted labels, and the probabilities (rows, classes) where there are any."""

    def ranking(self, labels: Floats, predictions: Floats, blocks: Blocks) -> Ranking | None:
        """How well predictions order the rows, beside a constant; None where labels are all alike."""

    def mean_calibration(self, labels: Floats, predictions: Floats, blocks: Blocks) -> MeanCalibration | None:
        """Whether probabilities are right on average; None where there are none."""

    def others(self, labels: Floats, predictions: Floats) -> dict[str, float | None]:
        """Scores that are shown beside the deciding one; None where they are not defined."""


@cache
def named(name: TaskName | None) -> Task:
    """The task of a name; that of numbers where there is no target.

    >>> named("binary").loss
    'log_loss'
    """
    task: Task = find("tasks", name or "regression")()
    return task

"""A target that is a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import skill
from undrift.arrow import kind_of
from undrift.columns.kinds import cast
from undrift.errors import DataError
from undrift.records import Column, Kind, MeanCalibration, Ranking, TaskName
from undrift.tasks import OUTPUT, Blocks, Floats, Task


class Regression:
    """Labels are numbers, and so is what a model says."""

    name: TaskName = "regression"
    loss = "absolute"
    model = "sklearn.ensemble:HistGradientBoostingRegressor"
    wrapper = "Regressor"
    type = "double"
    kind: Kind = "numeric"

    def classes(self, values: pa.ChunkedArray, name: str, source: str) -> tuple[str, ...]:
        """None; raises DataError for a target that is no number."""
        if kind_of(values.type) != "numeric":
            raise DataError(f"target {name!r} of {source} is not a number", "Leave out the task setting.")
        return ()

    def labels(
        self,
        values: pa.ChunkedArray,
        name: str,
        classes: Sequence[str],  # noqa: ARG002
        source: str,
    ) -> pa.ChunkedArray:
        """The target as float64; raises DataError for what is no finite number."""
        found = cast(values, pa.float64(), name, source)
        bad = pc.invert(pc.fill_null(pc.is_finite(found), True))
        if pc.any(bad).as_py():
            row = pc.index(bad, True).as_py()
            raise DataError(
                f"target {name!r} of {source} is not finite in row {row + 1}", "Correct the label."
            )
        return found

    def written(self, labels: Floats, classes: Sequence[str]) -> pa.Array:  # noqa: ARG002
        """The labels themselves."""
        return pa.array(labels, pa.float64())

    def fitted_on(self, labels: Floats, classes: Sequence[str], model: Any) -> NDArray[Any]:  # noqa: ARG002
        """The labels themselves."""
        return labels

    def in_words_of(self, model: Any, labels: Floats, classes: Sequence[str]) -> NDArray[Any]:  # noqa: ARG002
        """The labels themselves."""
        return labels

    def require(self, model: Any) -> None:
        """Every model that predicts will do."""

    def ask(self, model: Any, rows: Any) -> Any:
        """Its predictions."""
        return model.predict(rows)

    def read(self, model: Any, said: Any, rows: int, classes: Sequence[str]) -> Floats:  # noqa: ARG002
        """The predictions, the first column of several."""
        return np.asarray(said, dtype=np.float64).reshape(rows, -1)[:, 0]

    def shape(self, rows: int, classes: Sequence[str]) -> tuple[int, ...]:  # noqa: ARG002
        """One number per row."""
        return (rows,)

    def logged(
        self,
        values: pa.ChunkedArray,
        name: str,
        classes: Sequence[str],  # noqa: ARG002
        source: str,
    ) -> Floats:
        """Predictions that came with rows; raises DataError for what is no finite number."""
        column = cast(values, pa.float64(), name, source)
        found = np.asarray(column.to_numpy(), dtype=np.float64)
        if column.null_count or not np.isfinite(found).all():
            raise DataError(
                f"prediction column {name!r} of {source} has missing or impossible values",
                "Every row needs a finite number.",
            )
        return found

    def outputs(self) -> tuple[Column, ...]:
        """The number itself."""
        return (Column(OUTPUT, "double", "numeric"),)

    def compared(self, predictions: Floats, classes: Sequence[str]) -> dict[str, pa.Array]:  # noqa: ARG002
        """The number itself."""
        return {OUTPUT: pa.array(predictions)}

    def answer(
        self,
        predictions: Floats,
        classes: Sequence[str],  # noqa: ARG002
    ) -> tuple[NDArray[Any], Floats | None]:
        """The predictions; there are no probabilities."""
        return predictions, None

    def ranking(self, labels: Floats, predictions: Floats, blocks: Blocks) -> Ranking | None:
        """The rank correlation (Spearman) with the labels, beside 0.

        >>> labels, days = np.arange(20.0), np.arange(20) // 4
        >>> Regression().ranking(labels, labels, days).ranks
        True
        """
        return skill.correlated(labels, predictions, blocks)

    def mean_calibration(
        self,
        labels: Floats,  # noqa: ARG002
        predictions: Floats,  # noqa: ARG002
        blocks: Blocks,  # noqa: ARG002
    ) -> MeanCalibration | None:
        """None: there are no probabilities."""
        return None

    def others(self, labels: Floats, predictions: Floats) -> dict[str, float | None]:
        """The root of the mean squared error, and the mean error, in the target's unit."""
        error = predictions - labels
        return {"rmse": float(np.sqrt(np.mean(error**2))), "bias": float(np.mean(error))}


_: type[Task] = Regression

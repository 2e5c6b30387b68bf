"""The live model's own pipeline, fitted anew: for a model that was adopted, not trained here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from undrift import tasks
from undrift.artifacts import fit, shown
from undrift.errors import ModelError
from undrift.records import Schema
from undrift.trainers import Trainer
from undrift.trainers.recalibrate import unmapped

if TYPE_CHECKING:
    import pandas as pd


class Refit:
    """Clones the champion, with its settings and without what it learnt, and fits the clone."""

    name = "refit"

    def fit(
        self,
        rows: pd.DataFrame,
        labels: NDArray[np.float64],
        schema: Schema,
        champion: Any | None,
        weights: NDArray[np.float64] | None = None,
    ) -> Any:
        """A fitted clone of the champion; raises ModelError if there is none or it cannot be cloned."""
        from sklearn.base import clone

        if champion is None:
            raise ModelError(
                "there is no model to refit",
                'Name one to train: model.use = "sklearn.ensemble:HistGradientBoostingRegressor", say.',
            )
        inner = unmapped(champion)
        try:
            targets = tasks.named(schema.task).in_words_of(inner, labels, schema.classes)
            return fit(clone(inner), shown(inner, rows, schema), targets, weights)
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"{type(inner).__name__} does not refit: {error}",
                "Adopt a whole pipeline that takes the raw columns, or set model.use.",
            ) from error


_: type[Trainer] = Refit

"""Anything with the scikit-learn API, named by its import path, behind a preprocessing that fits it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from undrift.artifacts import estimator, threads
from undrift.errors import ConfigError, ModelError, suggest
from undrift.records import Schema
from undrift.schema import features
from undrift.trainers import Trainer

MAX_CATEGORIES = 50
"""One-hot columns per feature; rarer labels share one."""


class Estimator:
    """Trains ``path`` ("sklearn.linear_model:Ridge") with ``params``, on mixed columns.

    A model that takes NaN by itself (trees) gets numbers as they are and labels as codes; any other
    gets numbers imputed and scaled, and labels one-hot. A label never seen in training is "unknown"
    to both. ``seed`` is handed on as ``random_state`` where the model takes one.
    """

    def __init__(self, path: str, params: dict[str, Any] | None = None, seed: int = 0) -> None:
        self._class = estimator(path)
        self._params = dict(params or {})
        known = [p for p in inspect.signature(self._class).parameters if p != "self"]
        for key in self._params:
            if key not in known:
                raise ConfigError(f"unknown key model.params.{key}", suggest(key, known))
        if "random_state" in known:
            self._params.setdefault("random_state", seed)
        self.name = path

    def fit(
        self,
        rows: pd.DataFrame,
        labels: NDArray[np.float64],
        schema: Schema,
        champion: Any | None,  # noqa: ARG002
    ) -> Any:
        """A pipeline of preprocessing and model, fitted on all rows; raises ModelError if it cannot."""
        from sklearn.pipeline import Pipeline

        model = self._class(**self._params)
        if schema.task == "binary":
            if not hasattr(model, "predict_proba"):
                raise ModelError(
                    f"{self.name} has no predict_proba", "Choose a classifier that gives probabilities."
                )
            labels = labels.astype(np.int64)
        pipeline = Pipeline([("columns", _columns(schema, tolerant=_takes_nan(model))), ("model", model)])
        try:
            with threads(rows):
                return pipeline.fit(rows, labels)
        except Exception as error:
            raise ModelError(
                f"{self.name} does not train: {error}", "Check model.params and the data."
            ) from error


def _takes_nan(model: Any) -> bool:
    tags = getattr(model, "__sklearn_tags__", None)
    return bool(tags().input_tags.allow_nan) if tags else False


def _columns(schema: Schema, *, tolerant: bool) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    numbers = [c.name for c in features(schema) if c.kind != "categorical"]
    labels = [c.name for c in features(schema) if c.kind == "categorical"]
    if tolerant:
        coded = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
        return ColumnTransformer([("numbers", "passthrough", numbers), ("labels", coded, labels)])
    scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False
    )
    return ColumnTransformer([("numbers", scaled, numbers), ("labels", one_hot, labels)])


_: type[Trainer] = Estimator

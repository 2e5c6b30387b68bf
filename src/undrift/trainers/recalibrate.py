"""The live model's output on another scale: the cheapest thing that can be trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from undrift import artifacts, tasks
from undrift.errors import ConfigError, ModelError, UndriftError
from undrift.records import Schema
from undrift.trainers import Trainer

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

FEWEST = 50
"""Rows under which no map is fitted: two numbers of it would be noise."""

CLIP = 1e-6
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken."""

METHODS = ("platt", "isotonic")


class Recalibrated:
    """``estimator``, whose numbers or probabilities go through a map.

    A "line" multiplies numbers by ``slopes`` (1, 1) and adds ``levels`` (1,). A "logistic" map takes as log
    odds the logarithms of probabilities times ``slopes`` (classes, classes) plus ``levels`` (classes,). A
    class of which no row was seen has a level of NaN, and keeps the probability that the estimator gives it.
    "steps" are the probabilities of the second of two classes: where the map bends, in ``slopes`` (1, bends),
    and its values there.

    >>> from sklearn.dummy import DummyRegressor
    >>> model = DummyRegressor(strategy="constant", constant=2.0).fit([[0]], [2])
    >>> Recalibrated(model, "line", np.array([[3.0]]), np.array([1.0])).predict([[0]])
    array([7.])
    """

    def __init__(
        self, estimator: Any, kind: Literal["line", "logistic", "steps"], slopes: Floats, levels: Floats
    ) -> None:
        self.estimator, self.kind, self.slopes, self.levels = estimator, kind, slopes, levels
        for name in ("classes_", "feature_names_in_"):
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))

    def predict(self, rows: Any) -> Any:
        """Numbers, or the class of which most is said; shape (rows,)."""
        if self.kind == "line":
            said = np.asarray(self.estimator.predict(rows), dtype=np.float64).reshape(len(rows), -1)[:, 0]
            return said * float(self.slopes[0, 0]) + float(self.levels[0])
        best = self.predict_proba(rows).argmax(axis=1)
        return np.asarray(self.classes_)[best] if hasattr(self, "classes_") else best

    def predict_proba(self, rows: Any) -> Floats:
        """The probability of each class, shape (rows, classes)."""
        said = np.asarray(self.estimator.predict_proba(rows), dtype=np.float64)
        if self.kind == "steps":
            second = np.interp(said[:, 1], self.slopes[0], self.levels)
            return np.column_stack([1 - second, second])
        seen = np.flatnonzero(np.isfinite(self.levels))
        if len(seen) < 2:
            return said
        odds = np.log(np.clip(said, CLIP, 1 - CLIP))[:, seen] @ self.slopes[np.ix_(seen, seen)].T
        found = np.exp(odds + self.levels[seen] - (odds + self.levels[seen]).max(axis=1, keepdims=True))
        mapped = said.copy()
        mapped[:, seen] = found / found.sum(axis=1, keepdims=True) * said[:, seen].sum(axis=1, keepdims=True)
        return mapped


def unmapped(model: Any) -> Any:
    """The model below its map, where it has one."""
    return model.estimator if isinstance(model, Recalibrated) else model


class Recalibrate:
    """Fits a small map on what the live model says about rows that it was not trained on.

    Numbers are scaled and shifted (least squares). Probabilities go through a logistic map of their log odds,
    of several classes one of their logarithms (Platt, 1999); for two classes ``method`` "isotonic" fits a
    map that only rises (Zadrozny and Elkan, 2002), which wants a thousand rows or more.
    """

    name = "recalibrate"
    unseen = True
    """It is fitted on labelled rows that are newer than those of the model whose output it maps."""

    def __init__(self, method: str = "platt") -> None:
        if method not in METHODS:
            raise ConfigError(f"model.params.method = {method!r} is unknown", f"Known: {', '.join(METHODS)}.")
        self._method = method

    def fit(
        self,
        rows: pd.DataFrame,
        labels: Floats,
        schema: Schema,
        champion: Any | None,
        weights: Floats | None = None,
    ) -> Recalibrated:
        """The champion with a map behind it; raises ModelError if there is none, or there are few rows."""
        if champion is None:
            raise ModelError("there is no live model to recalibrate", "Name a model to train in model.use.")
        if len(rows) < FEWEST:
            raise ModelError(
                f"{len(rows)} labelled rows are newer than the live model, {FEWEST} are needed",
                "Wait for more labels.",
            )
        inner = unmapped(champion)
        try:
            return self._mapped(inner, rows, labels, schema, weights)
        except UndriftError:
            raise
        except Exception as error:
            raise ModelError(
                f"{type(inner).__name__} is not recalibrated: {error}", "Leave the trainer out."
            ) from error

    def _mapped(
        self, inner: Any, rows: pd.DataFrame, labels: Floats, schema: Schema, weights: Floats | None
    ) -> Recalibrated:
        if not schema.classes:
            said = artifacts.predict(inner, rows, schema)
            slope, shift = _line(said, labels, weights)
            return Recalibrated(inner, "line", np.array([[slope]]), np.array([shift]))
        said = np.asarray(artifacts.asked(inner, rows, schema), dtype=np.float64)
        words = tasks.named(schema.task).in_words_of(inner, labels, schema.classes).tolist()
        own = {word: place for place, word in enumerate(getattr(inner, "classes_", range(said.shape[1])))}
        known = np.array([word in own for word in words])
        places = np.array([own[word] for word in words if word in own], dtype=np.int64)
        if len(places) < FEWEST:
            raise ModelError(
                f"{len(places)} labelled rows are of classes that the live model knows, {FEWEST} are needed",
                "Wait for more labels.",
            )
        more = None if weights is None else weights[known]
        if self._method == "isotonic" and len(own) == 2 and len(np.unique(places)) == 2:
            return Recalibrated(inner, "steps", *_steps(said[known, 1], places, more))
        return Recalibrated(inner, "logistic", *_logistic(said[known], places, more))


def _line(said: Floats, labels: Floats, weights: Floats | None) -> tuple[float, float]:
    """Slope and shift of the line nearest to the labels; a constant is only shifted."""
    mass = np.ones(len(said)) if weights is None else weights
    middle, level = np.average(said, weights=mass), np.average(labels, weights=mass)
    spread = float(np.average((said - middle) ** 2, weights=mass))
    slope = float(np.average((said - middle) * (labels - level), weights=mass)) / spread if spread else 1.0
    return slope, float(level - slope * middle)


def _logistic(said: Floats, places: NDArray[np.int64], weights: Floats | None) -> tuple[Floats, Floats]:
    """Coefficients (classes, classes) and intercepts of the logistic map of log probabilities."""
    from sklearn.linear_model import LogisticRegression

    count = said.shape[1]
    coefficients, intercepts = np.eye(count), np.full(count, np.nan)
    seen = np.unique(places)
    if len(seen) < 2:
        return coefficients, intercepts
    logs = np.log(np.clip(said[:, seen], CLIP, 1 - CLIP))
    if len(seen) == 2:
        odds = logs[:, 1:] - logs[:, :1]
        fitted = LogisticRegression(C=1e6, max_iter=1000).fit(odds, places, sample_weight=weights)
        slope = float(fitted.coef_[0, 0])
        coefficients[np.ix_(seen, seen)] = [[slope / 2, -slope / 2], [-slope / 2, slope / 2]]
        intercepts[seen] = [-float(fitted.intercept_[0]) / 2, float(fitted.intercept_[0]) / 2]
        return coefficients, intercepts
    fitted = LogisticRegression(C=1.0, max_iter=1000).fit(logs, places, sample_weight=weights)
    coefficients[np.ix_(seen, seen)] = fitted.coef_
    intercepts[seen] = fitted.intercept_
    return coefficients, intercepts


def _steps(said: Floats, places: NDArray[np.int64], weights: Floats | None) -> tuple[Floats, Floats]:
    """Where a rising map of the probability of the second class bends, and its values there."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=CLIP, y_max=1 - CLIP).fit(said, places, sample_weight=weights)
    return np.atleast_2d(fitted.X_thresholds_), np.asarray(fitted.y_thresholds_, dtype=np.float64)


_: type[Trainer] = Recalibrate

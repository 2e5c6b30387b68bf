"""A target of several classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import skill
from undrift.arrow import from_predictions
from undrift.columns.kinds import as_text
from undrift.errors import DataError, ModelError
from undrift.records import Column, Kind, MeanCalibration, Ranking, TaskName
from undrift.tasks import CONFIDENCE, OUTPUT, UNSEEN, Blocks, Floats, Task
from undrift.tasks._classes import codes, in_order, native, own_classes, require_probabilities, spoken

MOST = 1000
"""Classes above which a target is a name or a number, not a class."""

SUMS_TO = 1e-3
"""How far the probabilities of a row may add up to something other than 1."""


class Multiclass:
    """Labels are the places of classes from 0 up, a prediction is the probability of each of them.

    A label that none of the classes is stays on record as ``UNSEEN``: every prediction of it is wrong, and
    no model is trained on it.
    """

    name: TaskName = "multiclass"
    loss = "log_loss"
    model = "sklearn.ensemble:HistGradientBoostingClassifier"
    wrapper = "Classifier"
    type = "string"
    kind: Kind = "categorical"

    def classes(self, values: pa.ChunkedArray, name: str, source: str) -> tuple[str, ...]:
        """The classes in the order of numbers or of the alphabet; raises DataError for too many."""
        found = in_order(values)
        if len(found) > MOST:
            raise DataError(
                f"target {name!r} of {source} has {len(found):,} classes, {MOST:,} are the most",
                "Merge rare classes, or name another target.",
            )
        return found

    def labels(
        self,
        values: pa.ChunkedArray,
        name: str,  # noqa: ARG002
        classes: Sequence[str],
        source: str,  # noqa: ARG002
    ) -> pa.ChunkedArray:
        """The place of each label among the classes, UNSEEN for any other."""
        text = as_text(values)
        found = codes(text, classes)
        return pc.if_else(pc.is_valid(text), pc.fill_null(found, UNSEEN), None)

    def written(self, labels: Floats, classes: Sequence[str]) -> pa.Array:
        """The names of the classes; "(unseen)" where none of them is meant."""
        names = pa.array([*classes, "(unseen)"])
        places = np.where(labels == UNSEEN, len(classes), labels).astype(np.int64)
        return names.take(pa.array(places))

    def fitted_on(self, labels: Floats, classes: Sequence[str], model: Any) -> NDArray[Any]:
        """The names of the classes; their places for a library that wants those."""
        return labels.astype(np.int64) if _counts(model) else native(classes)[labels.astype(np.int64)]

    def in_words_of(self, model: Any, labels: Floats, classes: Sequence[str]) -> NDArray[Any]:
        """What the model calls the classes; those that it never saw by their own names."""
        return np.asarray(spoken(model, classes, coded=_counts(model)))[labels.astype(np.int64)]

    def require(self, model: Any) -> None:
        """Raise ModelError for a model that gives no probabilities."""
        require_probabilities(model)

    def ask(self, model: Any, rows: Any) -> Any:
        """Its probabilities of all classes."""
        return model.predict_proba(rows)

    def read(self, model: Any, said: Any, rows: int, classes: Sequence[str]) -> Floats:
        """The probability of every class, in their order; 0 for those that the model never saw."""
        given = np.asarray(said, dtype=np.float64).reshape(rows, -1)
        words = spoken(model, classes, coded=_counts(model))
        own = own_classes(model)
        own = list(range(given.shape[1])) if own is None else own
        if len(own) != given.shape[1] or len(own) > len(classes):
            raise ModelError(
                f"the model gives {given.shape[1]} probabilities of {len(classes)} classes",
                "Train it on the same labels.",
            )
        values = np.zeros((rows, len(classes)))
        values[:, [words.index(name) for name in own]] = given
        return values

    def shape(self, rows: int, classes: Sequence[str]) -> tuple[int, ...]:
        """Of each row the probability of every class."""
        return rows, len(classes)

    def logged(self, values: pa.ChunkedArray, name: str, classes: Sequence[str], source: str) -> Floats:
        """The class that was predicted, as sure; or lists of the probabilities of all classes in order."""
        if pa.types.is_nested(values.type):
            found = _listed(values, len(classes))
            if found is None:
                raise DataError(
                    f"prediction column {name!r} of {source} has missing or impossible values",
                    f"Every row needs {len(classes)} probabilities that add up to 1.",
                )
            return found
        places = codes(as_text(values), classes)
        if places.null_count:
            value = values.filter(pc.is_null(places))[0].as_py()
            raise DataError(
                f"prediction column {name!r} of {source} holds {value!r}, which is no class of the target",
                f"Every row needs one of {', '.join(classes[:5])}, or a list of all their probabilities.",
            )
        sure: Floats = np.eye(len(classes))[places.to_numpy().astype(np.int64)]
        return sure

    def outputs(self) -> tuple[Column, ...]:
        """The predicted class, and its probability."""
        return Column(OUTPUT, "string", "categorical"), Column(CONFIDENCE, "double", "numeric")

    def compared(self, predictions: Floats, classes: Sequence[str]) -> dict[str, pa.Array]:
        """The class of which most is said, and how much."""
        best = predictions.argmax(axis=1)
        return {
            OUTPUT: pa.array(list(classes)).take(pa.array(best)),
            CONFIDENCE: pa.array(predictions.max(axis=1)),
        }

    def answer(self, predictions: Floats, classes: Sequence[str]) -> tuple[NDArray[Any], Floats | None]:
        """The class of which most is said, and the probabilities of all."""
        best: NDArray[np.int64] = predictions.argmax(axis=1)
        return native(classes)[best], predictions

    def ranking(self, labels: Floats, predictions: Floats, blocks: Blocks) -> Ranking | None:
        """The mean area under the ROC curves of each class against the others, beside one half."""
        return skill.each_told_apart(labels, predictions, blocks)

    def mean_calibration(self, labels: Floats, predictions: Floats, blocks: Blocks) -> MeanCalibration | None:
        """Odds of the mean confidence over odds of the share of right classes."""
        right = (predictions.argmax(axis=1) == labels).astype(np.float64)
        found = skill.mean_calibration(right, predictions.max(axis=1), blocks)
        return replace(found, of="right") if found else None

    def others(self, labels: Floats, predictions: Floats) -> dict[str, float | None]:
        """The share of right classes, the mean F1 of those that occur, and the mean area under curves."""
        best = predictions.argmax(axis=1)
        return {
            "accuracy": float(np.mean(best == labels)),
            "macro_f1": _macro_f1(labels, best),
            "auc": skill.mean_auc(labels, predictions),
        }


def _macro_f1(labels: Floats, best: NDArray[np.int64]) -> float | None:
    """The mean F1 over the classes that are labelled or predicted (Opitz and Burst, arXiv:1911.03347)."""
    found = []
    for code in np.unique(np.concatenate([labels, best])):
        hits = float(np.sum((labels == code) & (best == code)))
        found.append(2 * hits / float(np.sum(labels == code) + np.sum(best == code)))
    return float(np.mean(found)) if found else None


def _listed(values: pa.ChunkedArray, width: int) -> Floats | None:
    """Lists of probabilities as an array; None unless each has so many, which add up to 1."""
    try:
        lists = values.combine_chunks().cast(pa.list_(pa.float64()))
    except pa.ArrowInvalid:
        return None
    if values.null_count or not pc.all(pc.equal(pc.list_value_length(lists), width)).as_py():
        return None
    found = from_predictions(lists)
    fits = np.isfinite(found).all() and (found >= 0).all() and np.abs(found.sum(axis=1) - 1).max() < SUMS_TO
    return found if fits else None


def _counts(model: Any) -> bool:
    """Whether what fits at the end of a model wants classes counted from 0, as XGBoost does."""
    while isinstance(steps := getattr(model, "steps", None), list) and steps:
        model = steps[-1][1]
    return type(model).__module__.partition(".")[0] == "xgboost"


_: type[Task] = Multiclass

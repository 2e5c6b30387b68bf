"""What targets of classes have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift.columns.kinds import as_text
from undrift.errors import ModelError


def in_order(values: pa.ChunkedArray) -> tuple[str, ...]:
    """The classes that a column holds, in the order of numbers where all are such, else as text.

    >>> in_order(pa.chunked_array([[10, 9, 9]])), in_order(pa.chunked_array([["b", "a"]]))
    (('9', '10'), ('a', 'b'))
    """
    found = sorted(set(as_text(values.drop_null().unique()).to_pylist()))
    try:
        return tuple(sorted(found, key=float))
    except ValueError:
        return tuple(found)


def codes(text: pa.ChunkedArray, classes: Sequence[str]) -> pa.ChunkedArray:
    """The place of each label among the classes as float64, null for any other."""
    return pc.index_in(text, pa.array(list(classes))).cast(pa.float64())


def native(classes: Sequence[str]) -> NDArray[Any]:
    """Classes as NumPy has them: whole numbers and truths where they are such, else text.

    >>> native(("1", "2")), native(("false", "true")), native(("a", "b"))
    (array([1, 2]), array([False,  True]), array(['a', 'b'], dtype='<U1'))
    """
    if set(classes) == {"false", "true"}:
        return np.array([word == "true" for word in classes])
    try:
        return np.array([int(word) for word in classes])
    except ValueError:
        return np.array(classes)


def named_as(known: Sequence[Any]) -> list[str]:
    """The names under which data has the classes that a model knows."""
    found: list[str] = as_text(pa.chunked_array([np.asarray(known)])).to_pylist()
    return found


def spoken(model: Any, classes: Sequence[str], *, coded: bool = False) -> list[Any]:
    """What a model calls each class: its own names for them, or codes from 0 up where it knows only such.

    A class that it never saw has the name that a new model would be given. Raises ModelError for a model that
    knows other classes than the data; ``coded`` says that it counts them whatever their names are.
    """
    known = own_classes(model)
    if known is None or coded:
        return list(range(len(classes)))
    own = dict(zip(named_as(known), known, strict=True))
    if own.keys() <= {*classes}:
        return [own.get(name, new) for name, new in zip(classes, native(classes).tolist(), strict=True)]
    if own.keys() <= {str(place) for place in range(len(classes))}:
        return [own.get(str(place), place) for place in range(len(classes))]
    raise ModelError(
        f"the model knows the classes {', '.join([*own][:5])}, the data {', '.join(classes[:5])}",
        "Train it on the same labels.",
    )


def own_classes(model: Any) -> list[Any] | None:
    """The classes that a fitted model knows, by its own names; None where it does not say."""
    known = getattr(model, "classes_", None)
    return None if known is None else list(np.asarray(known))


def require_probabilities(model: Any) -> None:
    """Raise ModelError for a model that gives no probabilities."""
    if not hasattr(model, "predict_proba"):
        raise ModelError(
            f"{type(model).__name__} gives no probabilities: it has no predict_proba",
            "Wrap it in scikit-learn's CalibratedClassifierCV, or watch what it predicts with --prediction.",
        )

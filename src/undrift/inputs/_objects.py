"""Python values, of one type or of several, as Arrow columns."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pyarrow as pa

from undrift.arrow import Unread
from undrift.columns.kinds import as_text

MISFITS = (pa.ArrowException, ValueError, TypeError, OverflowError, OSError)
"""What conversion to Arrow raises."""

MOMENTS = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)

NAMED = 3
"""Types of a column's values that are named at most, where undrift does not understand them."""


def column(values: Sequence[Any], *, text: bool = False) -> pa.Array:
    """The values as numbers if all are, as labels if they are numbers, truths, times and text mixed.

    Values that are none of these make the column ``Unread``; where it is to be ``text``, all are labels.

    >>> column([1, 2**70]).to_pylist(), column([1, "Test"]).to_pylist(), column([1j]).type
    ([1.0, 1.1805916207174113e+21], ['1', 'Test'], Unread(complex))
    """
    try:
        return pa.array(values, from_pandas=True)
    except MISFITS:
        if text:
            return spoken(values)
    known = [value for value in values if not _is_missing(value)]
    if all(_is_number(value) for value in known):
        return pa.array([None if _is_missing(v) else _nearest(v) for v in values], pa.float64())
    odd = sorted({type(value).__name__ for value in known if not _is_spoken(value)})
    if odd:
        return Unread(" and ".join(odd[:NAMED]) + " among others" * (len(odd) > NAMED)).of(len(values))
    return spoken(values)


def spoken(values: Iterable[Any]) -> pa.Array:
    """Values of any types as labels, each called what it would be called in a column of its own type.

    >>> spoken([1, "a", 2.5, 3.0, True, None, float("nan")]).to_pylist()
    ['1', 'a', '2.5', '3', 'true', None, None]
    """
    known: dict[tuple[type, str], str | None] = {}
    words: list[str | None] = []
    for value in values:
        if isinstance(value, str):
            words.append(value)
            continue
        key = type(value), repr(value)
        if key not in known:
            known[key] = _spoken(value)
        words.append(known[key])
    return pa.array(words, pa.string())


def _spoken(value: Any) -> str | None:
    if _is_missing(value):
        return None
    try:
        found = as_text(pa.chunked_array([pa.array([value], from_pandas=True)]))[0].as_py()
    except MISFITS:
        return str(value)
    return None if found is None else str(found)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real | Decimal | np.floating) and not isinstance(value, bool | np.bool_)


def _is_spoken(value: Any) -> bool:
    """Whether a value has one name by itself: a number, a truth, a word, a time, a period."""
    if isinstance(value, (bool, np.bool_, str, *MOMENTS)) or _is_number(value):
        return True
    return type(value).__module__.startswith("pandas.") and type(value).__name__ in ("Period", "Interval")


def _is_missing(value: Any) -> bool:
    """Whether a value is none: None, NaN, pandas' NA and NaT."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or _is_nan(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating | Decimal) and value != value


def _nearest(value: Any) -> float:
    """The nearest float; infinity where there is none."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf

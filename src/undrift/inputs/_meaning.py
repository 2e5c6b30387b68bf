"""What Arrow columns mean, whatever type holds them: extension types of any maker, encodings, views.

A column that nobody here understands becomes ``Unread``: named, without its values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undrift.arrow import Unread, as_numpy, understood

NAME, PARAMETERS = b"ARROW:extension:name", b"ARROW:extension:metadata"
"""Where a field says what it means when no package that knows the extension type is loaded."""


@dataclass(frozen=True)
class Meaning:
    """The plain type that holds what a column means, and how its arrays become that."""

    type: pa.DataType
    of: Callable[[pa.Array], pa.Array]


def meaning(field: pa.Field) -> Meaning:
    """What a column means.

    >>> meaning(pa.field("x", pa.list_(pa.string()))).type
    Unread(list<item: string>)
    """
    if isinstance(field.type, Unread):
        return Meaning(field.type, _same)
    if isinstance(field.type, pa.BaseExtensionType):
        parameters = getattr(field.type, "__arrow_ext_serialize__", bytes)()
        return _stored(_extension(field.type.extension_name, parameters, field.type.storage_type))
    if name := (field.metadata or {}).get(NAME):
        return _extension(name.decode(), (field.metadata or {}).get(PARAMETERS, b""), field.type)
    return _plain(field.type)


def _extension(name: str, parameters: bytes, storage: pa.DataType) -> Meaning:
    """What an extension type means, made from the arrays that it is stored as."""
    if name == "pandas.period":
        return Meaning(pa.string(), partial(_periods, freq=json.loads(parameters)["freq"]))
    if name == "pandas.interval":
        return Meaning(pa.string(), partial(_intervals, closed=json.loads(parameters)["closed"]))
    if name == "arrow.uuid":
        return Meaning(pa.string(), _uuids)
    if name == "arrow.bool8":
        return Meaning(pa.bool_(), lambda values: pc.not_equal(values, 0))
    if name in ("arrow.json", "undrift.unread"):
        return _plain(storage)
    return _unread(name)


def _plain(type_: pa.DataType) -> Meaning:
    if pa.types.is_dictionary(type_):
        return _dictionary(type_)
    if pa.types.is_run_end_encoded(type_):
        values = _plain(type_.value_type)
        return Meaning(values.type, lambda encoded: values.of(pc.run_end_decode(encoded)))
    if type_ in (pa.string_view(), pa.binary_view()):
        whole = pa.string() if type_ == pa.string_view() else pa.binary()
        return Meaning(whole, lambda views: views.cast(whole))
    return Meaning(type_, _same) if understood(type_) else _unread(str(type_))


def _dictionary(type_: pa.DictionaryType) -> Meaning:
    """Labels or numbers, each value of them understood once."""
    inner = meaning(pa.field("values", type_.value_type))
    if inner.type == type_.value_type:
        return Meaning(type_, _same)
    if isinstance(inner.type, Unread):
        return _unread(inner.type.what)
    return Meaning(
        pa.dictionary(type_.index_type, inner.type),
        lambda values: pa.DictionaryArray.from_arrays(values.indices, inner.of(values.dictionary)),
    )


def _stored(found: Meaning) -> Meaning:
    """The same, of arrays of the extension type itself."""
    return Meaning(found.type, lambda values: found.of(values.storage))


def _unread(what: str) -> Meaning:
    type_ = Unread(what)
    return Meaning(type_, lambda values: type_.of(len(values)))


def _same(values: pa.Array) -> pa.Array:
    return values


def _periods(ordinals: pa.Array, freq: str) -> pa.Array:
    """Periods as pandas writes them: 2024-06, 2024Q2, 2024-06-03/2024-06-09."""
    import pandas as pd

    known = ordinals.dictionary_encode()
    periods = pd.arrays.PeriodArray(as_numpy(known.dictionary), dtype=pd.PeriodDtype(freq))
    return _words(periods.astype(str)).take(known.indices)


def _intervals(pairs: pa.Array, closed: Any) -> pa.Array:
    """Intervals as pandas writes them: (0, 9]."""
    import pandas as pd

    left, right = pairs.flatten()
    whole = pc.and_(pairs.is_valid(), pc.and_(left.is_valid(), right.is_valid()))
    ends = pa.table({"left": left, "right": right, "at": np.arange(len(pairs))}).filter(whole)
    found = pd.arrays.IntervalArray.from_arrays(
        ends["left"].to_pandas().array, ends["right"].to_pandas().array, closed=closed
    )
    place = pc.index_in(pa.array(np.arange(len(pairs))), ends["at"].combine_chunks())
    return _words(map(str, found)).take(place)


def _uuids(values: pa.Array) -> pa.Array:
    import uuid

    return pa.array([None if v is None else str(uuid.UUID(bytes=v)) for v in values.to_pylist()], pa.string())


def _words(values: Any) -> pa.Array:
    return pa.array(list(values), pa.string())

"""Arrow types that all of undrift understands, made from those that it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from undrift.arrow import MOMENT
from undrift.errors import DataError
from undrift.inputs import Rows
from undrift.kinds import as_kind, as_text

Fit = Callable[[pa.DataType, pa.DataType], pa.DataType | None]
"""Gives the type that holds the values of two types."""


def simple(rows: Rows) -> Rows:
    """The same rows without views, run-end encoding and extension types."""
    schema = pa.schema([pa.field(f.name, simple_type(f.type)) for f in rows.schema])
    if schema.equals(pa.schema([pa.field(f.name, f.type) for f in rows.schema])):
        return rows

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        for batch in rows.scan(columns):
            arrays = [_simple(values) for values in batch.columns]
            yield pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    return Rows(rows.name, schema, scan)


def simple_type(type_: pa.DataType) -> pa.DataType:
    """The plain type that holds the same values."""
    if isinstance(type_, pa.BaseExtensionType):
        return simple_type(type_.storage_type)
    if pa.types.is_run_end_encoded(type_):
        return simple_type(type_.value_type)
    if pa.types.is_dictionary(type_):
        return pa.dictionary(type_.index_type, simple_type(type_.value_type))
    return {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}.get(type_, type_)


def joined(one: pa.Schema, other: pa.Schema, where: str, fit: Fit | None = None) -> pa.Schema:
    """The columns of both in types that hold the values of both.

    ``fit`` gives the type for two types, ``wider`` where it is not given. Raises DataError naming the
    column when there is none.
    """
    if one.equals(other):
        return one
    types = {field.name: field.type for field in one}
    for field in other:
        before = types.get(field.name, pa.null())
        found = (fit or wider)(before, field.type)
        if found is None:
            raise DataError(
                f"column {field.name!r} of {where} is {field.type}, and before that it was {before}",
                "Give it one type.",
            )
        types[field.name] = found
    return pa.schema(list(types.items()))


def wider(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds the values of both; None where there is none."""
    if one != other:
        one, other = _decoded(one), _decoded(other)
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if _is_number(one) and _is_number(other):
        exact = pa.types.is_integer(one) and pa.types.is_integer(other)
        unsigned = pa.types.is_uint64(one) or pa.types.is_uint64(other)
        return pa.int64() if exact and not unsigned else pa.float64()
    if _is_moment(one) and _is_moment(other):
        return MOMENT
    if _is_text(one) and _is_text(other):
        return pa.large_string()
    return None


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
    try:
        found = as_text(pa.chunked_array([pa.array([value], from_pandas=True)]))[0].as_py()
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return str(value)
    return None if found is None else str(found)


def cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch's columns in these types; text that is dictionary-encoded stays so."""
    if batch.schema.equals(schema):
        return batch
    arrays = [_cast(batch.column(field.name), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)


def _cast(values: pa.Array, type_: pa.DataType) -> pa.Array:
    if values.type == type_ or _decoded(values.type) == type_:
        return values
    if pa.types.is_float64(type_):
        return as_kind(values, "numeric")
    return (
        values.cast(pa.timestamp("us"), safe=False).cast(type_) if _is_moment(type_) else values.cast(type_)
    )


def _simple(values: pa.Array) -> pa.Array:
    type_ = values.type
    if isinstance(type_, pa.BaseExtensionType):
        return _simple(values.storage)
    if pa.types.is_run_end_encoded(type_):
        return _simple(pc.run_end_decode(values))
    if pa.types.is_dictionary(type_) and simple_type(type_) != type_:
        return pa.DictionaryArray.from_arrays(values.indices, _simple(values.dictionary))
    return values if simple_type(type_) == type_ else values.cast(simple_type(type_))


def _decoded(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _is_moment(type_: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(type_) or pa.types.is_date(type_))


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))

"""Arrow types that all of undrift understands, made from those that it does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from undrift.arrow import MOMENT, Unread, understood
from undrift.columns.kinds import as_kind, as_text
from undrift.inputs import Rows
from undrift.inputs._meaning import meaning
from undrift.schema import NO_NAME

ROW_NUMBERS = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name in Parquet, Feather and Arrow."""

Fit = Callable[[pa.DataType, pa.DataType], pa.DataType | None]
"""Gives the type that holds the values of two types."""


def simple(rows: Rows) -> Rows:
    """The same rows in types that say what they mean, without the row numbers of pandas."""
    fields = [field for field in rows.schema if not ROW_NUMBERS.fullmatch(field.name)]
    kept = [(field.name or NO_NAME, field.name, meaning(field)) for field in fields]
    schema = pa.schema([pa.field(name, means.type) for name, _, means in kept])
    read = {name: (old, means) for name, old, means in kept}
    if schema.equals(pa.schema([pa.field(f.name, f.type) for f in rows.schema])):
        return rows

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = {name: read[name] for name in (schema.names if columns is None else columns)}
        wanted = [old for old, means in chosen.values() if not isinstance(means.type, Unread)]
        for batch in rows.scan(wanted or rows.schema.names[:1]):
            arrays = [
                means.type.of(batch.num_rows)
                if isinstance(means.type, Unread)
                else means.of(batch.column(old))
                for old, means in chosen.values()
            ]
            yield pa.RecordBatch.from_arrays(arrays, names=list(chosen))

    return Rows(rows.name, schema, scan)


def joined(one: pa.Schema, other: pa.Schema, fit: Fit | None = None) -> pa.Schema:
    """The columns of both in types that hold the values of both.

    ``fit`` gives the type for two types, ``wider`` where it is not given. Where that gives none, values are
    labels, as in a file without types; what is not understood on one side is not on the other.
    """
    if one.equals(other):
        return one
    types = {field.name: field.type for field in one}
    for field in other:
        before = types.get(field.name, pa.null())
        types[field.name] = (fit or wider)(before, field.type) or _common(before, field.type)
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


def cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch's columns in these types; text that is dictionary-encoded stays so."""
    if batch.schema.equals(schema):
        return batch
    arrays = [_cast(batch.column(field.name), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)


def _cast(values: pa.Array, type_: pa.DataType) -> pa.Array:
    if pa.types.is_null(values.type) and not isinstance(type_, Unread):
        return values.cast(type_)
    if values.type == type_ or _decoded(values.type) == type_:
        return values
    if isinstance(type_, Unread):
        return type_.of(len(values))
    if pa.types.is_float64(type_):
        return as_kind(values, "numeric")
    if _is_text(type_) and not _is_text(_decoded(values.type)):
        return as_text(pa.chunked_array([values])).combine_chunks().cast(type_)
    return (
        values.cast(pa.timestamp("us"), safe=False).cast(type_) if _is_moment(type_) else values.cast(type_)
    )


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """What values of two types are that have no wider one."""
    odd = next((type_ for type_ in (one, other) if not understood(type_)), None)
    if odd is not None:
        return odd if isinstance(odd, Unread) else Unread(str(odd))
    return pa.large_string()


def _decoded(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _is_moment(type_: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(type_) or pa.types.is_date(type_))


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))

"""The values of a column as numbers, labels or truths, without loss unless that was asked for."""

from __future__ import annotations

from bisect import bisect_left

import pyarrow as pa
import pyarrow.compute as pc

from undrift.arrow import MOMENT, Unread, decimals, kind_of, plain
from undrift.columns.times import casts, from_text, microseconds, seconds
from undrift.errors import DataError
from undrift.records import Kind


def cast(values: pa.ChunkedArray, type_: pa.DataType, name: str, source: str) -> pa.ChunkedArray:
    """Cast without loss: 3.0 becomes the integer 3, 3.5 and "abc" are refused with their row."""
    try:
        return lossless(values, type_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        row = _first_misfit(values, type_)
        at = f", row {row + 1} holds {values[row].as_py()!r}" if row >= 0 else f", it is {values.type}"
        raise DataError(
            f"column {name!r} of {source} should be {type_}{at}", "Correct the column, then deliver again."
        ) from error


def as_kind(
    values: pa.Array | pa.ChunkedArray, kind: Kind, *, forced: bool = False
) -> pa.Array | pa.ChunkedArray:
    """The values in a type that can be counted as this kind: float64, boolean, or any with a text form.

    What loses nothing is done silently: 0 and 1, and these words, are taken for false and true where
    these are expected, numbers also the other way round, whole numbers for labels. Where the kind was
    ``forced``, times become seconds since 1970, text is parsed, and every type can be labels. Raises
    ArrowInvalid otherwise.
    """
    type_ = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if isinstance(type_, Unread):
        raise pa.ArrowInvalid(f"its values are {type_}, which undrift does not read")
    if pa.types.is_null(type_):
        return values.cast(pa.float64() if kind == "numeric" else pa.string())
    found = kind_of(type_)
    if kind == "numeric":
        return _as_number(values, type_, found, forced=forced)
    if found == kind or (
        kind == "categorical" and (forced or found == "boolean" or pa.types.is_integer(type_))
    ):
        return values
    if kind == "boolean" and (found in ("numeric", "categorical") or forced):
        return lossless(pa.chunked_array([values]) if isinstance(values, pa.Array) else values, pa.bool_())
    raise pa.ArrowInvalid(f"{type_} is not {kind}")


def _as_number(
    values: pa.Array | pa.ChunkedArray, type_: pa.DataType, found: Kind | None, *, forced: bool
) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_float64(values.type):
        return values
    if found in ("numeric", "boolean"):
        plain_ = values.cast(type_) if pa.types.is_dictionary(values.type) else values
        if pa.types.is_decimal(type_):
            return decimals(plain_)
        return plain_.cast(pa.uint8() if found == "boolean" else pa.float64(), safe=False)
    if forced and pa.types.is_temporal(type_):
        return seconds(values.cast(microseconds(type_), safe=False))
    if forced and found == "categorical":
        words = values.cast(pa.string())
        return words.cast(pa.float64()) if casts(words, pa.float64()) else seconds(from_text(words))
    raise pa.ArrowInvalid(f"{type_} is not numeric")


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Labels as text: whole numbers without a point, booleans as true and false.

    What a value is called depends on nothing but itself.
    """
    if pa.types.is_date(values.type):
        return values.cast(pa.date32()).cast(pa.string())
    if not pa.types.is_integer(values.type):
        values = plain(values)
    if not pa.types.is_floating(values.type):
        return values.cast(pa.string())
    whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2.0**53))
    integers = pc.if_else(whole, values, None).cast(pa.int64())
    return pc.coalesce(integers.cast(pa.string()), values.cast(pa.string()))


def lossless(values: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Cast, or raise ArrowInvalid: also where Arrow itself would turn 2 into true or a number into a time."""
    if pa.types.is_null(values.type):
        return pa.chunked_array([pa.nulls(len(values), type_)])
    if isinstance(values.type, Unread):
        raise pa.ArrowInvalid(f"{values.type} is not read")
    values = plain(values)
    if values.type == type_:
        return values
    if pa.types.is_timestamp(values.type) != pa.types.is_timestamp(type_) and not pa.types.is_string(
        values.type
    ):
        raise pa.ArrowInvalid("a time is not a number")
    if values.type == pa.string() and type_ == MOMENT:
        return from_text(values)
    found = values.cast(type_)
    if pa.types.is_boolean(type_) and kind_of(values.type) == "numeric":
        lost = pc.not_equal(found.cast(values.type), values)
    elif pa.types.is_float32(type_) and pa.types.is_float64(values.type):
        lost = pc.not_equal(pc.is_inf(found), pc.is_inf(values))
    else:
        return found
    if pc.any(lost).as_py():
        raise pa.ArrowInvalid("a value does not fit")
    return found


def _first_misfit(values: pa.ChunkedArray, type_: pa.DataType) -> int:
    """The first row that does not fit, by halving; -1 where the type itself does not."""
    return bisect_left(range(len(values) + 1), True, key=lambda rows: not _fits(values[:rows], type_)) - 1


def _fits(values: pa.ChunkedArray, type_: pa.DataType) -> bool:
    try:
        lossless(values, type_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True

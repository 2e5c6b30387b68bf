"""Arrow types and columns: what kind they are, in which plain type they are kept, to NumPy and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift.records import Kind

MOMENT = pa.timestamp("us", tz="UTC")
"""The type of every time that undrift keeps."""

UNREAD = "unread"
"""What is written down for the type of a column whose values undrift does not understand."""

EXACT_POWER = 22
"""The largest power of ten that is a float without rounding."""


class Unread(pa.ExtensionType):  # type: ignore[misc]
    """The type of a column whose values undrift does not understand: it says what they are and holds none.

    >>> Unread("complex")
    Unread(complex)
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(pa.null(), "undrift.unread")

    def __arrow_ext_serialize__(self) -> bytes:
        """What the values are, for a file."""
        return self.what.encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> Unread:
        """The type as a file has it."""
        return cls(serialized.decode())

    def __hash__(self) -> int:
        return hash((type(self), self.what))

    def __str__(self) -> str:
        return self.what

    def __repr__(self) -> str:
        return f"Unread({self.what})"

    def of(self, rows: int) -> pa.Array:
        """So many rows of such a column."""
        return pa.ExtensionArray.from_storage(self, pa.nulls(rows))


def understood(type_: pa.DataType) -> bool:
    """Whether undrift knows what values of a type mean: numbers, lists of them, truths, text, bytes, times.

    >>> understood(pa.date32()), understood(pa.list_(pa.float32())), understood(pa.list_(pa.string()))
    (True, True, False)
    """
    if is_vector(type_):
        return True
    if pa.types.is_dictionary(type_):
        return understood(type_.value_type)
    if isinstance(type_, pa.BaseExtensionType) or pa.types.is_interval(type_):
        return False
    return not (pa.types.is_nested(type_) or pa.types.is_run_end_encoded(type_))


def is_vector(type_: pa.DataType) -> bool:
    """Whether an Arrow type is a list of numbers, such as an embedding.

    >>> is_vector(pa.list_(pa.float32(), 768)), is_vector(pa.list_(pa.string()))
    (True, False)
    """
    lists = pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
    return bool(lists) and bool(
        pa.types.is_floating(type_.value_type) or pa.types.is_integer(type_.value_type)
    )


def kind_of(type_: pa.DataType) -> Kind | None:
    """How undrift sees an Arrow type; None for what it cannot compare (times, bytes, nested).

    >>> kind_of(pa.int8()), kind_of(pa.string()), kind_of(pa.timestamp("us"))
    ('numeric', 'categorical', None)
    """
    if pa.types.is_dictionary(type_):
        return kind_of(type_.value_type)
    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return "numeric"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return "categorical"
    return None


def plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in a type that every lake can keep: no dictionaries, views, or unsigned integers."""
    nanoseconds = pa.types.is_timestamp(values.type) and values.type.unit == "ns"
    if isinstance(values.type, Unread):
        return values
    narrows = nanoseconds or pa.types.is_uint64(values.type)
    if pa.types.is_decimal(values.type):
        return decimals(values)
    return values.cast(plain_type(values.type), safe=not narrows)


def plain_type(type_: pa.DataType) -> pa.DataType:
    """The lake's type for an Arrow type, wide enough for all but nanoseconds and integers over 2^53."""
    if isinstance(type_, Unread):
        return type_
    if pa.types.is_dictionary(type_):
        return plain_type(type_.value_type)
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    if is_vector(type_):
        return pa.list_(pa.float64())
    if pa.types.is_uint64(type_) or pa.types.is_decimal(type_) or pa.types.is_float16(type_):
        return pa.float64()
    if pa.types.is_unsigned_integer(type_):
        return pa.int64()
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return MOMENT
    if pa.types.is_null(type_):
        return pa.float64()
    if pa.types.is_time(type_):
        return pa.string()
    if pa.types.is_duration(type_):
        return pa.int64()
    if kind_of(type_) is None and "binary" in str(type_):
        return pa.binary()
    return type_


def type_named(name: str) -> pa.DataType:
    """The Arrow type that was written down by name in a schema.

    >>> type_named("timestamp[us, tz=UTC]")
    TimestampType(timestamp[us, tz=UTC])
    """
    if name == str(MOMENT):
        return MOMENT
    if name == str(pa.list_(pa.float64())):
        return pa.list_(pa.float64())
    return {"double": pa.float64(), "float": pa.float32()}.get(name) or pa.type_for_alias(name)


def decimals(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The nearest floats of decimals, as if they were parsed; Arrow's own cast is off in the last digit."""
    if isinstance(values, pa.ChunkedArray):
        return pa.chunked_array([decimals(chunk) for chunk in values.chunks], pa.float64())
    short = pa.types.is_decimal128(values.type) and 0 <= values.type.scale <= EXACT_POWER
    whole = _unscaled(values) if short else None
    if whole is None:
        return values.cast(pa.string()).cast(pa.float64())
    return pc.if_else(values.is_valid(), pa.array(whole / 10.0**values.type.scale), None)


def _unscaled(values: pa.Array) -> NDArray[np.float64] | None:
    """Decimals without their point; None where one is too large to be an exact float."""
    words = np.frombuffer(values.buffers()[1], dtype="<i8").reshape(-1, 2)
    low, high = words[values.offset : values.offset + len(values)].T
    exact = (high == low >> 63) & (low >= -(2**53)) & (low <= 2**53)
    return low.astype(np.float64) if exact.all() else None


def as_numpy(values: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Numbers that are not null as a NumPy array, in place where they are in one piece without nulls.

    Arrow's own ``to_numpy`` imports pandas, which takes longer than reading many a file.
    """
    parts = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    found = [_valid(part) for part in parts if len(part)] or [np.empty(0, np.int64)]
    return found[0] if len(found) == 1 else np.concatenate(found)


def without_views(types: pa.Schema) -> pa.Schema:
    """The same columns with plain text and bytes for views, of which Arrow does not take single rows yet."""
    plain_ = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    return pa.schema([f.with_type(plain_.get(f.type, f.type)) for f in types])


def as_arrow(values: NDArray[Any] | Sequence[str]) -> pa.Array:
    """Numbers, truths or labels as an Arrow array; Arrow's own ``array`` imports pandas.

    >>> as_arrow(["a", "bc"]).to_pylist(), as_arrow(np.array([True, False])).to_pylist()
    (['a', 'bc'], [True, False])
    """
    if isinstance(values, np.ndarray):
        bits = values.dtype == np.bool_
        data = np.packbits(values, bitorder="little") if bits else np.ascontiguousarray(values)
        type_ = pa.bool_() if bits else pa.from_numpy_dtype(values.dtype)
        return pa.Array.from_buffers(type_, len(values), [None, pa.py_buffer(data)])
    encoded = [label.encode() for label in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return pa.LargeStringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


def _valid(values: pa.Array) -> NDArray[Any]:
    validity, numbers = values.buffers()
    bare = pa.Array.from_buffers(values.type, len(values), [None, numbers], 0, values.offset)
    found = np.from_dlpack(bare)
    if not values.null_count:
        return found
    end = values.offset + len(values)
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), count=end, bitorder="little")
    return found[bits[values.offset :].view(np.bool_)]


def predictions(values: NDArray[np.float64]) -> pa.Array:
    """Predictions as a column: numbers, or of shape (rows, classes) a list of numbers for each row.

    >>> predictions(np.array([[0.2, 0.8]])).to_pylist()
    [[0.2, 0.8]]
    """
    if values.ndim == 1:
        return pa.array(values)
    rows, width = values.shape
    ends = pa.array(np.arange(rows + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(ends, pa.array(values.ravel()))


def from_predictions(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """Predictions of a column: (rows,) or (rows, classes); NaN in rows that have none.

    >>> from_predictions(pa.array([[0.2, 0.8], None]))
    array([[0.2, 0.8],
           [nan, nan]])
    """
    if not pa.types.is_list(column.type):
        return np.asarray(column, np.float64)
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    flat = column.flatten().to_numpy(zero_copy_only=False)
    have = column.is_valid().to_numpy(zero_copy_only=False)
    width = len(flat) // max(int(have.sum()), 1)
    values = np.full((len(column), width), np.nan)
    values[have] = flat.reshape(-1, width) if width else 0.0
    return values


def usual_length(values: pa.ChunkedArray) -> int:
    """How many numbers most lists hold; 0 where there is no list.

    >>> usual_length(pa.chunked_array([[[1, 2], None, [3], [4, 5]]]))
    2
    """
    lengths = pc.list_value_length(values).drop_null()
    return int(pc.mode(lengths)[0]["mode"].as_py()) if len(lengths) else 0


def lists(values: pa.Array | pa.ChunkedArray, length: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The lists of so many finite numbers, (rows kept, length), and which rows hold one, (rows,).

    >>> lists(pa.chunked_array([[[1, 2], None, [3], [4, 5]]]), 2)[0].tolist()
    [[1.0, 2.0], [4.0, 5.0]]
    """
    right = pc.equal(pc.list_value_length(values), length).fill_null(False)
    known = np.zeros(len(values), dtype=bool)
    known[as_numpy(pc.indices_nonzero(right)).astype(np.int64)] = True
    numbers = pc.list_flatten(values.filter(right)).cast(pa.float64())
    found = np.asarray(as_numpy(numbers), dtype=np.float64).reshape(-1, length)
    finite = np.isfinite(found).all(axis=1)
    known[known] = finite
    return found[finite], known

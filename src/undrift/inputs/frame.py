"""Frames in memory, through the Arrow stream interface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from undrift.errors import DataError
from undrift.inputs import Rows, in_memory, sliced
from undrift.inputs._spool import spooled
from undrift.inputs._types import spoken

MISFITS = (pa.ArrowException, ValueError, TypeError, OverflowError, OSError)
"""What conversion to Arrow raises."""


def frame(source: Any, text: frozenset[str] = frozenset()) -> Rows:
    """The rows of a pandas, Polars, pyarrow or DuckDB table, a NumPy structured array or a dict of columns.

    A column of mixed types is in nobody's way until it is read; named in ``text``, it is text.

    >>> frame({"x": [1.0, None]}).schema.names
    ['x']
    """
    try:
        return _rows(source, text)
    except MISFITS as error:
        raise DataError(
            f"the table does not convert to Arrow: {_reason(error)}", "Give every column one type."
        ) from error


def _rows(source: Any, text: frozenset[str]) -> Rows:
    if isinstance(source, Rows):
        return source
    if isinstance(source, pa.Table):
        return in_memory(source)
    if isinstance(source, pa.RecordBatch):
        return in_memory(pa.Table.from_batches([source]))
    if isinstance(source, dict):
        return _columns(list(map(str, source)), list(source.values()), text)
    if isinstance(source, np.ndarray) and source.dtype.names:
        names = list(source.dtype.names)
        return _columns(names, [_native(source[name]) for name in names], text)
    package = type(source).__module__.partition(".")[0]
    if package == "pandas" and hasattr(source, "columns"):
        columns = [source.iloc[:, at] for at in range(source.shape[1])]
        return _columns(list(map(str, source.columns)), columns, text)
    if hasattr(source, "__arrow_c_stream__"):
        return _again(source) if package == "polars" else _once(source)
    if hasattr(source, "__arrow_c_array__"):
        return in_memory(pa.Table.from_batches([pa.record_batch(source)]))
    raise DataError(
        f"cannot read rows from {type(source).__name__}",
        "Give a file name, or a pandas, Polars, pyarrow or DuckDB table (collect a lazy one first).",
    )


def _once(source: Any) -> Rows:
    """A stream that may be read only once, such as that of a query that is run for it."""
    reader = pa.RecordBatchReader.from_stream(source)
    return spooled(sliced(reader, None), reader.schema, "the table")


def _again(source: Any) -> Rows:
    """A frame that gives its stream as often as one asks."""

    def reader() -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_stream(source)

    return Rows("the table", reader().schema, lambda columns: sliced(reader(), columns))


def _columns(names: list[str], columns: list[Any], text: frozenset[str]) -> Rows:
    """The rows of columns; those that do not convert are refused by name when they are read.

    The index of a pandas frame is dropped, its NaN becomes null as pandas means it.
    """
    misfits: dict[str, DataError] = {}
    arrays = []
    for name, values in zip(names, columns, strict=True):
        try:
            arrays.append(_column(values, name, text))
        except DataError as error:
            misfits[name] = error
            arrays.append(pa.nulls(len(values)))
    rows = in_memory(pa.table(arrays, names=names))

    def scan(some: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        for name in names if some is None else some:
            if name in misfits:
                raise misfits[name]
        return rows.scan(some)

    return Rows(rows.name, rows.schema, scan) if misfits else rows


def _column(values: Any, name: str, text: frozenset[str]) -> Any:
    """A column as Arrow; raises DataError naming it."""
    try:
        return pa.array(values, from_pandas=type(values).__module__.startswith("pandas"))
    except MISFITS as error:
        if name in text:
            return spoken(values)
        raise DataError(
            f"column {name!r} of the table does not convert to Arrow: {_reason(error)}",
            "Convert it to one type first, or tell its kind: categorical or ignored.",
        ) from error


def _native(values: Any) -> Any:
    """The numbers in the order of bytes of this machine."""
    return values.astype(values.dtype.newbyteorder("="))


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")

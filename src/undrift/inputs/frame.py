"""Frames in memory, through the Arrow stream interface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from undrift.errors import DataError
from undrift.inputs import Rows, in_memory, sliced
from undrift.inputs._spool import spooled

MISFITS = (pa.ArrowException, ValueError, TypeError, OverflowError, OSError)
"""What conversion to Arrow raises."""


def frame(source: Any, text: frozenset[str] = frozenset()) -> Rows:  # noqa: ARG001
    """The rows of a pandas, Polars, pyarrow or DuckDB table, a NumPy structured array or a dict of columns.

    >>> frame({"x": [1.0, None]}).schema.names
    ['x']
    """
    try:
        return _rows(source)
    except MISFITS as error:
        raise DataError(
            f"the table does not convert to Arrow: {_reason(error)}", "Give every column one type."
        ) from error


def _rows(source: Any) -> Rows:
    if isinstance(source, Rows):
        return source
    if isinstance(source, pa.Table):
        return in_memory(source)
    if isinstance(source, pa.RecordBatch):
        return in_memory(pa.Table.from_batches([source]))
    if isinstance(source, dict):
        return in_memory(_table(source))
    if isinstance(source, np.ndarray) and source.dtype.names:
        return in_memory(_table({name: _native(source[name]) for name in source.dtype.names}))
    package = type(source).__module__.partition(".")[0]
    if package == "pandas" and hasattr(source, "columns"):
        return in_memory(_pandas(source))
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


def _table(columns: dict[Any, Any]) -> pa.Table:
    return pa.table(
        [_column(values, str(name)) for name, values in columns.items()], names=list(map(str, columns))
    )


def _pandas(source: Any) -> pa.Table:
    """A pandas frame; its index is dropped, NaN becomes null as pandas means it."""
    names = list(map(str, source.columns))
    columns = [_column(source.iloc[:, at], name) for at, name in enumerate(names)]
    return pa.table(columns, names=names)


def _column(values: Any, name: str) -> Any:
    """A column as Arrow; raises DataError naming it."""
    try:
        return pa.array(values, from_pandas=type(values).__module__.startswith("pandas"))
    except MISFITS as error:
        raise DataError(
            f"column {name!r} of the table does not convert to Arrow: {_reason(error)}",
            "Convert it to one type first.",
        ) from error


def _native(values: Any) -> Any:
    """The numbers in the order of bytes of this machine."""
    return values.astype(values.dtype.newbyteorder("="))


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")

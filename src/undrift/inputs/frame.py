"""Frames in memory, through the Arrow stream interface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from undrift.errors import DataError
from undrift.inputs import Rows, _pandas, in_memory, sliced
from undrift.inputs._objects import MISFITS, column
from undrift.inputs._spool import spooled


def frame(source: Any, text: frozenset[str] = frozenset()) -> Rows:
    """The rows of a pandas, Polars, pyarrow or DuckDB table, a NumPy array or a dict of columns.

    One column alone (a Series, a NumPy vector) is a table of one. A column of numbers and text mixed is text,
    as in a file without types.

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
    if isinstance(source, np.ndarray):
        return _columns(*_of_array(source), text)
    package = type(source).__module__.partition(".")[0]
    if package in ("pandas", "polars") and hasattr(source, "to_frame"):
        source = source.to_frame()
    if package == "pandas" and hasattr(source, "columns"):
        return _pandas.rows(source, text)
    if package == "polars":
        return _polars(source.collect() if hasattr(source, "collect") else source, text)
    if hasattr(source, "__arrow_c_stream__"):
        return _once(source)
    if hasattr(source, "__arrow_c_array__"):
        return in_memory(pa.Table.from_batches([pa.record_batch(source)]))
    raise DataError(
        f"cannot read rows from {type(source).__name__}",
        "Give a file name, or a pandas, Polars, pyarrow or DuckDB table.",
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


def _polars(source: Any, text: frozenset[str]) -> Rows:
    """The rows of a Polars frame; Arrow has no type for Python objects, nor for numbers of 128 bits."""
    types = {name: str(type_) for name, type_ in source.schema.items()}
    odd = {name for name, type_ in types.items() if type_ == "Object" or type_.endswith("128")}
    if not odd:
        return _again(source)
    known = pa.table(source.drop(odd))
    arrays = [column(source[n].to_list(), text=n in text) if n in odd else known[n] for n in types]
    return in_memory(pa.table(arrays, names=list(types)))


def _columns(names: list[str], columns: list[Any], text: frozenset[str]) -> Rows:
    """The rows of columns, each a sequence of any kind."""
    return in_memory(pa.table([_column(v, n in text) for n, v in zip(names, columns, strict=True)], names))


def _column(values: Any, text: bool) -> Any:
    if type(values).__module__.startswith("pandas."):
        return _pandas.as_arrow(values, text)
    if hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
        return pa.chunked_array(values)
    return column(values, text=text)


def _of_array(values: np.ndarray[Any, Any]) -> tuple[list[str], list[Any]]:
    """The columns of a NumPy array, named by their fields or numbered."""
    if names := values.dtype.names:
        return list(names), [_native(values[name]) for name in names]
    if values.ndim not in (1, 2):
        raise DataError(
            f"an array of {values.ndim} dimensions is no table", "Give one of rows and columns, or a frame."
        )
    table = values.reshape(len(values), -1)
    return [str(at) for at in range(table.shape[1])], [_native(part) for part in table.T]


def _native(values: Any) -> Any:
    """The numbers in the order of bytes of this machine."""
    return values.astype(values.dtype.newbyteorder("="))


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")

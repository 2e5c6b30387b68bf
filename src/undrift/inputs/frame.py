"""Frames in memory, through the Arrow stream interface."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from undrift.errors import DataError


def frame(source: Any) -> pa.Table:
    """An Arrow table of a pandas, Polars, pyarrow or DuckDB table, or of a dict of columns.

    >>> frame({"x": [1.0, None]}).num_rows
    2
    """
    try:
        table = _table(source)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        raise DataError(
            f"the table does not convert to Arrow: {error}", "Give every column one type."
        ) from error
    repeated = [name for name, count in Counter(table.column_names).items() if count > 1]
    if repeated:
        raise DataError(f"the table has more than one column {repeated[0]!r}", "Rename or drop one.")
    return table


def _table(source: Any) -> pa.Table:
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if isinstance(source, dict):
        return pa.table(source)
    if type(source).__module__.startswith("pandas"):
        return _pandas(source)
    if hasattr(source, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(source).read_all()
    raise DataError(
        f"cannot read rows from {type(source).__name__}",
        "Give a file name, or a pandas, Polars, pyarrow or DuckDB table.",
    )


def _pandas(source: Any) -> pa.Table:
    """A pandas frame; its index is dropped, NaN becomes null as pandas means it."""
    if not source.columns.is_unique:
        name = source.columns[source.columns.duplicated()][0]
        raise DataError(f"the table has more than one column {name!r}", "Rename or drop one.")
    named = source.rename(columns=str)
    columns = [_pandas_column(named[name], name) for name in named.columns]
    return pa.table(columns, names=list(named.columns))


def _pandas_column(series: Any, name: str) -> pa.Array:
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"column {name!r} of the table mixes types: {error}", "Convert it to one type first."
        ) from error

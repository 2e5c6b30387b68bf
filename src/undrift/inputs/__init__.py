"""Inputs: whatever holds rows becomes one Arrow table.

A part is a function ``(source) -> pyarrow.Table``; ``read`` picks it by what the source is.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undrift.plugins import find

if TYPE_CHECKING:
    import pyarrow as pa


def read(source: Any) -> pa.Table:
    """Rows of a file (CSV, Parquet, Feather, JSON lines) or of a frame, as an Arrow table.

    A frame is anything with ``__arrow_c_stream__``: pandas, Polars, pyarrow, DuckDB.
    Raises DataError naming the file when it cannot be read, is empty or repeats a column name.
    """
    kind = "file" if isinstance(source, str | PathLike) else "frame"
    table: pa.Table = find("inputs", kind)(source)
    return table


def label_of(source: Any) -> str:
    """What to call a source in a message: its file name, or "the table"."""
    return Path(source).name if isinstance(source, str | PathLike) else "the table"

"""Inputs: whatever holds rows becomes a stream of Arrow batches that can be read again.

A part is a function ``(source, text) -> Rows``; ``rows`` picks it by what the source is: ``frame`` for
objects in memory, ``file``, ``folder`` (also a pattern), ``delta`` and ``sql`` for names. The formats
of files are parts of ``inputs.formats``, named by their endings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from undrift.arrow import MOMENT
from undrift.columns import time_formats
from undrift.errors import DataError
from undrift.plugins import find

BATCH = 131_072
"""Rows of a batch at most: small enough for the processor's caches, large enough to count fast."""

CELLS = 1 << 23
"""Values of a batch at most, where it has many columns."""

Scan = Callable[[Sequence[str] | None], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Rows:
    """A stream of rows that can be read again.

    ``scan(columns)`` starts at the first row each time and gives batches of these columns (all for
    None) of at most ``batch_rows`` rows, in the types of ``schema``; text may come dictionary-encoded.
    """

    name: str
    schema: pa.Schema
    scan: Scan

    def __post_init__(self) -> None:
        """Raise DataError when two columns have one name."""
        repeated = [name for name, count in Counter(self.schema.names).items() if count > 1]
        if repeated:
            raise DataError(f"{self.name} has more than one column {repeated[0]!r}", "Rename or drop one.")


def rows(source: Any, text: frozenset[str] = frozenset()) -> Rows:
    """The rows of a source, without reading them yet.

    A source is a frame (pandas, Polars, pyarrow, DuckDB, a NumPy structured array, a dict of columns,
    anything with ``__arrow_c_stream__``), or a name: a file (CSV, JSON lines, Parquet, Feather), a
    folder, pattern or list of such, a Delta table (``path@3`` is its version 3), a query
    (``sqlite:///shop.db#select * from t``), each local or as a URI (``s3://…``). Columns named in
    ``text`` are read as text where the format leaves a choice. Raises NotFoundError for a file
    that does not exist, DataError for a source that cannot be read, naming it.

    >>> rows({"x": [1.0, None]}).schema.names
    ['x']
    """
    from undrift.inputs._types import simple

    if isinstance(source, PathLike):
        source = str(source)
    _check_encoding(source)
    found: Rows = simple(find("inputs", _kind(source))(source, text))
    return Rows(found.name, found.schema, partial(_told, found, told)) if (told := _watcher.get()) else found


def batch_rows(columns: int) -> int:
    """Rows of a batch at most that has so many columns.

    >>> batch_rows(10), batch_rows(1500)
    (131072, 5592)
    """
    return min(BATCH, max(CELLS // max(columns, 1), 1))


@contextmanager
def watched(tell: Callable[[str, int], None]) -> Iterator[None]:
    """Within this context, tell a function the name of what is read and the rows of each batch of it."""
    token = _watcher.set(tell)
    try:
        yield
    finally:
        _watcher.reset(token)


_watcher: ContextVar[Callable[[str, int], None] | None] = ContextVar("watcher", default=None)


def _told(
    found: Rows, tell: Callable[[str, int], None], columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    for batch in found.scan(columns):
        yield batch
        tell(found.name, batch.num_rows)


def read(source: Any) -> pa.Table:
    """All rows of a source as one Arrow table; raises DataError as ``rows`` and its scan do."""
    found = rows(source)
    batches = (
        batch if batch.schema.equals(found.schema) else batch.cast(found.schema) for batch in found.scan(None)
    )
    return pa.Table.from_batches(batches, found.schema)


def in_memory(table: pa.Table, name: str = "the table") -> Rows:
    """The rows of an Arrow table."""

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = table if columns is None else table.select(list(columns))
        return iter(chosen.to_batches(max_chunksize=batch_rows(chosen.num_columns)))

    return Rows(name, table.schema, scan)


def numbered(found: Rows, name: str) -> Rows:
    """The same rows with one more column: the place of each, from 0."""

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        begun = 0
        wanted = found.schema.names if columns is None else [n for n in columns if n != name]
        asked = wanted or found.schema.names[:1]
        for batch in found.scan(asked):
            places = pa.array(np.arange(begun, begun + batch.num_rows, dtype=np.int64))
            begun += batch.num_rows
            yield batch.select(wanted).append_column(name, places)

    return Rows(found.name, found.schema.append(pa.field(name, pa.int64())), scan)


def in_time_format(found: Rows, name: str, form: str) -> Rows:
    """The same rows with the times of a column read in a format; its errors name the row."""
    if name not in found.schema.names:
        return found

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        begun = 0
        for batch in found.scan(columns):
            place = batch.schema.get_field_index(name)
            if place >= 0:
                values = pa.chunked_array([batch.column(place)])
                times = time_formats.read(values, form, name, found.name, begun).combine_chunks()
                batch = batch.set_column(place, name, times)  # noqa: PLW2901
            begun += batch.num_rows
            yield batch

    place = found.schema.get_field_index(name)
    return Rows(found.name, found.schema.set(place, pa.field(name, MOMENT)), scan)


def sliced(batches: Iterable[pa.RecordBatch], columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    """These columns (all for None) of the batches, cut where a batch is too large."""
    for batch in batches:
        chosen = batch if columns is None else batch.select(list(columns))
        most = batch_rows(chosen.num_columns)
        for start in range(0, batch.num_rows, most):
            yield chosen.slice(start, most)


def _check_encoding(source: Any) -> None:
    """Raise DataError for a file whose name is not text: nothing could read it, store it or print it."""
    for name in source if isinstance(source, list) else [source]:
        if isinstance(name, str) and not name.isascii() and any("\ud800" <= c <= "\udfff" for c in name):
            raise DataError(f"the file name {name!a} is not UTF-8", "Rename the file.")


def label_of(source: Any) -> str:
    """What to call a source in a message: its file name, or "the table"."""
    from undrift.inputs._places import shown

    if isinstance(source, list) and source and isinstance(source[0], str | PathLike):
        return several(source)
    if not isinstance(source, str | PathLike):
        return "the table"
    url, mark, query = str(source).partition("#")
    return (
        shown(query or url)
        if mark and "://" in url
        else Path(url.partition("?")[0] if "://" in url else str(source)).name
    )


def several(names: Sequence[str | PathLike[str]]) -> str:
    """What to call a list of sources: the first one, and how many more there are."""
    first = label_of(names[0])
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _kind(source: Any) -> str:
    """The part that reads a source."""
    from undrift.inputs import _places, delta

    if isinstance(source, list) and source and all(isinstance(name, str | PathLike) for name in source):
        return "folder"
    if not isinstance(source, str):
        return "frame"
    if "://" in source and "#" in source:
        return "sql"
    if delta.is_table(source):
        return "delta"
    return "folder" if _places.is_pattern(source) or _places.is_folder(source) else "file"

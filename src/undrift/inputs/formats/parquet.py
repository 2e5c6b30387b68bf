"""Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from undrift.inputs import Rows, batch_rows

PAGES = 1 << 20
"""Bytes of a column read at a time; without this all of a group of rows would be held in memory."""

HELD = 1 << 27
"""Bytes of all columns read at a time."""


def parquet(name: str, opened: Callable[[], pa.NativeFile], text: frozenset[str]) -> Rows:  # noqa: ARG001
    """The rows of a Parquet file; text comes dictionary-encoded, as the file has it.

    Pages that carry a checksum are held against it. On object storage a group of rows is fetched at a
    time, for there waiting costs more than memory.
    """
    with pq.ParquetFile(opened()) as file:
        schema = file.schema_arrow
    words = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = schema.names if columns is None else list(columns)
        far = "://" in name
        pages = min(PAGES, HELD // max(len(chosen), 1))
        how = {"pre_buffer": far, "buffer_size": 0 if far else pages, "page_checksum_verification": True}
        most = batch_rows(len(chosen))
        with pq.ParquetFile(opened(), read_dictionary=words, **how) as file:
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(batch_size=most, columns=chosen, row_groups=[group]):
                    yield batch.select(chosen)

    return Rows(name, schema, scan)

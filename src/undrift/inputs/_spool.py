"""Batches that come only once, kept so that they can be read again."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain, pairwise

import pyarrow as pa

from undrift.inputs import Rows, in_memory, sliced
from undrift.inputs._types import cast, joined

HELD = 128 << 20
"""Bytes held in memory; what is more goes to a temporary file without a name, which nobody has to delete."""


def spooled(batches: Iterable[pa.RecordBatch], schema: pa.Schema, name: str) -> Rows:
    """The rows of batches that come only once, in bounded memory.

    Later batches may have wider types than the schema, which is that of the first one.
    """
    stream = iter(batches)
    held, size = [], 0
    for batch in stream:
        held.append(batch)
        size += batch.nbytes
        if size > HELD:
            return _on_disk(chain(held, stream), schema, name)
    agreed = reduce(lambda one, batch: joined(one, batch.schema), held, schema)
    return in_memory(pa.Table.from_batches([cast(batch, agreed) for batch in held], agreed), name)


def _on_disk(batches: Iterable[pa.RecordBatch], schema: pa.Schema, name: str) -> Rows:
    """The rows in a file: each batch by itself, for its types may be its own."""
    ends = [0]
    with tempfile.TemporaryFile() as file:
        for batch in batches:
            schema = joined(schema, batch.schema)
            with pa.ipc.new_stream(file, batch.schema) as writer:
                writer.write_batch(batch)
            ends.append(file.tell())
        file.flush()
        kept = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = pa.schema([schema.field(n) for n in (schema.names if columns is None else columns)])
        for start, end in pairwise(ends):
            for batch in sliced(pa.ipc.open_stream(kept.slice(start, end - start)), chosen.names):
                yield cast(batch, chosen)

    return Rows(name, schema, scan)

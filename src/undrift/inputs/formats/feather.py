"""Feather, the Arrow file format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from undrift.inputs import Rows, sliced


def feather(name: str, opened: Callable[[], pa.NativeFile], text: frozenset[str]) -> Rows:  # noqa: ARG001
    """The rows of a Feather file, batch by batch.

    The file is not mapped into memory: one that shrinks meanwhile would end the process.
    """
    with pa.ipc.open_file(opened()) as file:
        schema = file.schema

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = schema.names if columns is None else list(columns)
        with pa.ipc.open_file(opened()) as file:
            places = sorted(file.schema.get_field_index(name) for name in chosen)
        with pa.ipc.open_file(opened(), options=pa.ipc.IpcReadOptions(included_fields=places)) as file:
            yield from sliced(map(file.get_batch, range(file.num_record_batches)), chosen)

    return Rows(name, schema, scan)

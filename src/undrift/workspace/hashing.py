"""The hash of what a table holds."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from undrift.arrow import plain


def content_hash(table: pa.Table) -> str:
    """The sha256 of a table's names, types and values, however it is chunked."""
    kept = pa.table([plain(c) for c in table.columns], names=table.column_names)
    sink = _Hashed()
    with pa.PythonFile(sink, mode="w") as stream, pa.ipc.new_stream(stream, kept.schema) as writer:
        writer.write_table(kept.combine_chunks())
    return sink.sha256.hexdigest()


class _Hashed:
    """A file that keeps nothing of what is written but its hash."""

    closed = False

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Add to the hash."""
        self.sha256.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""
        self.closed = True

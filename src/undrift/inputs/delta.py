"""Delta tables, as they are or as they were at a version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from undrift.errors import DataError
from undrift.inputs import Rows, batch_rows
from undrift.inputs._places import shown

FOREIGN = "delta+"
"""What stands before the URI of a Delta table on object storage."""


def delta(source: str, text: frozenset[str] = frozenset()) -> Rows:  # noqa: ARG001
    """The rows of a Delta table: ``path``, ``path@3`` for version 3, ``delta+s3://…`` on object storage.

    Raises DataError when there is no such table or version, or when files of it are lost.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    path, version = _versioned(source.removeprefix(FOREIGN))
    try:
        dataset = DeltaTable(path, version=version).to_pyarrow_dataset()
    except (DeltaError, pa.ArrowException, OSError, OverflowError, ValueError) as error:
        raise _unreadable(source, error, "Check path and version.") from error

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = None if columns is None else list(columns)
        try:
            most = batch_rows(len(dataset.schema if chosen is None else chosen))
            yield from dataset.to_batches(columns=chosen, batch_size=most)
        except (DeltaError, pa.ArrowException, OSError) as error:
            raise _unreadable(source, error, "Check that no file of the table is lost.") from error

    return Rows(shown(source), dataset.schema, scan)


def is_table(source: str) -> bool:
    """Whether a name is that of a Delta table, at a version or not."""
    return source.startswith(FOREIGN) or _lies_at(source) or _lies_at(_versioned(source)[0])


def _versioned(source: str) -> tuple[str, int | None]:
    """The path of a table, and its version where one is named."""
    path, at, version = source.rpartition("@")
    numbered = at and version.isdecimal() and not _lies_at(source)
    return (path, int(version)) if numbered else (source, None)


def _lies_at(path: str) -> bool:
    try:
        return (Path(path) / "_delta_log").is_dir()
    except (OSError, ValueError):  # no name that a file could have
        return False


def _unreadable(source: str, error: Exception, remedy: str) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"{shown(source)} cannot be read: {shown(reason.rstrip('. '))}", remedy)

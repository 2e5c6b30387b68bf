"""A lake of Delta tables, in a folder or on object storage."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from undrift.errors import BusyError, ConfigError, DataError, UndriftError
from undrift.lakes import WINDOW, Lake, TableName
from undrift.redaction import redacted

COMPACT_EVERY = 16
"""Commits after which small files are put together and a checkpoint is written, so that reading stays
fast. The files of older versions stay, so every snapshot can still be read."""

SMALL, LARGE = 2**18, 2**26
"""Bytes of the files that are made of the newest ones, and the most that any are made of others: each row is
written again a few times only, however long the table gets."""


GROUPS = WriterProperties(max_row_group_size=65_536)
"""Rows of a group in a file: a writer keeps one in memory, a reader skips those of other windows."""

SETTINGS: dict[str, str | None] = {"delta.enableExpiredLogCleanup": "false"}
"""Without this, a checkpoint deletes the log of versions older than 30 days, and the snapshots of older
models could no longer be read."""


SCHEMES = ("file", "s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "hdfs")
"""What a uri with a scheme may begin with."""


REFUSES = ("403", "401", "AccessDenied", "Forbidden", "Permission denied", "Read-only")
SILENT = ("Generic S3 error", "Generic GCS error", "Generic MicrosoftAzure error", "error sending request")
FULL = ("No space left", "Disk quota")
"""By what words storage says that it refuses, does not answer, or is full."""

LONGEST = 200
"""Characters of a message that are shown."""


class Delta:
    """Rows, predictions and labels as one Delta table each under ``uri``.

    Callers append under the workspace's lease: Delta records batch ids but does not enforce them.
    """

    def __init__(self, uri: str, options: dict[str, str] | None = None) -> None:
        scheme, separator, _ = uri.partition("://")
        if separator and scheme not in SCHEMES:
            raise ConfigError(
                f"lake.uri = {redacted(uri)!r}: a lake cannot be kept there",
                "Give a folder, or object storage: s3://…, gs://…, az://….",
            )
        self.uri = uri.rstrip("/")
        self.options = options
        self._open: dict[str, DeltaTable] = {}
        self._fresh: set[str] | None = None

    def append(self, table: TableName, rows: pa.Table, batch: str) -> bool:
        """Append rows under a batch id; False, and nothing changed, if that batch is there."""
        with self._answering():
            self._check_writable()
            return self._append(table, rows, batch)

    def _append(self, table: TableName, rows: pa.Table, batch: str) -> bool:
        delta = self._table(table)
        if delta is not None and delta.transaction_version(batch) is not None:
            return False
        if delta is not None:
            _check(pa.schema(delta.schema().to_arrow()), rows.schema, table)
        write_deltalake(
            delta if delta is not None else f"{self.uri}/{table}",
            rows,
            mode="append",
            commit_properties=CommitProperties(app_transactions=[Transaction(batch, 1)]),
            configuration=None if delta is not None else SETTINGS,
            storage_options=self.options,
            writer_properties=GROUPS,
        )
        if delta is not None and delta.version() % COMPACT_EVERY == 0:
            delta.optimize.compact(target_size=_target(delta.version()), writer_properties=GROUPS)
            delta.create_checkpoint()
        return True

    def read(
        self,
        table: TableName,
        first: int | None = None,
        last: int | None = None,
        columns: list[str] | None = None,
        version: int | None = None,
    ) -> pa.Table | None:
        """Rows of the windows first..last (all without them); None if the table does not exist."""
        with self._answering():
            return self._read(table, first, last, columns, version)

    def _read(
        self,
        table: TableName,
        first: int | None,
        last: int | None,
        columns: list[str] | None,
        version: int | None,
    ) -> pa.Table | None:
        delta = self._table(table) if version is None else self._at(table, version)
        if delta is None:
            return None
        filters: list[tuple[str, str, Any]] = []
        if first is not None:
            filters.append((WINDOW, ">=", first))
        if last is not None:
            filters.append((WINDOW, "<=", last))
        found = delta.to_pyarrow_table(columns=columns, filters=filters or None)
        return found.cast(pa.schema([_settled(field) for field in found.schema]))

    @contextmanager
    def held(self) -> Iterator[None]:
        """While this lasts nobody else appends: the log of each table is looked at once."""
        self._fresh = set()
        try:
            yield
        finally:
            self._fresh = None

    def versions(self) -> dict[str, int]:
        """The present version number of every table that exists."""
        with self._answering():
            tables = {name: self._table(name) for name in ("rows", "predictions", "labels")}
        return {name: delta.version() for name, delta in tables.items() if delta is not None}

    def _check_writable(self) -> None:
        """Raise UndriftError for a folder that cannot be written, where deltalake would panic."""
        if "://" in self.uri:
            return
        for folder in (Path(self.uri), *Path(self.uri).parents):
            if folder.exists():
                if not (folder.is_dir() and os.access(folder, os.W_OK)):
                    raise UndriftError(
                        f"the lake {self.uri} cannot be written",
                        f"Make {folder} a folder that you may write.",
                    )
                return

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Raise our errors for those of storage: try again later, make room, restore it."""
        lake = f"the lake {redacted(self.uri)}"
        try:
            yield
        except CommitFailedError as error:
            raise BusyError(f"another process wrote to {lake}", "Run the step again.") from error
        except (DeltaError, pa.ArrowException, OSError, IndexError) as error:
            cause = _first_words(str(error))
            if any(word in cause for word in REFUSES):
                raise UndriftError(
                    f"{lake} refuses: {cause}", "Check the credentials, or make it writable."
                ) from error
            if any(word in cause for word in SILENT):
                raise BusyError(f"{lake} does not answer: {cause}", "Try again later.") from error
            if any(word in cause for word in FULL):
                raise UndriftError(f"{lake} is full: {cause}", "Make room and run it again.") from error
            raise UndriftError(f"{lake} is damaged: {cause}", "Restore it from a backup.") from error

    def _table(self, name: str) -> DeltaTable | None:
        if name not in self._open:
            uri = f"{self.uri}/{name}"
            if not DeltaTable.is_deltatable(uri, self.options):
                return None
            self._open[name] = DeltaTable(uri, storage_options=self.options)
        if self._fresh is None or name not in self._fresh:
            self._open[name].update_incremental()
        if self._fresh is not None:
            self._fresh.add(name)
        return self._open[name]

    def _at(self, name: str, version: int) -> DeltaTable:
        return DeltaTable(f"{self.uri}/{name}", version=version, storage_options=self.options)


def _target(version: int) -> int:
    """Bytes of the files that are put together at a version: of larger ones at ever rarer versions.

    >>> _target(16), _target(32), _target(256), _target(16**3), _target(16**9)
    (262144, 262144, 4194304, 67108864, 67108864)
    """
    size = SMALL
    while version and version % COMPACT_EVERY**2 == 0 and size < LARGE:
        version, size = version // COMPACT_EVERY, size * COMPACT_EVERY
    return min(size, LARGE)


def _first_words(message: str) -> str:
    """What a message of storage says, without colours, stack traces and arrows."""
    lines = (re.sub(r"\x1b\[[0-9;]*m|↳", "", line).strip() for line in message.splitlines())
    said = ": ".join(line for line in lines if line and not re.match(r"\d+: |at ", line))
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}…"


def _check(there: pa.Schema, given: pa.Schema, table: str) -> None:
    """An append with another schema would be cast in silence: 1.5 would become 1."""
    want = [(f.name, _settled(f).type) for f in there]
    have = [(f.name, f.type) for f in given]
    if want != have:
        odd = next((pair for pair in zip(want, have, strict=False) if pair[0] != pair[1]), (want, have))
        raise DataError(f"table {table!r} holds {odd[0]}, the batch {odd[1]}", "Conform the batch first.")


def _settled(field: pa.Field) -> pa.Field:
    """The field with the type of text or of lists that the rest of undrift uses."""
    if pa.types.is_large_string(field.type) or pa.types.is_string_view(field.type):
        return pa.field(field.name, pa.string())
    if pa.types.is_list(field.type):
        return pa.field(field.name, pa.list_(field.type.value_type))
    return pa.field(field.name, field.type)


_: type[Lake] = Delta

"""A lake of Delta tables, in a folder or on object storage."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from undrift.errors import DataError
from undrift.lakes import WINDOW, Lake, TableName

COMPACT_EVERY = 16
"""Commits after which small files are put together and a checkpoint is written, so that reading stays
fast. The files of older versions stay, so every snapshot can still be read."""


SETTINGS: dict[str, str | None] = {"delta.enableExpiredLogCleanup": "false"}
"""Without this, a checkpoint deletes the log of versions older than 30 days, and the snapshots of older
models could no longer be read."""


class Delta:
    """Rows, predictions and labels as one Delta table each under ``uri``.

    Callers append under the workspace's lease: Delta records batch ids but does not enforce them.
    """

    def __init__(self, uri: str, options: dict[str, str] | None = None) -> None:
        self.uri = uri.rstrip("/")
        self.options = options
        self._open: dict[str, DeltaTable] = {}

    def append(self, table: TableName, rows: pa.Table, batch: str) -> bool:
        """Append rows under a batch id; False, and nothing changed, if that batch is there."""
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
        )
        if delta is not None and delta.version() % COMPACT_EVERY == 0:
            delta.optimize.compact()
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

    def versions(self) -> dict[str, int]:
        """The present version number of every table that exists."""
        tables = {name: self._table(name) for name in ("rows", "predictions", "labels")}
        return {name: delta.version() for name, delta in tables.items() if delta is not None}

    def _table(self, name: str) -> DeltaTable | None:
        if name not in self._open:
            uri = f"{self.uri}/{name}"
            if not DeltaTable.is_deltatable(uri, self.options):
                return None
            self._open[name] = DeltaTable(uri, storage_options=self.options)
        self._open[name].update_incremental()
        return self._open[name]

    def _at(self, name: str, version: int) -> DeltaTable:
        return DeltaTable(f"{self.uri}/{name}", version=version, storage_options=self.options)


def _check(there: pa.Schema, given: pa.Schema, table: str) -> None:
    """An append with another schema would be cast in silence: 1.5 would become 1."""
    want = [(f.name, _settled(f).type) for f in there]
    have = [(f.name, f.type) for f in given]
    if want != have:
        odd = next((pair for pair in zip(want, have, strict=False) if pair[0] != pair[1]), (want, have))
        raise DataError(f"table {table!r} holds {odd[0]}, the batch {odd[1]}", "Conform the batch first.")


def _settled(field: pa.Field) -> pa.Field:
    """The field with the string type that the rest of undrift uses."""
    if pa.types.is_large_string(field.type) or pa.types.is_string_view(field.type):
        return pa.field(field.name, pa.string())
    return pa.field(field.name, field.type)


_: type[Lake] = Delta

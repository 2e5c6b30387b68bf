"""A lake in memory, for tests, examples and replays that need no files."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import pyarrow as pa
import pyarrow.compute as pc

from undrift.errors import DataError
from undrift.lakes import WINDOW, Lake, TableName


class Memory:
    """Keeps every version of every table; nothing survives the process."""

    def __init__(self) -> None:
        self._tables: dict[str, list[pa.Table]] = {}
        self._batches: set[tuple[str, str]] = set()

    def append(self, table: TableName, rows: pa.Table, batch: str) -> bool:
        """Append rows under a batch id; False, and nothing changed, if that batch is there."""
        if (table, batch) in self._batches:
            return False
        kept = self._tables.setdefault(table, [])
        if kept and not kept[-1].schema.equals(rows.schema):
            raise DataError(f"the batch does not have the schema of table {table!r}", "Conform it first.")
        kept.append(pa.concat_tables([kept[-1], rows]) if kept else rows)
        self._batches.add((table, batch))
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
        if table not in self._tables:
            return None
        rows = self._tables[table][-1 if version is None else version]
        if first is not None:
            rows = rows.filter(pc.greater_equal(rows[WINDOW], first))
        if last is not None:
            rows = rows.filter(pc.less_equal(rows[WINDOW], last))
        return rows.select(columns) if columns else rows

    def held(self) -> AbstractContextManager[None]:
        """Nobody else appends ever."""
        return nullcontext()

    def versions(self) -> dict[str, int]:
        """The present version number of every table that exists."""
        return {name: len(kept) - 1 for name, kept in self._tables.items()}


_: type[Lake] = Memory

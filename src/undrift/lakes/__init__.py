"""Lakes: the append-only tables of rows, predictions and labels.

Every table has the lake's own columns: ``_undrift_window`` (int64) everywhere, ``_undrift_id``,
``_undrift_time``, ``_undrift_order`` and ``_undrift_batch`` on rows, the last two on labels too. A
batch is appended once, whatever is retried.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal, Protocol

import pyarrow as pa

TableName = Literal["rows", "predictions", "labels"]

ID, TIME, WINDOW, ORDER = "_undrift_id", "_undrift_time", "_undrift_window", "_undrift_order"
BATCH = "_undrift_batch"
LABEL, PREDICTION, VERSION = "label", "prediction", "version"


class Lake(Protocol):
    """What a lake can do. An append is durable when the call returns."""

    def append(self, table: TableName, rows: pa.Table, batch: str) -> bool:
        """Append rows under a batch id; False, and nothing changed, if that batch is there.

        Raises DataError when the schema is not exactly that of the table.
        """

    def read(
        self,
        table: TableName,
        first: int | None = None,
        last: int | None = None,
        columns: list[str] | None = None,
        version: int | None = None,
    ) -> pa.Table | None:
        """Rows of the windows first..last (all without them); None if the table does not exist."""

    def held(self) -> AbstractContextManager[None]:
        """While this lasts nobody else appends, so that nothing needs to be looked up anew."""

    def versions(self) -> dict[str, int]:
        """The present version number of every table that exists."""

"""A delivery, read against what was agreed on: rows, ids, event times, labels and predictions.

Everything is read in the order of the file, so that an error names the file's own rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import schema as agreed
from undrift import tasks
from undrift.columns import calendar, time_formats
from undrift.columns.kinds import as_text, cast
from undrift.columns.time_formats import counted
from undrift.errors import DataError
from undrift.records import Schema
from undrift.words.phrases import count

AHEAD = timedelta(days=1)
"""How far in the future an event time may lie: time zones and clocks differ, calendars do not."""

MOST_UNSEEN = 20
"""Classes that nobody agreed on, of which a delivery's record counts the labels."""

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Event times before this are what empty fields were turned into, such as 0001-01-01."""


@dataclass(frozen=True)
class Given:
    """A delivery as it was read, one entry per row: nothing of it is kept yet."""

    rows: pa.Table
    ids: pa.Array
    times: NDArray[np.int64] | None
    labels: pa.Array | None
    predictions: NDArray[np.float64] | None
    order: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def in_time_order(self) -> Given:
        """The same, earliest row first, or by the counter; rows of the same time stay as they came."""
        key = self.order if self.times is None else self.times
        if key is None or np.all(key[1:] >= key[:-1]):
            return self
        return self.only(np.argsort(key, kind="stable"))

    def only(self, places: NDArray[np.int64]) -> Given:
        """The rows at these places, in this order."""
        if len(places) == len(self) and np.array_equal(places, np.arange(len(self))):
            return self
        return Given(
            self.rows.take(places),
            self.ids.take(pa.array(places)),
            None if self.times is None else self.times[places],
            None if self.labels is None else self.labels.take(pa.array(places)),
            None if self.predictions is None else self.predictions[places],
            None if self.order is None else self.order[places],
        )


def read(table: pa.Table, schema: Schema, batch: str, source: str, now: datetime) -> Given:
    """Read a delivery; raises DataError, with the row, for whatever does not fit."""
    table = _with_moments(table, schema, source)
    rows = agreed.conform(calendar.with_features(table, schema, source), schema, source)
    _require_weights(rows, schema, source)
    return Given(
        rows=rows,
        ids=_numbered(batch, rows.num_rows) if schema.id is None else ids_of(rows, schema, source),
        times=_times(rows, schema, source, now),
        labels=labels_of(table, schema, source),
        predictions=_predictions(table, schema, source),
        order=None if schema.order is None else counted(rows[schema.order], schema.order, source),
    )


def ids_of(table: pa.Table, schema: Schema, source: str) -> pa.Array:
    """The id of every row as text; raises DataError for a row without one, and for one that is not alone."""
    name = schema.id or ""
    ids = as_text(table[name]).combine_chunks()
    if ids.null_count:
        raise DataError(
            f"id column {name!r} of {source} has {ids.null_count} nulls", "Every row needs an id."
        )
    twice = [id_ for id_, n in Counter(ids.to_pylist()).items() if n > 1]
    if twice:
        raise DataError(
            f"id column {name!r} of {source} holds {twice[0]!r} more than once",
            "Ids must be unique: drop the duplicates, or leave out data.id.",
        )
    return ids


def labels_of(table: pa.Table, schema: Schema, source: str) -> pa.Array | None:
    """The label of every row as float64, null where it has none; None without a target column."""
    if schema.target is None or schema.target not in table.column_names:
        return None
    return agreed.labels(table[schema.target], schema, source).combine_chunks()


def later(times: NDArray[np.int64] | None, moment: datetime) -> int:
    """How many event times (microseconds, UTC) lie after a moment."""
    return 0 if times is None else int(np.sum(times > _micros(moment)))


def newest(times: NDArray[np.int64] | None, upto: datetime | None = None) -> datetime | None:
    """The newest event time (microseconds, UTC), of those up to a moment where one is given."""
    if times is not None and upto is not None:
        times = times[times <= _micros(upto)]
    if times is None or not len(times):
        return None
    return datetime.fromtimestamp(int(times.max()) / 1_000_000, UTC)


def _numbered(batch: str, rows: int) -> pa.Array:
    """Ids for rows that have none of their own."""
    short = hashlib.sha256(batch.encode()).hexdigest()[:16]
    return pa.array([f"{short}:{i}" for i in range(rows)], pa.string())


def _with_moments(table: pa.Table, schema: Schema, source: str) -> pa.Table:
    """The table with a time column in ISO 8601 as times; other formats are kept as they are written."""
    name = schema.time
    if name is None or name not in table.column_names or schema.time_format != "iso" or not table.num_rows:
        return table
    return table.set_column(
        table.column_names.index(name), name, time_formats.read(table[name], "iso", name, source)
    )


def _times(rows: pa.Table, schema: Schema, source: str, now: datetime) -> NDArray[np.int64] | None:
    """The event time of every row, in microseconds (UTC)."""
    name = schema.time
    if name is None:
        return None
    column = time_formats.read(rows[name], schema.time_format, name, source)
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py() + 1
        raise DataError(
            f"time column {name!r} of {source} has no value in {count(column.null_count, 'row')}, first in "
            f"row {row:,}",
            "Fill it, or drop the rows.",
        )
    times = np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
    if later(times, now + AHEAD):
        raise DataError(
            f"{source} has rows of the future: {name!r} goes up to {_written(times.max())} UTC",
            "Correct the clock or the time zone of whatever wrote it.",
        )
    early = np.flatnonzero(times < _micros(EARLIEST))
    if len(early):
        raise DataError(
            f"{source} has times before {EARLIEST:%Y} in {len(early):,} of {len(times):,} rows: {name!r} is "
            f"{_written(times[early[0]])} in row {early[0] + 1:,}",
            "Such a time stands for none at all: give the true one, or drop the row.",
        )
    return times


def unseen_of(table: pa.Table, schema: Schema) -> dict[str, int]:
    """How many labels are of each class that none of the agreed ones is, those with most rows first."""
    if schema.target is None or schema.target not in table.column_names or not schema.classes:
        return {}
    text = as_text(table[schema.target]).drop_null()
    other = text.filter(pc.invert(pc.is_in(text, pa.array(list(schema.classes)))))
    counts = sorted(other.value_counts().to_pylist(), key=lambda one: (-one["counts"], one["values"]))
    return {one["values"]: one["counts"] for one in counts[:MOST_UNSEEN]}


def _require_weights(rows: pa.Table, schema: Schema, source: str) -> None:
    """Raise DataError for a row whose weight is no number above 0."""
    if schema.weight is None:
        return
    values = cast(rows[schema.weight], pa.float64(), schema.weight, source)
    fits = pc.fill_null(pc.and_(pc.is_finite(values), pc.greater(values, 0)), False)
    if not pc.all(fits).as_py():
        row = pc.index(fits, False).as_py()
        raise DataError(
            f"weight {schema.weight!r} of {source} is {values[row].as_py()} in row {row + 1:,}",
            "Every row needs a finite number above 0.",
        )


def _predictions(table: pa.Table, schema: Schema, source: str) -> NDArray[np.float64] | None:
    """The prediction that came with every row."""
    name = schema.prediction
    if name is None:
        return None
    if name not in table.column_names:
        raise DataError(f"{source} has no column {name!r}", "It should hold the model's predictions.")
    return tasks.named(schema.task).logged(table[name], name, schema.classes, source)


def _micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _written(micros: int) -> str:
    """A time as text, also where it lies outside the years that Python knows."""
    return str(np.datetime64(int(micros), "us").astype("datetime64[m]")).replace("T", " ")

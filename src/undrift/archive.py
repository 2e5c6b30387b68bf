"""The archive: batches come in, are cut into windows and kept; labelled rows come out again."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import schema as agreed
from undrift.errors import DataError, NotFoundError
from undrift.lakes import BATCH, ID, LABEL, ORDER, PREDICTION, TIME, VERSION, WINDOW, Lake
from undrift.records import Batch, Schema, Selection, Service, Snapshot, Window
from undrift.stores import Store
from undrift.windows import Cut, spanning

FOREIGN = 0
"""The version number of a model that undrift does not hold, whose predictions come with the rows."""

UNKNOWN = int(np.iinfo(np.int64).min)
"""The window of a row that nobody has seen; windows before 1970 have negative indices of their own."""

REMEMBERED = 4
"""Windows whose rows are kept in memory."""

AHEAD = timedelta(days=1)
"""How far in the future an event time may lie: time zones and clocks differ, calendars do not."""


@dataclass(frozen=True)
class Labelled:
    """Rows with their labels, in the order in which they came: all of the same length."""

    rows: pa.Table
    labels: NDArray[np.float64]
    ids: NDArray[np.object_]
    times: NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Archive:
    """Rows, labels and predictions of one stream, by window."""

    schema: Schema
    store: Store
    lake: Lake
    cut: Cut
    _remembered: dict[tuple[int, int, int], pa.Table] = field(default_factory=dict, repr=False)

    def add(self, table: pa.Table, source: str, batch: str | None = None, *, history: bool = False) -> Batch:
        """Keep a batch of rows, and the labels and predictions that came with them.

        The batch id is the content's hash unless given; a batch that is already kept is returned as
        it was. Raises DataError when the batch does not fit the schema; then nothing is kept.
        """
        batch = batch or content_hash(table)
        known = self.store.get(Batch, batch)
        if known:
            return known
        rows = agreed.conform(table, self.schema, source)
        beside = agreed.extra(table, self.schema)
        times = self._times(rows, source)
        order = np.argsort(times, kind="stable") if times is not None else np.arange(rows.num_rows)
        table, rows = table.take(order), rows.take(order)
        times = times[order] if times is not None else None
        before = sum(b.rows for b in self.batches())
        windows = self.cut.indices(times, before, rows.num_rows, self._next_window(), first=history)
        ids = self._ids(rows, batch, source)
        labels = self._labels(table, source)
        predictions = self._predictions(table, source)
        repeated = self._repeated(ids, windows)
        fresh = repeated == UNKNOWN
        windows = np.where(fresh, windows, repeated)
        kept = _stamped(rows, ids, times, windows, before, batch).filter(pa.array(fresh))
        if not self.lake.append("rows", kept, batch):
            windows[fresh] = self._windows_kept(batch)
        labelled = self._append_labels(ids, labels, windows, batch) if labels is not None else {}
        if predictions is not None:
            self._append_predictions(ids, windows, {FOREIGN: predictions}, batch)
        settled = self._history_end() if (newest := self._settled()) is None else newest
        record = Batch(
            id=batch,
            rows=int(fresh.sum()),
            before=before,
            windows=_tally(windows[fresh]),
            labels=labelled,
            latest=_moment(times),
            history=history,
            extra=beside,
            late=0 if history else int(np.sum(windows[fresh] <= settled)),
            repeated=int((~fresh).sum()),
        )
        self.store.put(batch, record)
        return record

    def label(self, table: pa.Table, source: str, batch: str | None = None) -> Batch:
        """Keep labels that arrived after their rows, found again by id; the newest label of a row counts.

        Raises DataError without an id column, or when a label fits neither number nor classes.
        """
        id_, target = self.schema.id, self.schema.target
        if id_ is None or target is None:
            raise DataError(
                "late labels need data.target and data.id in undrift.toml", "Or deliver labels with the rows."
            )
        batch = batch or "labels-" + content_hash(table)
        known = self.store.get(Batch, batch)
        if known:
            return known
        for name in (id_, target):
            if name not in table.column_names:
                raise DataError(f"{source} has no column {name!r}", f"Labels need {id_!r} and {target!r}.")
        ids = self._ids_of(table, source)
        labels = self._labels(table, source)
        windows = self._windows_of(ids)
        found = windows != UNKNOWN
        if not found.all():  # those that wait for their rows may be delivered again
            batch = f"{batch}:{int(found.sum())}"
            if (known := self.store.get(Batch, batch)) is not None:
                return known
        labelled = (
            self._append_labels(
                ids.filter(pa.array(found)), labels.filter(pa.array(found)), windows[found], batch
            )
            if labels is not None and found.any()
            else {}
        )
        record = Batch(batch, 0, 0, labels=labelled, unknown=int((~found).sum()))
        self.store.put(batch, record)
        return record

    def batches(self) -> list[Batch]:
        """All deliveries, oldest first."""
        return self.store.all(Batch)

    def windows(self, *, history: bool = False) -> list[Window]:
        """The windows of production (or of the history that the first model was trained on), in order.

        A window that the history reaches into belongs to the history, whatever comes for it later: the
        first model has seen rows of it.
        """
        totals: Counter[int] = Counter()
        for batch in self.batches():
            totals.update({int(i): n for i, n in batch.windows.items()})
        last = self._history_end()
        own = {i: n for i, n in totals.items() if (i <= last) == history}
        return [self.cut.window(index, rows) for index, rows in sorted(own.items())]

    def _history_end(self) -> int:
        """The last window that the history reaches into."""
        return max((int(i) for b in self.batches() if b.history for i in b.windows), default=-(2**62))

    def coverage(self) -> dict[int, float]:
        """The share of each window's rows that has a label, at most 1, by window index."""
        rows: Counter[int] = Counter()
        labels: Counter[int] = Counter()
        for batch in self.batches():
            rows.update({int(i): n for i, n in batch.windows.items()})
            labels.update({int(i): n for i, n in batch.labels.items()})
        return {index: min(1.0, labels[index] / count) for index, count in rows.items()}

    def watermark(self) -> datetime | None:
        """The newest event time seen."""
        return max((b.latest for b in self.batches() if b.latest), default=None)

    def rows(self, first: int, last: int) -> pa.Table:
        """All rows of the windows first..last, with the lake's own columns, as they came.

        Rows of a batch that was killed before it was recorded stay out until it is delivered again.

        A single window is asked for several times in a row, so the newest few are remembered.
        """
        if first != last:
            return self._read_rows(first, last)
        key = (first, self.lake.versions()["rows"], len(self.batches()))
        if key not in self._remembered:
            for old in list(self._remembered)[: -(REMEMBERED - 1)]:
                del self._remembered[old]
            self._remembered[key] = self._read_rows(first, last)
        return self._remembered[key]

    def _read_rows(self, first: int, last: int) -> pa.Table:
        found = self.lake.read("rows", first, last)
        if found is not None:
            found = self._recorded(found)
        if found is None or found.num_rows == 0:
            raise NotFoundError(
                f"the lake holds no rows of the windows {first} to {last}", "Deliver them again."
            )
        return found.sort_by([(ORDER, "ascending"), (BATCH, "ascending")])

    def labelled_in(self, windows: Sequence[Window]) -> Labelled:
        """Labelled rows of exactly these windows, and of none between them."""
        return self.labelled(spanning(windows), {w.index for w in windows})

    def labelled(self, selection: Selection, only: set[int] | None = None) -> Labelled:
        """Rows of a selection that have a label; the newest label of a row counts."""
        rows = self.rows(selection.first, selection.last)
        if only is not None:
            rows = rows.filter(pc.is_in(rows[WINDOW], pa.array(sorted(only), pa.int64())))
        labels = self._newest_labels(selection)
        ids = rows[ID].to_pylist()
        values = np.array([labels.get(id_, np.nan) for id_ in ids], dtype=np.float64)
        have = ~np.isnan(values)
        rows = rows.filter(pa.array(have))
        times = None if self.schema.time is None else rows[TIME].cast(pa.int64()).to_numpy()
        return Labelled(rows, values[have], rows[ID].to_numpy(zero_copy_only=False), times)

    def ids(self, selections: Sequence[Selection]) -> list[set[str]]:
        """Ids of all rows of each selection, read in one go."""
        if not selections:
            return []
        first, last = min(s.first for s in selections), max(s.last for s in selections)
        found = self._read_rows(first, last)
        ids, windows = found[ID].to_numpy(), found[WINDOW].to_numpy()
        return [set(ids[(windows >= s.first) & (windows <= s.last)]) for s in selections]

    def snapshot(self, selection: Selection, data: Labelled) -> Snapshot:
        """What the rows of a selection were exactly: table versions, count and hash."""
        body = data.rows.append_column(LABEL, pa.array(data.labels))
        return Snapshot(selection, self.lake.versions(), len(data), content_hash(body))

    def predictions(self, window: int) -> dict[int, dict[str, float]]:
        """The predictions that were logged for one window: by version, then by row id."""
        found = self.lake.read("predictions", window, window)
        logged: dict[int, dict[str, float]] = defaultdict(dict)
        if found is not None:
            columns = (found[c].to_pylist() for c in (VERSION, ID, PREDICTION))
            for number, id_, value in zip(*columns, strict=True):
                logged[number][id_] = value
        return logged

    def predicted(self, window: Window, rows: pa.Table, values: dict[int, NDArray[np.float64]]) -> None:
        """Keep the predictions of one or more versions for all rows of a window."""
        column = rows[ID].combine_chunks()
        windows = np.full(len(column), window.index, dtype=np.int64)
        self._append_predictions(column, windows, values, f"predict-{window.key}")

    def _times(self, rows: pa.Table, source: str) -> NDArray[np.int64] | None:
        name = self.schema.time
        if name is None:
            return None
        column = rows[name]
        if not pa.types.is_timestamp(column.type):
            raise DataError(f"time column {name!r} of {source} is {column.type}", "Write times in ISO 8601.")
        if column.null_count:
            raise DataError(
                f"time column {name!r} of {source} has {column.null_count} nulls", "Fill or drop them."
            )
        times = np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
        limit = datetime.now(UTC) + AHEAD
        if times.max() > limit.timestamp() * 1_000_000:
            raise DataError(
                f"{source} has rows of the future: {name!r} goes up to {_moment(times):%Y-%m-%d %H:%M} UTC",
                "Correct the clock or the time zone of whatever wrote it.",
            )
        return times

    def _ids(self, rows: pa.Table, batch: str, source: str) -> pa.Array:
        if self.schema.id is None:
            short = hashlib.sha256(batch.encode()).hexdigest()[:16]
            return pa.array([f"{short}:{i}" for i in range(rows.num_rows)])
        return self._ids_of(rows, source)

    def _ids_of(self, table: pa.Table, source: str) -> pa.Array:
        name = self.schema.id or ""
        ids = _text(table[name])
        if ids.null_count:
            raise DataError(
                f"id column {name!r} of {source} has {ids.null_count} nulls", "Every row needs an id."
            )
        twice = [id_ for id_, n in Counter(ids.to_pylist()).items() if n > 1]
        if twice:
            raise DataError(
                f"id column {name!r} of {source} holds {twice[0]!r} more than once",
                "Ids name rows: drop the duplicates, or leave out data.id.",
            )
        return ids

    def _labels(self, table: pa.Table, source: str) -> pa.Array | None:
        target = self.schema.target
        if target is None or target not in table.column_names:
            return None
        return agreed.labels(table[target], self.schema, source).combine_chunks()

    def _predictions(self, table: pa.Table, source: str) -> NDArray[np.float64] | None:
        name = self.schema.prediction
        if name is None:
            return None
        if name not in table.column_names:
            raise DataError(f"{source} has no column {name!r}", "It should hold the model's predictions.")
        column = agreed.cast(table[name], pa.float64(), name, source)
        values = column.to_numpy()
        outside = self.schema.task == "binary" and ((values < 0) | (values > 1)).any()
        if column.null_count or not np.isfinite(values).all() or outside:
            wanted = "a probability from 0 to 1" if self.schema.task == "binary" else "a finite number"
            raise DataError(f"prediction column {name!r} of {source}", f"Every row needs {wanted}.")
        return np.asarray(values, dtype=np.float64)

    def _append_labels(
        self, ids: pa.Array, labels: pa.Array, windows: NDArray[np.int64], batch: str
    ) -> dict[str, int]:
        have = labels.is_valid().to_numpy(zero_copy_only=False)
        if not have.any():
            return {}
        order = len(self.batches()) * np.ones(int(have.sum()), dtype=np.int64)
        ids, labels, windows = ids.filter(have), labels.filter(have), windows[have]
        before = self._newest_labels(Selection(int(windows.min()), int(windows.max())))
        first = np.array([id_ not in before for id_ in ids.to_pylist()])
        table = pa.table({ID: ids, LABEL: labels, WINDOW: windows, ORDER: order, BATCH: [batch] * len(ids)})
        self.lake.append("labels", table, batch)
        return _tally(windows[first])

    def _append_predictions(
        self, ids: pa.Array, windows: NDArray[np.int64], values: dict[int, NDArray[np.float64]], batch: str
    ) -> None:
        parts = [
            pa.table({ID: ids, WINDOW: windows, VERSION: np.full(len(ids), number), PREDICTION: found})
            for number, found in values.items()
        ]
        self.lake.append("predictions", pa.concat_tables(parts), batch)

    def _newest_labels(self, selection: Selection) -> dict[str, float]:
        found = self.lake.read("labels", selection.first, selection.last)
        if found is None:
            return {}
        ordered = self._recorded(found).sort_by(ORDER)
        return dict(zip(ordered[ID].to_pylist(), ordered[LABEL].to_pylist(), strict=True))

    def _windows_of(self, ids: pa.Array) -> NDArray[np.int64]:
        """The window of each row id, or UNKNOWN; looked for among unlabelled windows first."""
        pending = [index for index, share in self.coverage().items() if share < 1]
        wanted = ids.to_pylist()
        where = self._known_windows(min(pending), None) if pending else {}
        if any(id_ not in where for id_ in wanted):
            where = self._known_windows(None, None)
        return np.array([where.get(id_, UNKNOWN) for id_ in wanted], dtype=np.int64)

    def _repeated(self, ids: pa.Array, windows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The window in which a row already stands, UNKNOWN for new ones; without ids all are new."""
        if self.schema.id is None:
            return np.full(len(ids), UNKNOWN, dtype=np.int64)
        around = (int(windows.min()), int(windows.max())) if self.cut.length else (None, None)
        known = self._known_windows(*around)
        return np.array([known.get(id_, UNKNOWN) for id_ in ids.to_pylist()], dtype=np.int64)

    def _known_windows(self, first: int | None, last: int | None) -> dict[str, int]:
        """The window of every recorded row of the windows first..last, by id."""
        found = self.lake.read("rows", first, last, [ID, WINDOW, BATCH])
        if found is None:
            return {}
        found = self._recorded(found)
        return dict(zip(found[ID].to_pylist(), found[WINDOW].to_pylist(), strict=True))

    def _recorded(self, rows: pa.Table) -> pa.Table:
        """Only the rows of batches that were recorded."""
        recorded = pa.array([b.id for b in self.batches()], pa.string())
        return rows.filter(pc.is_in(rows[BATCH], recorded))

    def _windows_kept(self, batch: str) -> NDArray[np.int64]:
        """The windows of the rows of a batch that was appended by a process that died before recording it."""
        found = self.lake.read("rows", None, None, [WINDOW, ORDER, BATCH])
        if found is None:
            raise NotFoundError(f"the lake holds no rows of batch {batch[:12]}", "Restore the lake.")
        return np.asarray(found.filter(pc.equal(found[BATCH], batch)).sort_by(ORDER)[WINDOW].to_numpy())

    def _next_window(self) -> int:
        return max((int(i) for b in self.batches() for i in b.windows), default=-1) + 1

    def _settled(self) -> int | None:
        return max((s.index for s in self.store.all(Service)), default=None)


def content_hash(table: pa.Table) -> str:
    """The sha256 of a table's names, types and values, however it is chunked."""
    plain = pa.table([agreed.plain(c) for c in table.columns], names=table.column_names)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_table(plain.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _stamped(
    rows: pa.Table,
    ids: pa.Array,
    times: NDArray[np.int64] | None,
    windows: NDArray[np.int64],
    before: int,
    batch: str,
) -> pa.Table:
    """Rows with the lake's own columns."""
    own = {
        ID: ids,
        TIME: pa.nulls(len(ids), agreed.MOMENT) if times is None else pa.array(times).cast(agreed.MOMENT),
        WINDOW: pa.array(windows),
        ORDER: pa.array(before + np.arange(len(ids), dtype=np.int64)),
        BATCH: pa.array([batch] * len(ids), pa.string()),
    }
    for name, values in own.items():
        rows = rows.append_column(name, values)
    return rows


def _tally(windows: NDArray[np.int64]) -> dict[str, int]:
    indices, counts = np.unique(windows, return_counts=True)
    return {str(i): int(n) for i, n in zip(indices, counts, strict=True)}


def _moment(times: NDArray[np.int64] | None) -> Any:
    return None if times is None else datetime.fromtimestamp(int(times.max()) / 1_000_000, UTC)


def _text(values: pa.ChunkedArray) -> pa.Array:
    return agreed.as_text(values).combine_chunks()

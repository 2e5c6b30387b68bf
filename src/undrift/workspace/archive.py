"""The archive: rows, labels and predictions on record, given out by window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import tasks
from undrift.arrow import predictions
from undrift.errors import DataError, NotFoundError
from undrift.lakes import BATCH, ID, LABEL, ORDER, PREDICTION, TIME, VERSION, WINDOW, Lake, TableName
from undrift.records import Batch, Schema, Selection, Service, Snapshot, Window
from undrift.stores import Store
from undrift.windows import Cut, spanning, weights
from undrift.workspace.deliveries import Deliveries, on_record
from undrift.workspace.hashing import content_hash

FOREIGN = 0
"""The version number of a model that undrift does not hold, whose predictions come with the rows."""

REMEMBERED = 4
"""Windows whose rows are kept in memory."""


def utc_now() -> datetime:
    """What the machine's clock says."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Labelled:
    """Rows with their labels, in the order in which they came: all of the same length."""

    rows: pa.Table
    labels: NDArray[np.float64]
    times: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None = None

    def only(self, chosen: NDArray[np.bool_]) -> Labelled:
        """The rows under a mask (rows,)."""
        if chosen.all():
            return self
        return Labelled(
            self.rows.filter(pa.array(chosen)),
            self.labels[chosen],
            None if self.times is None else self.times[chosen],
            None if self.weights is None else self.weights[chosen],
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def ids(self) -> pa.ChunkedArray:
        """The id of every row."""
        return self.rows[ID]


@dataclass
class Totals:
    """What deliveries add up to: rows and labels by window index, and where the history ends.

    ``cut`` holds the windows of the history and those of production, None until they are asked for.
    """

    batches: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    labels: Counter[int] = field(default_factory=Counter)
    history_end: int = -(2**62)
    cut: tuple[list[Window], list[Window]] | None = None

    def add(self, batch: Batch) -> None:
        """Count one more delivery."""
        self.batches += 1
        self.cut = None
        self.rows.update({int(index): n for index, n in batch.windows.items()})
        self.labels.update({int(index): n for index, n in batch.labels.items()})
        if batch.history:
            self.history_end = max([self.history_end, *map(int, batch.windows)])


@dataclass
class Archive:
    """Rows, labels and predictions of one stream, by window; ``clock`` says what time it is (UTC)."""

    schema: Schema
    store: Store
    lake: Lake
    cut: Cut
    clock: Callable[[], datetime] = utc_now
    _counted: Totals = field(default_factory=Totals, repr=False)
    _remembered: dict[tuple[int, int | None, int], pa.Table] = field(default_factory=dict, repr=False)

    @cached_property
    def deliveries(self) -> Deliveries:
        """What the lake holds of the deliveries on record."""
        return Deliveries(self.store, self.lake)

    def batches(self) -> list[Batch]:
        """All deliveries, oldest first."""
        return self.store.all(Batch)

    def windows(self, *, history: bool = False) -> list[Window]:
        """The windows of production (or of the history that the first model was trained on), in order.

        A window that the history reaches into belongs to the history, whatever comes for it later: the
        first model has seen rows of it.
        """
        totals = self._totals()
        if totals.cut is None:
            cut = [self.cut.window(index, rows) for index, rows in sorted(totals.rows.items())]
            older = [window for window in cut if window.index <= totals.history_end]
            totals.cut = (older, cut[len(older) :])
        return list(totals.cut[0 if history else 1])

    def history_end(self) -> int:
        """The last window that the history reaches into."""
        return self._totals().history_end

    def coverage(self) -> dict[int, float]:
        """The share of each window's rows that has a label, at most 1, by window index."""
        totals = self._totals()
        return {index: min(1.0, totals.labels[index] / count) for index, count in totals.rows.items()}

    def labelled_rows(self) -> Counter[int]:
        """How many rows of each window have a label, by window index."""
        return self._totals().labels

    def is_new(self, table: TableName, window: int) -> bool:
        """Whether nothing of a window is on record in a table yet."""
        if table == "predictions":
            return self.schema.prediction is None and window > self.settled()
        return window not in (self._totals().rows if table == "rows" else self._totals().labels)

    def _totals(self) -> Totals:
        """What all deliveries add up to, as far as they are on record."""
        batches = self.batches()
        if len(batches) != self._counted.batches:
            for batch in batches[self._counted.batches :]:
                self._counted.add(batch)
        return self._counted

    def watermark(self) -> datetime | None:
        """The newest event time seen; rows ahead of the clock count once it has reached them."""
        now = self.clock()
        seen = [moment for b in self.batches() for moment in (b.latest, b.furthest)]
        return max((moment for moment in seen if moment is not None and moment <= now), default=None)

    def rows(self, first: int, last: int) -> pa.Table:
        """All rows of the windows first..last, with the lake's own columns, as they came.

        Rows of a batch that was killed before it was recorded stay out until it is delivered again.

        A single window is asked for several times in a row, so the newest few are remembered.
        """
        if first != last:
            return self._read_rows(first, last)
        key = (first, self.lake.versions().get("rows"), len(self.batches()))
        if key not in self._remembered:
            for old in list(self._remembered)[: -(REMEMBERED - 1)]:
                del self._remembered[old]
            self._remembered[key] = self._read_rows(first, last)
        return self._remembered[key]

    def _read_rows(
        self, first: int, last: int, version: int | None = None, upto: int | None = None
    ) -> pa.Table:
        found = self.lake.read("rows", first, last, None, version)
        if found is not None:
            found = self.deliveries.of(found, upto)
        if found is None or found.num_rows == 0:
            raise NotFoundError(
                f"the lake holds no rows of the windows {first} to {last}", "Deliver them again."
            )
        order = found[ORDER].to_numpy()
        in_order = bool(np.all(order[1:] > order[:-1]))
        return found if in_order else found.sort_by([(ORDER, "ascending"), (BATCH, "ascending")])

    def labelled_in(self, windows: Sequence[Window]) -> Labelled:
        """Labelled rows of exactly these windows, and of none between them."""
        return self.labelled(spanning(windows), {w.index for w in windows})

    def labelled(self, selection: Selection, only: set[int] | None = None) -> Labelled:
        """Rows of a selection that have a label; the newest label of a row counts."""
        rows = _weighing(self.rows(selection.first, selection.last), selection)
        if only is not None:
            rows = rows.filter(pc.is_in(rows[WINDOW], pa.array(sorted(only), pa.int64())))
        return self._with_labels(rows, self.deliveries.labels(selection.first, selection.last))

    def as_of(self, snapshot: Snapshot) -> Labelled:
        """The labelled rows that a version was trained on, as they were then, whatever came since.

        Raises DataError when they are not those that the snapshot's hash names.
        """
        first, last = snapshot.selection.first, snapshot.selection.last
        upto = snapshot.batches or None
        every = self._read_rows(first, last, snapshot.tables.get("rows"), upto)
        rows = _weighing(every, snapshot.selection)
        found = self._with_labels(
            rows, self.deliveries.labels(first, last, snapshot.tables.get("labels"), upto)
        )
        if self.snapshot(snapshot.selection, found).sha256 != snapshot.sha256:
            raise DataError(
                f"the rows of the windows {first} to {last} are not those that were trained on",
                "Restore the lake from a backup.",
            )
        return found

    def _with_labels(self, rows: pa.Table, labels: pa.Table) -> Labelled:
        """Those of some rows that have a label."""
        values = on_record(rows[ID], labels)
        have = ~np.isnan(values)
        rows = rows if have.all() else rows.filter(pa.array(have))
        times = None if self.schema.time is None else rows[TIME].cast(pa.int64()).to_numpy()
        return Labelled(rows, values[have], times, self.weighed(rows))

    def weighed(self, rows: pa.Table) -> NDArray[np.float64] | None:
        """How much each row counts; None where all count alike."""
        weight = self.schema.weight
        return None if weight is None else rows[weight].cast(pa.float64()).to_numpy()

    def ids(self, selections: Sequence[Selection], among: pa.ChunkedArray) -> list[set[str]]:
        """Which of some ids belong to rows of each selection; the rows are read in one go."""
        if not selections:
            return []
        first, last = min(s.first for s in selections), max(s.last for s in selections)
        found = self.lake.read("rows", first, last, [ID, WINDOW, BATCH])
        if found is None:
            return [set() for _ in selections]
        found = self.deliveries.of(found.filter(pc.is_in(found[ID], among.combine_chunks())))
        ids, windows = found[ID].to_numpy(), found[WINDOW].to_numpy()
        return [set(ids[(windows >= s.first) & (windows <= s.last)]) for s in selections]

    def snapshot(self, selection: Selection, data: Labelled) -> Snapshot:
        """What the rows of a selection were exactly: table versions, count and hash."""
        body = data.rows.append_column(LABEL, pa.array(data.labels))
        tables = self.lake.versions()
        return Snapshot(selection, tables, len(data), content_hash(body), len(self.batches()))

    def predictions(self, number: int, window: int) -> pa.Table:
        """Id and prediction of every row of a window for which what a version said was logged."""
        found = self.lake.read("predictions", window, window)
        if found is None:
            return pa.table({ID: pa.array([], pa.string()), PREDICTION: predictions(self.unsaid(0))})
        return found.filter(pc.equal(found[VERSION], number)).select([ID, PREDICTION])

    def unsaid(self, rows: int) -> NDArray[np.float64]:
        """Room for predictions of so many rows."""
        return np.full(tasks.named(self.schema.task).shape(rows, self.schema.classes), np.nan)

    def said(self, number: int, ids: pa.ChunkedArray, windows: Iterable[int]) -> NDArray[np.float64]:
        """What a version said about each of these rows of some windows, as it was logged.

        Raises DataError when the prediction of any of them is missing.
        """
        logged = pa.concat_tables([self.predictions(number, window) for window in windows])
        missing = ids.filter(pc.invert(pc.is_in(ids, logged[ID].combine_chunks())))
        if len(missing):
            raise DataError(
                f"the lake has no prediction of v{number} for {len(missing):,} of {len(ids):,} rows, "
                f"such as {missing[0].as_py()!r}",
                "Restore the lake from a backup.",
            )
        return on_record(ids, logged)

    def predicted(
        self, window: Window, rows: pa.Table, values: dict[int, NDArray[np.float64]], name: str = ""
    ) -> None:
        """Keep the predictions of one or more versions for rows of a window; late ones under a ``name``."""
        column = rows[ID].combine_chunks()
        windows = np.full(len(column), window.index, dtype=np.int64)
        self.append_predictions(column, windows, values, f"predict-{window.key}{name}")

    def append_predictions(
        self, ids: pa.Array, windows: NDArray[np.int64], values: dict[int, NDArray[np.float64]], batch: str
    ) -> None:
        """Keep what versions said about rows of some windows, once under the name of a batch."""
        parts = [
            pa.table(
                {ID: ids, WINDOW: windows, VERSION: np.full(len(ids), number), PREDICTION: predictions(found)}
            )
            for number, found in values.items()
        ]
        self.lake.append("predictions", pa.concat_tables(parts), batch)

    def next_window(self) -> int:
        """The first index after all windows."""
        return max(self._totals().rows, default=-1) + 1

    def settled(self) -> int:
        """The last window that was predicted, or else the end of the history."""
        return max((s.index for s in self.store.all(Service)), default=self.history_end())


def _weighing(rows: pa.Table, selection: Selection) -> pa.Table:
    """The rows of a selection that weigh anything."""
    found = weights(selection, rows[WINDOW].to_numpy()) if selection.weights else None
    return rows if found is None else rows.filter(pa.array(found > 0))

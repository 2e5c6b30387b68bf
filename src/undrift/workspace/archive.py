"""The archive: batches come in, are cut into windows and kept; labelled rows come out again."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import schema as agreed
from undrift.arrow import MOMENT, plain
from undrift.errors import DataError, NotFoundError
from undrift.lakes import BATCH, ID, LABEL, ORDER, PREDICTION, TIME, VERSION, WINDOW, Lake, TableName
from undrift.records import Batch, Schema, Selection, Service, Snapshot, Window
from undrift.stores import Store
from undrift.windows import Cut, spanning
from undrift.workspace.deliveries import UNKNOWN, Deliveries, names, tally
from undrift.workspace.reading import Given, ids_of, labels_of, later, newest, read

FOREIGN = 0
"""The version number of a model that undrift does not hold, whose predictions come with the rows."""

REMEMBERED = 4
"""Windows whose rows are kept in memory."""

MANY = 30
"""Labels from which on it is said that all of them are of one class."""


def utc_now() -> datetime:
    """What the machine's clock says."""
    return datetime.now(UTC)


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
class News:
    """The labels of a delivery beside those on record: what is new, what differs, what is the same."""

    ids: pa.Array
    labels: pa.Array
    windows: NDArray[np.int64]
    before: NDArray[np.float64]

    @property
    def new(self) -> dict[str, int]:
        """Labels of rows that had none, by window index."""
        return tally(self.windows[np.isnan(self.before)])

    @property
    def corrected(self) -> dict[str, int]:
        """Labels that differ from those on record, by window index."""
        return tally(self.windows[~np.isnan(self.before) & (self.before != self.labels.to_numpy())])

    @property
    def same(self) -> int:
        """Labels that were on record."""
        return int(np.sum(self.before == self.labels.to_numpy()))

    def __bool__(self) -> bool:
        return self.same < len(self.ids)


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


@dataclass(frozen=True)
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

    def add(self, table: pa.Table, source: str, batch: str | None = None, *, history: bool = False) -> Batch:
        """Keep a batch of rows, and the labels and predictions that came with them.

        The batch id is the content's hash unless given; a batch that is already kept is returned as
        it was, unless its labels contradict those on record. A row whose id is on record stays as it
        was; its labels are taken in. Raises DataError when the batch does not fit the schema; then
        nothing is kept.
        """
        told, batch = batch, batch or content_hash(table)
        known = self.store.get(Batch, batch)
        if known and (told or self.schema.id is None or not self._contradicts(table, source)):
            return known
        given = read(table, self.schema, batch, source, self.clock()).in_time_order()
        before = sum(b.rows for b in self.batches())
        windows = self.deliveries.windows(given.ids) if self.schema.id else _unknown(given.ids)
        fresh = windows == UNKNOWN
        own = given.only(np.flatnonzero(fresh))
        cut = self.cut.indices(own.times, before, len(own), self._next_window(), first=history)
        windows[fresh] = cut
        batch = self._free(batch)
        kept = _stamped(own, cut, before)
        news = self._news(given.ids, given.labels, windows)
        name = self.deliveries.append(batch, {"rows": kept, "labels": self._labels(news)})
        if own.predictions is not None and len(own):
            self._append_predictions(own.ids, cut, {FOREIGN: own.predictions}, name)
        now = self.clock()
        ahead = later(own.times, now)
        completing = 0 if history else self._completing(own, cut)
        record = Batch(
            id=batch,
            rows=len(own),
            before=before,
            windows=tally(cut),
            labels=news.new,
            latest=newest(own.times, upto=now),
            history=history,
            extra=agreed.extra(table, self.schema),
            late=0 if history else int(np.sum(cut <= self._settled())) - completing,
            completing=completing,
            repeated=len(given) - len(own),
            corrected=news.corrected,
            same=news.same,
            retimed=self._retimed(given, windows, ~fresh),
            ahead=ahead,
            furthest=newest(own.times) if ahead else None,
            one_class=self._one_class(given.labels),
            kept_as="" if name == batch else name,
        )
        self.deliveries.record(record, kept)
        return record

    def label(self, table: pa.Table, source: str, batch: str | None = None) -> Batch:
        """Keep labels that arrived after their rows, found again by id; the newest label of a row counts.

        Labels that contradict those on record are corrections. A delivery that says nothing new is not
        recorded again. Raises DataError without an id column, or when a label fits neither number nor
        classes.
        """
        id_, target = self.schema.id, self.schema.target
        if id_ is None or target is None:
            raise DataError(
                "late labels need data.target and data.id in undrift.toml", "Or deliver labels with the rows."
            )
        told, batch = batch, batch or "labels-" + content_hash(table)
        known = self.store.get(Batch, batch)
        if known and told and not known.unknown:
            return known
        for name in (id_, target):
            if name not in table.column_names:
                raise DataError(f"{source} has no column {name!r}", f"Labels need {id_!r} and {target!r}.")
        ids = ids_of(table, self.schema, source)
        labels = labels_of(table, self.schema, source)
        windows = self.deliveries.windows(ids)
        news = self._news(ids, labels, windows)
        record = Batch(
            id=self._free(batch) if news or not known else batch,
            rows=0,
            before=0,
            labels=news.new,
            unknown=int(np.sum(windows == UNKNOWN)),
            corrected=news.corrected,
            same=news.same,
            one_class=self._one_class(labels),
        )
        if news or not known:
            name = self.deliveries.append(record.id, {"labels": self._labels(news)})
            self.store.put(record.id, replace(record, kept_as="" if name == record.id else name))
        return record

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

    def _history_end(self) -> int:
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
            return self.schema.prediction is None and window > self._settled()
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
        return found.sort_by([(ORDER, "ascending"), (BATCH, "ascending")])

    def labelled_in(self, windows: Sequence[Window]) -> Labelled:
        """Labelled rows of exactly these windows, and of none between them."""
        return self.labelled(spanning(windows), {w.index for w in windows})

    def labelled(self, selection: Selection, only: set[int] | None = None) -> Labelled:
        """Rows of a selection that have a label; the newest label of a row counts."""
        rows = self.rows(selection.first, selection.last)
        if only is not None:
            rows = rows.filter(pc.is_in(rows[WINDOW], pa.array(sorted(only), pa.int64())))
        return self._with_labels(rows, self.deliveries.labels(selection.first, selection.last))

    def as_of(self, snapshot: Snapshot) -> Labelled:
        """The labelled rows that a version was trained on, as they were then, whatever came since.

        Raises DataError when they are not those that the snapshot's hash names.
        """
        first, last = snapshot.selection.first, snapshot.selection.last
        upto = snapshot.batches or None
        rows = self._read_rows(first, last, snapshot.tables.get("rows"), upto)
        found = self._with_labels(
            rows, self.deliveries.labels(first, last, snapshot.tables.get("labels"), upto)
        )
        if self.snapshot(snapshot.selection, found).sha256 != snapshot.sha256:
            raise DataError(
                f"the rows of the windows {first} to {last} are not those that were trained on",
                "Restore the lake from a backup.",
            )
        return found

    def _with_labels(self, rows: pa.Table, labels: dict[str, float]) -> Labelled:
        """Those of some rows that have a label."""
        values = np.array([labels.get(id_, np.nan) for id_ in rows[ID].to_pylist()], dtype=np.float64)
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
        tables = self.lake.versions()
        return Snapshot(selection, tables, len(data), content_hash(body), len(self.batches()))

    def predictions(self, window: int) -> dict[int, dict[str, float]]:
        """The predictions that were logged for one window: by version, then by row id."""
        found = self.lake.read("predictions", window, window)
        logged: dict[int, dict[str, float]] = defaultdict(dict)
        if found is not None:
            columns = (found[c].to_pylist() for c in (VERSION, ID, PREDICTION))
            for number, id_, value in zip(*columns, strict=True):
                logged[number][id_] = value
        return logged

    def said(self, number: int, ids: Iterable[str], windows: Iterable[int]) -> NDArray[np.float64]:
        """What a version said about each of these rows of some windows, as it was logged.

        Raises DataError when the prediction of any of them is missing.
        """
        tables = [self.lake.read("predictions", window, window) for window in windows]
        own = [t.filter(pc.equal(t[VERSION], number)) for t in tables if t is not None]
        wanted = pa.array(ids, pa.string())
        logged = (
            pa.concat_tables(own)
            if own
            else pa.table({ID: wanted[:0], PREDICTION: pa.array([], pa.float64())})
        )
        place = pc.index_in(wanted, logged[ID].combine_chunks())
        if place.null_count:
            missing = wanted.filter(place.is_null())
            raise DataError(
                f"the lake has no prediction of v{number} for {len(missing):,} of {len(wanted):,} rows, "
                f"such as {missing[0].as_py()!r}",
                "Restore the lake from a backup.",
            )
        return np.asarray(logged[PREDICTION].take(place).to_numpy(), dtype=np.float64)

    def predicted(
        self, window: Window, rows: pa.Table, values: dict[int, NDArray[np.float64]], name: str = ""
    ) -> None:
        """Keep the predictions of one or more versions for rows of a window; late ones under a ``name``."""
        column = rows[ID].combine_chunks()
        windows = np.full(len(column), window.index, dtype=np.int64)
        self._append_predictions(column, windows, values, f"predict-{window.key}{name}")

    def _contradicts(self, table: pa.Table, source: str) -> bool:
        """Whether a batch that came before has labels that are not those on record now."""
        labels = labels_of(table, self.schema, source)
        if labels is None:
            return False
        ids = ids_of(table, self.schema, source)
        return bool(self._news(ids, labels, self.deliveries.windows(ids)))

    def _news(self, ids: pa.Array, labels: pa.Array | None, windows: NDArray[np.int64]) -> News:
        """The labels of rows that are known, beside those on record."""
        if labels is None:
            labels = pa.nulls(len(ids), pa.float64())
        have = labels.is_valid().to_numpy(zero_copy_only=False) & (windows != UNKNOWN)
        ids, labels, windows = ids.filter(pa.array(have)), labels.filter(pa.array(have)), windows[have]
        before = self.deliveries.labels(int(windows.min()), int(windows.max())) if len(ids) else {}
        values = [before.get(id_, np.nan) for id_ in ids.to_pylist()]
        return News(ids, labels, windows, np.array(values, dtype=np.float64))

    def _labels(self, news: News) -> pa.Table:
        """Labels as the lake has them, but for the batch; none where all are on record."""
        order = np.full(len(news.ids), len(self.batches()), dtype=np.int64)
        table = pa.table({ID: news.ids, LABEL: news.labels, WINDOW: news.windows, ORDER: order})
        return table if news else table.slice(0, 0)

    def _append_predictions(
        self, ids: pa.Array, windows: NDArray[np.int64], values: dict[int, NDArray[np.float64]], batch: str
    ) -> None:
        parts = [
            pa.table({ID: ids, WINDOW: windows, VERSION: np.full(len(ids), number), PREDICTION: found})
            for number, found in values.items()
        ]
        self.lake.append("predictions", pa.concat_tables(parts), batch)

    def _free(self, batch: str) -> str:
        """The first id for this content that no delivery has yet."""
        return next(name for name in names(batch) if self.store.get(Batch, name) is None)

    def _retimed(self, given: Given, windows: NDArray[np.int64], repeated: NDArray[np.bool_]) -> int:
        """How many repeated rows came with another event time than the one on record."""
        if given.times is None or not repeated.any():
            return 0
        ids = given.ids.filter(pa.array(repeated))
        kept = self.deliveries.times(ids, windows[repeated])
        told = given.times[repeated].tolist()
        return sum(kept.get(id_) != time for id_, time in zip(ids.to_pylist(), told, strict=True))

    def _one_class(self, labels: pa.Array | None) -> str:
        """The class that all labels of a delivery are of; empty where they differ or are few."""
        if not self.schema.classes or labels is None:
            return ""
        codes = pc.unique(labels.drop_null())
        few = len(labels) - labels.null_count < MANY
        return "" if few or len(codes) > 1 else self.schema.classes[int(codes[0].as_py())]

    def _next_window(self) -> int:
        return max(self._totals().rows, default=-1) + 1

    def _completing(self, own: Given, cut: NDArray[np.int64]) -> int:
        """How many rows are newer than the history, but fall into the window that it ends in."""
        inside = cut <= self._history_end()
        ends = [b.latest for b in self.batches() if b.history and b.latest]
        if own.times is None or not ends:
            return int(np.sum(inside))
        return later(own.times[inside], max(ends))

    def _settled(self) -> int:
        """The last window that was predicted, or else the end of the history."""
        return max((s.index for s in self.store.all(Service)), default=self._history_end())


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


def _stamped(given: Given, windows: NDArray[np.int64], before: int) -> pa.Table:
    """Rows with the lake's own columns, but for the batch; ``before`` rows are on record."""
    times = pa.nulls(len(given), MOMENT) if given.times is None else pa.array(given.times)
    own = {
        ID: given.ids,
        TIME: times.cast(MOMENT),
        WINDOW: pa.array(windows),
        ORDER: pa.array(before + np.arange(len(given), dtype=np.int64)),
    }
    rows = given.rows
    for name, values in own.items():
        rows = rows.append_column(name, values)
    return rows


def _unknown(ids: pa.Array) -> NDArray[np.int64]:
    return np.full(len(ids), UNKNOWN, dtype=np.int64)

"""The intake: deliveries of rows and of labels are held against what is on record, and kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import schema as agreed
from undrift.arrow import MOMENT
from undrift.errors import DataError
from undrift.lakes import ID, LABEL, ORDER, TIME, WINDOW, TableName
from undrift.records import Batch
from undrift.tasks import UNSEEN
from undrift.workspace.archive import FOREIGN, Archive
from undrift.workspace.deliveries import UNKNOWN, names, on_record, tally
from undrift.workspace.hashing import content_hash
from undrift.workspace.reading import Given, ids_of, labels_of, later, newest, read, unseen_of

MANY = 30
"""Labels from which on it is said that all of them are of one class."""


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


@dataclass(frozen=True)
class Delivery:
    """Rows that came, as they stand to those on record.

    ``given`` are all of them, ``windows`` (rows,) those in which they stand, ``fresh`` (rows,) marks those
    whose ids are new: these are ``own``, with their windows ``cut``. ``before`` rows were on record.
    """

    given: Given
    windows: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    own: Given
    cut: NDArray[np.int64]
    news: News
    before: int

    @property
    def kept(self) -> pa.Table:
        """The new rows with the lake's own columns, but for the batch."""
        own, before = self.own, self.before
        times = pa.nulls(len(own), MOMENT) if own.times is None else pa.array(own.times)
        columns = {
            ID: own.ids,
            TIME: times.cast(MOMENT),
            WINDOW: pa.array(self.cut),
            ORDER: pa.array(before + np.arange(len(own), dtype=np.int64)),
        }
        rows = own.rows
        for name, values in columns.items():
            rows = rows.append_column(name, values)
        return rows


@dataclass(frozen=True)
class Intake:
    """Takes deliveries into an archive; each is kept whole or not at all."""

    archive: Archive

    def add(self, table: pa.Table, source: str, batch: str | None = None, *, history: bool = False) -> Batch:
        """Keep a batch of rows, and the labels and predictions that came with them.

        The batch id is the content's hash unless given; a batch that is already kept is returned as
        it was, unless its labels contradict those on record. A row whose id is on record stays as it
        was; its labels are taken in. Raises DataError when the batch does not fit the schema; then
        nothing is kept.
        """
        archive = self.archive
        named, batch = batch, batch or content_hash(table)
        known = archive.store.get(Batch, batch)
        if known and (named or archive.schema.id is None or not self._contradicts(table, source)):
            return known
        given = read(table, archive.schema, batch, source, archive.clock()).in_time_order()
        delivery = self._beside_the_record(given, first=history)
        batch = self._free(batch)
        kept = delivery.kept
        tables: dict[TableName, pa.Table] = {"rows": kept, "labels": self._labels(delivery.news)}
        name = archive.deliveries.append(batch, tables)
        own = delivery.own
        if own.predictions is not None and len(own):
            archive.append_predictions(own.ids, delivery.cut, {FOREIGN: own.predictions}, name)
        record = replace(
            self._record(delivery, batch, history=history),
            extra=agreed.extra(table, archive.schema),
            unseen=unseen_of(table, archive.schema),
            kept_as="" if name == batch else name,
        )
        archive.deliveries.record(record, kept)
        return record

    def label(self, table: pa.Table, source: str, batch: str | None = None) -> Batch:
        """Keep labels that arrived after their rows, found again by id; the newest label of a row counts.

        Labels that contradict those on record are corrections. A delivery that says nothing new is not
        recorded again. Raises DataError without an id column, or when a label fits neither number nor
        classes.
        """
        archive = self.archive
        id_, target = archive.schema.id, archive.schema.target
        if id_ is None or target is None:
            raise DataError(
                "late labels need data.target and data.id in undrift.toml", "Or deliver labels with the rows."
            )
        named, batch = batch, batch or "labels-" + content_hash(table)
        known = archive.store.get(Batch, batch)
        if known and named and not known.unknown:
            return known
        for name in (id_, target):
            if name not in table.column_names:
                raise DataError(f"{source} has no column {name!r}", f"Labels need {id_!r} and {target!r}.")
        ids = ids_of(table, archive.schema, source)
        labels = labels_of(table, archive.schema, source)
        windows = archive.deliveries.windows(ids)
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
            unseen=unseen_of(table, archive.schema),
        )
        if news or not known:
            name = archive.deliveries.append(record.id, {"labels": self._labels(news)})
            archive.store.put(record.id, replace(record, kept_as="" if name == record.id else name))
        return record

    def _beside_the_record(self, given: Given, *, first: bool) -> Delivery:
        """Rows that were read, with the windows in which they stand."""
        archive = self.archive
        before = sum(b.rows for b in archive.batches())
        known = archive.schema.id is not None
        windows = (
            archive.deliveries.windows(given.ids) if known else np.full(len(given), UNKNOWN, dtype=np.int64)
        )
        fresh = windows == UNKNOWN
        own = given.only(np.flatnonzero(fresh))
        cut = archive.cut.indices(own.times, before, len(own), archive.next_window(), first=first)
        windows[fresh] = cut
        news = self._news(given.ids, given.labels, windows)
        return Delivery(given, windows, fresh, own, cut, news, before)

    def _record(self, delivery: Delivery, batch: str, *, history: bool) -> Batch:
        """What is put on record of rows that came."""
        own, cut, news, now = delivery.own, delivery.cut, delivery.news, self.archive.clock()
        ahead = later(own.times, now)
        completing = 0 if history else self._completing(own, cut)
        return Batch(
            id=batch,
            rows=len(own),
            before=delivery.before,
            windows=tally(cut),
            labels=news.new,
            latest=newest(own.times, upto=now),
            history=history,
            late=0 if history else int(np.sum(cut <= self.archive.settled())) - completing,
            completing=completing,
            repeated=len(delivery.given) - len(own),
            corrected=news.corrected,
            same=news.same,
            retimed=self._retimed(delivery),
            ahead=ahead,
            furthest=newest(own.times) if ahead else None,
            one_class=self._one_class(delivery.given.labels),
        )

    def _contradicts(self, table: pa.Table, source: str) -> bool:
        """Whether a batch that came before has labels that are not those on record now."""
        labels = labels_of(table, self.archive.schema, source)
        if labels is None:
            return False
        ids = ids_of(table, self.archive.schema, source)
        return bool(self._news(ids, labels, self.archive.deliveries.windows(ids)))

    def _news(self, ids: pa.Array, labels: pa.Array | None, windows: NDArray[np.int64]) -> News:
        """The labels of rows that are known, beside those on record."""
        if labels is None:
            labels = pa.nulls(len(ids), pa.float64())
        have = labels.is_valid().to_numpy(zero_copy_only=False) & (windows != UNKNOWN)
        ids, labels, windows = ids.filter(pa.array(have)), labels.filter(pa.array(have)), windows[have]
        if not len(ids):
            return News(ids, labels, windows, np.empty(0))
        before = self.archive.deliveries.labels(int(windows.min()), int(windows.max()))
        return News(ids, labels, windows, on_record(ids, before))

    def _labels(self, news: News) -> pa.Table:
        """Labels as the lake has them, but for the batch; none where all are on record."""
        order = np.full(len(news.ids), len(self.archive.batches()), dtype=np.int64)
        table = pa.table({ID: news.ids, LABEL: news.labels, WINDOW: news.windows, ORDER: order})
        return table if news else table.slice(0, 0)

    def _free(self, batch: str) -> str:
        """The first id for this content that no delivery has yet."""
        return next(name for name in names(batch) if self.archive.store.get(Batch, name) is None)

    def _retimed(self, delivery: Delivery) -> int:
        """How many repeated rows came with another event time than the one on record."""
        given, repeated = delivery.given, ~delivery.fresh
        if given.times is None or not repeated.any():
            return 0
        ids = given.ids.filter(pa.array(repeated))
        kept = self.archive.deliveries.times(ids, delivery.windows[repeated])
        times = given.times[repeated].tolist()
        return sum(kept.get(id_) != time for id_, time in zip(ids.to_pylist(), times, strict=True))

    def _one_class(self, labels: pa.Array | None) -> str:
        """The class that all labels of a delivery are of; empty where they differ or are few."""
        classes = self.archive.schema.classes
        if not classes or labels is None:
            return ""
        found = [*pc.unique(labels.drop_null()).to_pylist()]
        few = len(labels) - labels.null_count < MANY
        return "" if few or len(found) > 1 or found == [UNSEEN] else classes[int(found[0])]

    def _completing(self, own: Given, cut: NDArray[np.int64]) -> int:
        """How many rows are newer than the history, but fall into the window that it ends in."""
        inside = cut <= self.archive.history_end()
        ends = [b.latest for b in self.archive.batches() if b.history and b.latest]
        if own.times is None or not ends:
            return int(np.sum(inside))
        return later(own.times[inside], max(ends))

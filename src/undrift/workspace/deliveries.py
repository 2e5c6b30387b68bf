"""What the lake holds of the deliveries on record: where every row stands, and its newest label.

A process may die between an append to the lake and the record of it. What it left behind is no part of
any delivery until the same rows come again; if they would be cut otherwise by then, they are appended
anew under another name and the remains stay out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift.arrow import from_predictions
from undrift.lakes import BATCH, ID, LABEL, TIME, WINDOW, Lake, TableName
from undrift.records import Batch
from undrift.stores import Store

UNKNOWN = int(np.iinfo(np.int64).min)
"""The window of a row that nobody has seen; windows before 1970 have negative indices of their own."""

NO_LABELS = pa.schema([(ID, pa.string()), (LABEL, pa.float64())]).empty_table()

PLACE = pa.schema([(ID, pa.string()), (WINDOW, pa.int64())])
"""A row's id and the window in which it stands."""


@dataclass
class Deliveries:
    """The deliveries of one workspace that were recorded, in the order in which they came."""

    store: Store
    lake: Lake
    _places: dict[tuple[int, int], pa.Table] = field(default_factory=dict, repr=False)

    def all(self) -> list[Batch]:
        """All deliveries, oldest first."""
        return self.store.all(Batch)

    def of(self, rows: pa.Table, upto: int | None = None) -> pa.Table:
        """Only the rows of deliveries on record, or of the first ``upto`` of them."""
        known = pc.is_in(rows[BATCH], self._names(upto))
        return rows if pc.all(known).as_py() else rows.filter(known)

    def append(self, batch: str, tables: dict[TableName, pa.Table]) -> str:
        """Append the rows and labels of a batch, and give the name under which the lake has them.

        It is the batch's id unless a process that died left others under it.
        """
        held = {name: rows for name, rows in tables.items() if rows.num_rows}
        return next(
            name for name in _attempts(batch) if all(self._put(t, rows, name) for t, rows in held.items())
        )

    def windows(self, ids: pa.Array) -> NDArray[np.int64]:
        """The window in which each row id stands, in any window there is; UNKNOWN for a new one."""
        known = self._known()
        place = pc.index_in(known[ID], ids)  # the few are hashed, the many are looked up
        met = place.is_valid()
        windows = np.full(len(ids), UNKNOWN, dtype=np.int64)
        windows[place.filter(met).to_numpy()] = known[WINDOW].filter(met).to_numpy()
        return windows

    def record(self, batch: Batch, kept: pa.Table) -> None:
        """Put a delivery of rows on record; the rows that it brought are remembered with the others."""
        self.store.put(batch.id, batch)
        for known in list(self._places.values()):
            self._places.clear()
            self._places[self._state()] = pa.concat_tables([known, kept.select(PLACE.names)])

    def labels(self, first: int, last: int, version: int | None = None, upto: int | None = None) -> pa.Table:
        """Id and newest label of every row of the windows first..last that has one, each once."""
        found = self.lake.read("labels", first, last, None, version)
        if found is None:
            return NO_LABELS
        found = found.append_column("place", pc.index_in(found[BATCH], self._names(upto)))
        found = found.filter(pc.is_valid(found["place"])).select([ID, LABEL, "place"])
        if pc.count_distinct(found[ID]).as_py() == found.num_rows:
            return found
        ordered = found.sort_by("place")
        row = pa.array(np.arange(ordered.num_rows))
        last_ = ordered.append_column("row", row).group_by(ID).aggregate([("row", "max")])["row_max"]
        return ordered.take(last_)

    def times(self, ids: pa.Array, windows: NDArray[np.int64]) -> dict[str, int]:
        """The event time (microseconds, UTC) on record of each of these rows, by id."""
        found = self.lake.read("rows", int(windows.min()), int(windows.max()), [ID, TIME, BATCH])
        if found is None:
            return {}
        found = self.of(found)
        found = found.filter(pc.is_in(found[ID], ids))
        return dict(zip(found[ID].to_pylist(), found[TIME].cast(pa.int64()).to_pylist(), strict=True))

    def _known(self) -> pa.Table:
        """Id and window of every row on record, read once and kept while nothing changes."""
        state = self._state()
        if state not in self._places:
            self._places.clear()
            self._places[state] = self._read_places(rows=state[1]).combine_chunks()
        return self._places[state]

    def _read_places(self, rows: int) -> pa.Table:
        """Id and window of every row on record; the lake holds more only if a process died."""
        found = self.lake.read("rows", None, None, PLACE.names)
        if found is not None and found.num_rows != rows:
            found = self.lake.read("rows", None, None, [*PLACE.names, BATCH])
            found = None if found is None else self.of(found).select(PLACE.names)
        return PLACE.empty_table() if found is None else found

    def _put(self, table: TableName, rows: pa.Table, name: str) -> bool:
        """Whether the lake has exactly these under a name now: the same ids, windows and labels."""
        named = rows.append_column(BATCH, pa.array([name] * rows.num_rows, pa.string()))
        if self.lake.append(table, named, name):
            return True
        own = [*PLACE.names, *([LABEL] if table == "labels" else [])]
        found = self.lake.read(table, None, None, [*own, BATCH])
        if found is None:
            return False
        mine = found.filter(pc.equal(found[BATCH], name)).select(own)
        return bool(mine.sort_by(ID).equals(rows.select(own).sort_by(ID)))

    def _state(self) -> tuple[int, int]:
        """What tells one state of the rows from another: the lake's version, and the rows on record."""
        return self.lake.versions().get("rows", -1), sum(b.rows for b in self.all())

    def _names(self, upto: int | None) -> pa.Array:
        return pa.array([b.kept_as or b.id for b in self.all()[:upto]], pa.string())


def on_record(ids: pa.ChunkedArray | pa.Array, found: pa.Table) -> NDArray[np.float64]:
    """The number of each row (rows,) in a table of ids and numbers, by its id; NaN where there is none.

    Of probabilities the shape is (rows, classes).
    """
    if not found.num_rows:
        return np.full(len(ids), np.nan)
    numbers = from_predictions(found.column(1).combine_chunks())
    place = np.asarray(pc.index_in(ids, found[ID].combine_chunks()).fill_null(-1), dtype=np.int64)
    of_each = np.full((len(place), *numbers.shape[1:]), np.nan)
    of_each[place >= 0] = numbers[place[place >= 0]]
    return of_each


def names(batch: str) -> Iterator[str]:
    """The id of a batch, then those of the same content when it comes again as news: "…/2", "…/3".

    >>> from itertools import islice
    >>> list(islice(names("a"), 3))
    ['a', 'a/2', 'a/3']
    """
    yield batch
    for number in itertools.count(2):
        yield f"{batch}/{number}"


def _attempts(batch: str) -> Iterator[str]:
    """The id of a batch, then other names for it, of a form that no id has."""
    yield batch
    for number in itertools.count(2):
        yield f"{batch}~{number}"


def tally(windows: NDArray[np.int64]) -> dict[str, int]:
    """How often each window occurs, by its index as text, in order."""
    indices, counts = np.unique(windows, return_counts=True)
    return {str(i): int(n) for i, n in zip(indices, counts, strict=True)}

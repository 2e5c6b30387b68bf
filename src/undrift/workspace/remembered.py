"""A store and a lake that are read once a step: while this process holds the lease nobody else writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from undrift.lakes import WINDOW, Lake, TableName
from undrift.records import Importance, Promotion, Refitted, Version
from undrift.stores import LedgerEntry, Store

T = TypeVar("T")

ROOM, MOST = 32 * 2**20, 256
"""Bytes of rows that are remembered, the newest, and answers, however small."""

CHUNKS = 64
"""Pieces of rows that are copied into one, because each costs a little wherever it is used."""

LASTING = tuple(("get", kind) for kind in (Version, Refitted, Importance))
"""Records that are asked for in every step, and never change once they are kept."""

Question = tuple[TableName, int | None, int | None, tuple[str, ...] | None]
"""Which rows of a table were read: the first and last window, and the columns."""


class RememberedStore:
    """A store; what was read of it is remembered while it is ``held``, versions for good."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._held = False
        self._known: dict[tuple[Any, ...], Any] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Remember, for as long as the lease is held."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            lasting = {q: found for q, found in self._known.items() if q[:2] in LASTING and found is not None}
            self._known.clear()
            self._known.update(lasting)

    def put(self, key: str, record: Any) -> bool:
        """Keep a record under its class and key; False, and nothing changed, if there is one."""
        kind, new = type(record), self.store.put(key, record)
        if not new:
            return False
        for made in [m for m in self._known if m[0] in ("times", "count", "newest", "keys") and m[1] is kind]:
            del self._known[made]
        if ("all", kind) in self._known:
            self._known["all", kind].append(record)
        if self._held:
            self._known["get", kind, key] = record
        return True

    def get(self, kind: type[T], key: str) -> T | None:
        """The record of this class under the key."""
        return self._once(("get", kind, key), lambda: self.store.get(kind, key))

    def all(self, kind: type[T], newest: int | None = None) -> list[T]:
        """All records of a class, or the newest ones, in the order in which they were put."""
        if newest is None or ("all", kind) in self._known:
            found = self._once(("all", kind), lambda: self.store.all(kind))
            return found[-newest:] if newest else list(found)
        return list(self._once(("newest", kind, newest), lambda: self.store.all(kind, newest)))

    def count(self, kind: type[Any]) -> int:
        """How many records of a class there are."""
        if ("all", kind) in self._known:
            return len(self._known["all", kind])
        return self._once(("count", kind), lambda: self.store.count(kind))

    def keys(self, kind: type[Any]) -> list[str]:
        """The keys of all records of a class, in the order in which they were put."""
        return list(self._once(("keys", kind), lambda: self.store.keys(kind)))

    def times(self, kind: type[Any], newest: int | None = None) -> dict[str, datetime]:
        """When each record of a class, or the newest, was put (UTC), by key, in the order of the puts."""
        return self._once(("times", kind, newest), lambda: self.store.times(kind, newest))

    def put_profile(self, key: str, data: bytes) -> None:
        """Keep a profile's serial form; the first one under a key stays."""
        self.store.put_profile(key, data)

    def get_profile(self, key: str) -> bytes | None:
        """The profile's serial form under the key."""
        return self.store.get_profile(key)

    def champion(self) -> Version | None:
        """The version that is live."""
        return self._once(("champion",), self.store.champion)

    def crown(self, promotion: Promotion, token: int) -> None:
        """Make a version champion and write its ledger entry, in one transaction."""
        self._known.pop(("champion",), None)
        self._known.pop(("ledger",), None)
        self.store.crown(promotion, token)

    def ledger(self) -> Sequence[LedgerEntry]:
        """All changes of champion, oldest first."""
        return self._once(("ledger",), self.store.ledger)

    def acquire(self, name: str, holder: str, seconds: float) -> int:
        """Take or renew a lease; the token grows with every new holder. Raises BusyError if held."""
        return self.store.acquire(name, holder, seconds)

    def release(self, name: str, holder: str) -> None:
        """Give a lease back."""
        self.store.release(name, holder)

    def close(self) -> None:
        """Let go of files and connections."""
        self.store.close()

    def _once(self, name: tuple[Any, ...], read: Callable[[], T]) -> T:
        """What is remembered under a name, or read now."""
        if not self._held:
            return read()
        if name not in self._known:
            self._known[name] = read()
        found: T = self._known[name]
        return found


class RememberedLake:
    """A lake; rows read of it are remembered, and believed while it is ``held`` and nobody else wrote."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.is_new: Callable[[TableName, int], bool] = lambda _table, _window: False
        """Whether a table had nothing of a window before: then what is appended is all there is."""
        self._held = False
        self._versions: dict[str, int] | None = None
        self._rows: dict[Question, pa.Table] = {}
        self._bytes: dict[Question, int] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Remember, for as long as the lease is held; what others wrote meanwhile is noticed first."""
        with self.lake.held():
            found = self.lake.versions()
            if found != self._versions:
                self._rows.clear()
            self._held, self._versions = True, found
            try:
                yield
                self._versions = self.versions()
            except BaseException:
                self._versions = None  # nobody knows what was written: all is read anew
                raise
            finally:
                self._held = False

    def append(self, table: TableName, rows: pa.Table, batch: str) -> bool:
        """Append rows under a batch id; False, and nothing changed, if that batch is there."""
        new = self.lake.append(table, rows, batch)
        if new and rows.num_rows:
            self._versions = None
            ends = pc.min_max(rows[WINDOW]).as_py()
            for asked in [q for q in self._rows if q[0] == table and _meets(q, ends["min"], ends["max"])]:
                del self._rows[asked]
            if self._held and ends["min"] == ends["max"] and self.is_new(table, ends["min"]):
                self._remember((table, ends["min"], ends["min"], None), rows)
        return new

    def read(
        self,
        table: TableName,
        first: int | None = None,
        last: int | None = None,
        columns: list[str] | None = None,
        version: int | None = None,
    ) -> pa.Table | None:
        """Rows of the windows first..last (all without them); None if the table does not exist."""
        if version is not None or not self._held:
            return self.lake.read(table, first, last, columns, version)
        asked = (table, first, last, None if columns is None else tuple(columns))
        whole = self._rows.get((table, first, last, None))
        if columns is not None and whole is not None:
            return whole.select(columns)
        if asked not in self._rows:
            if columns is None and first is not None and last is not None:
                found = self._pieced(table, first, last)
            else:
                found = self.lake.read(table, first, last, columns)
            if found is None:
                return None
            self._remember(asked, found)
        return self._rows[asked]

    def _pieced(self, table: TableName, first: int, last: int) -> pa.Table | None:
        """Rows of the windows first..last, of which only those are read that are not remembered."""
        pieces: list[pa.Table] = []
        at = first
        while at <= last:
            known = self._spanning(table, at)
            end = min(last, known[1] if known else self._next(table, at, last) - 1)
            rows = self._within(table, known, at, end) if known else self.lake.read(table, at, end)
            if rows is None:
                return None
            pieces.append(rows.select(pieces[0].column_names) if pieces else rows)
            at = end + 1
        for inner in [span for span in self._spans(table) if first <= span[0] and span[1] <= last]:
            del self._rows[table, *inner, None]
        joined = pa.concat_tables(pieces)
        return joined.combine_chunks() if joined[WINDOW].num_chunks > CHUNKS else joined

    def _spans(self, table: TableName) -> list[tuple[int, int]]:
        """The windows whose whole rows are remembered, from and to."""
        return [
            (first, last)
            for name, first, last, columns in self._rows
            if name == table and columns is None and first is not None and last is not None
        ]

    def _spanning(self, table: TableName, window: int) -> tuple[int, int] | None:
        """The remembered windows that reach furthest beyond this one and hold it."""
        met = [span for span in self._spans(table) if span[0] <= window <= span[1]]
        return max(met, key=lambda span: span[1], default=None)

    def _next(self, table: TableName, window: int, last: int) -> int:
        """The next window of which something is remembered."""
        return min((first for first, _ in self._spans(table) if first > window), default=last + 1)

    def _within(self, table: TableName, span: tuple[int, int], first: int, last: int) -> pa.Table:
        """The remembered rows of some of the windows of a span."""
        rows = self._rows[table, *span, None]
        if (first, last) == span:
            return rows
        windows = rows[WINDOW]
        return rows.filter(pc.and_(pc.greater_equal(windows, first), pc.less_equal(windows, last)))

    def _remember(self, asked: Question, rows: pa.Table) -> None:
        self._rows[asked] = rows
        self._bytes[asked] = rows.nbytes
        self._forget()

    def versions(self) -> dict[str, int]:
        """The present version number of every table that exists."""
        if not self._held:
            return self.lake.versions()
        if self._versions is None:
            self._versions = self.lake.versions()
        return self._versions

    def _forget(self) -> None:
        """Keep the newest rows, as many as there is room for; the last ones whatever their size."""
        self._bytes = {asked: self._bytes[asked] for asked in self._rows}
        size = sum(self._bytes.values())
        while len(self._rows) > 1 and (size > ROOM or len(self._rows) > MOST):
            oldest = next(iter(self._rows))
            size -= self._bytes.pop(oldest)
            del self._rows[oldest]


def _meets(asked: Question, low: int, high: int) -> bool:
    """Whether some windows are among those that were asked for."""
    _, first, last, _ = asked
    return (first is None or first <= high) and (last is None or low <= last)


_: type[Store] = RememberedStore
__: type[Lake] = RememberedLake

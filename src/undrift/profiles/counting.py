"""One pass over rows in bounded memory: every column counted like a reference, on all processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift.arrow import as_arrow, as_numpy, without_views
from undrift.columns.kinds import as_kind, as_text
from undrift.inputs import Rows
from undrift.profiles.blocks import History
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.cutting import rounding
from undrift.profiles.feature import AnyProfile, merged
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.tallying import tallied

SHORT = 32_768
"""Rows of a batch up to which handing its columns to threads takes longer than counting them here."""

Each = Callable[[Callable[[str], AnyProfile | None], Iterable[str]], Iterable[AnyProfile | None]]
"""``map``, on this thread or on several."""


@dataclass(frozen=True)
class Counted:
    """What one pass found: rows, feature profiles, columns of another type, and the same by segment.

    ``past`` holds them by the blocks of a history, None where none is kept.
    """

    rows: int = 0
    features: dict[str, AnyProfile] = field(default_factory=dict)
    retyped: frozenset[str] = frozenset()
    segments: dict[str, Counted] = field(default_factory=dict)
    past: History | None = None

    def without(self, names: Container[str]) -> Counted:
        """The same without some features."""
        features = {name: feature for name, feature in self.features.items() if name not in names}
        segments = {label: part.without(names) for label, part in self.segments.items()}
        return replace(self, features=features, segments=segments)

    def merge(self, other: Counted) -> Counted:
        """Both together; a column that one of them could not count is of another type in both."""
        retyped = self.retyped | other.retyped
        features = {
            name: merged(mine, other.features[name])
            for name, mine in self.features.items()
            if name not in retyped
        }
        segments = {label: mine.merge(other.segments[label]) for label, mine in self.segments.items()}
        past = _both(self.past, other.past, features)
        return Counted(self.rows + other.rows, features, retyped, segments, past)


@dataclass(frozen=True)
class Plan:
    """What to count: features like those of a reference, in all rows and in segments by a column.

    ``forced`` are columns whose kind was forced rather than inferred: any type is turned into it. With a
    ``history`` the rows are counted by its blocks too, where they have its time column.
    """

    features: Mapping[str, AnyProfile]
    forced: Container[str] = ()
    by: str | None = None
    segments: tuple[str, ...] = ()
    history: History | None = None

    def count(self, rows: Rows) -> Counted:
        """Count all rows, a batch at a time; a column that is not there is not counted."""
        there = {*rows.schema.names}
        names = [name for name in self.features if name in there]
        timed = self.history is not None and self.history.time in there
        beside = [self.by] if self.by is not None and self.segments else []
        if self.history is not None and timed:
            beside += [self.history.time, *(name for name in self.history.embeddings if name in there)]
        needed = list(dict.fromkeys([*names, *beside]))
        plan = self if timed else replace(self, history=None)
        nothing = Counted(features={name: self.features[name].empty() for name in names})
        start = replace(nothing, segments=dict.fromkeys(self.segments, nothing))
        with _workers() as each:
            found = (plan._batch(names, batch, each) for batch in rows.scan(needed))
            return reduce(Counted.merge, found, start)

    def _batch(self, names: list[str], batch: pa.RecordBatch, each: Each) -> Counted:
        whole = self._slices(names, batch, each)
        if not self.segments:
            return whole
        nothing = Counted(features={name: self.features[name].empty() for name in names})
        apart = {label: self._slices(names, part, map) for label, part in self._parts(batch)}
        return replace(whole, segments=dict.fromkeys(self.segments, nothing) | apart)

    def _slices(self, names: list[str], batch: pa.RecordBatch, each: Each) -> Counted:
        """The rows of a batch, and by block where there is a history."""
        whole = self._slice(names, batch, each)
        if self.history is None or not batch.num_rows:
            return whole
        known = {name: self.features[name] for name in whole.features}
        return replace(whole, past=tallied(self.history, known, self.forced, batch))

    def _slice(self, names: list[str], batch: pa.RecordBatch, each: Each) -> Counted:
        each = each if batch.num_rows > SHORT else map
        found = dict(
            zip(names, each(lambda name: self._column(name, batch.column(name)), names), strict=True)
        )
        return Counted(
            batch.num_rows,
            {name: feature for name, feature in found.items() if feature is not None},
            frozenset(name for name, feature in found.items() if feature is None),
        )

    def _column(self, name: str, values: pa.Array) -> AnyProfile | None:
        """The profile of a column like the reference's; None where its type does not allow that."""
        like = self.features[name]
        try:
            found = as_kind(values, like.kind, forced=name in self.forced)
            return counted(found, like, rounding(values.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None

    def _parts(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The rows of each segment that has any, in their order."""
        labels = as_text(pa.chunked_array([batch.column(self.by)]))
        places = (
            pc.index_in(labels, as_arrow(self.segments).cast(pa.string()))
            .combine_chunks()
            .fill_null(len(self.segments))
        )
        for code, part in _apart(batch, as_numpy(places)):
            if code < len(self.segments):
                yield self.segments[code], part


def _both(mine: History | None, theirs: History | None, features: Container[str]) -> History | None:
    """Two histories of the features that both could count."""
    if mine is None or theirs is None:
        return mine or theirs
    names = [name for name in mine.cells if name in theirs.cells and name in features]
    return mine.only(names).merge(theirs.only(names))


def _apart(batch: pa.RecordBatch, codes: NDArray[np.int64]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of each code, in their order; without a copy where a batch is sorted by code."""
    rising = bool(np.all(codes[1:] >= codes[:-1]))
    if not rising:
        order = np.argsort(codes, kind="stable")
        codes = codes[order]
        batch = batch.cast(without_views(batch.schema)).take(as_arrow(order))
    starts = np.flatnonzero(np.diff(codes, prepend=codes[:1] - 1))
    for start, end in zip(starts, np.append(starts[1:], len(codes)), strict=True):
        yield int(codes[start]), batch.slice(int(start), int(end - start))


def counted(values: pa.Array | pa.ChunkedArray, like: AnyProfile, stored: float = 0.0) -> AnyProfile:
    """The profile of values of the right kind, over the grid or vocabulary of another one.

    Values are taken for those of the reference of which they are roundings by the type that held them.
    """
    if isinstance(like, CategoricalProfile):
        return CategoricalProfile.of(values, like.kind, like)
    found = like.grid.snapped(numbers(values), stored) if stored else numbers(values)
    return NumericProfile.of(found, values.null_count, like.grid)


def numbers(values: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """The values that are not null as float64, without a copy where they are that in one piece."""
    return np.asarray(as_numpy(values), dtype=np.float64)


@contextmanager
def _workers() -> Iterator[Each]:
    """A ``map`` over as many threads as there are processors; NumPy and Arrow let go of Python's lock."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        yield pool.map

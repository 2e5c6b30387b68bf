"""One pass over rows in bounded memory: every column counted like a reference, on all processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import schema
from undrift.inputs import Rows
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.numeric import NumericProfile

AnyProfile = NumericProfile | CategoricalProfile

SHORT = 32_768
"""Rows of a batch up to which handing its columns to threads takes longer than counting them here."""

Each = Callable[[Callable[[str], AnyProfile | None], Iterable[str]], Iterable[AnyProfile | None]]
"""``map``, on this thread or on several."""


@dataclass(frozen=True)
class Counted:
    """What one pass found: rows, feature profiles, columns of another type, and the same by segment."""

    rows: int = 0
    features: dict[str, AnyProfile] = field(default_factory=dict)
    retyped: frozenset[str] = frozenset()
    segments: dict[str, Counted] = field(default_factory=dict)

    def merge(self, other: Counted) -> Counted:
        """Both together; a column that one of them could not count is of another type in both."""
        retyped = self.retyped | other.retyped
        features = {
            name: merged(mine, other.features[name])
            for name, mine in self.features.items()
            if name not in retyped
        }
        segments = {label: mine.merge(other.segments[label]) for label, mine in self.segments.items()}
        return Counted(self.rows + other.rows, features, retyped, segments)


@dataclass(frozen=True)
class Plan:
    """What to count: features like those of a reference, in all rows and in segments by a column.

    ``told`` are columns whose kind was told rather than inferred: any type is turned into it.
    """

    features: Mapping[str, AnyProfile]
    told: Container[str] = ()
    by: str | None = None
    segments: tuple[str, ...] = ()

    def count(self, rows: Rows) -> Counted:
        """Count all rows, a batch at a time; a column that is not there is not counted."""
        names = [name for name in self.features if name in rows.schema.names]
        needed = list(dict.fromkeys([*names, self.by])) if self.segments and self.by else names
        nothing = Counted(features={name: self.features[name].empty() for name in names})
        start = Counted(**vars(nothing) | {"segments": dict.fromkeys(self.segments, nothing)})
        with _workers() as each:
            found = (
                self._batch(names, batch, each if batch.num_rows > SHORT else map)
                for batch in rows.scan(needed)
            )
            return reduce(Counted.merge, found, start)

    def _batch(self, names: list[str], batch: pa.RecordBatch, each: Each) -> Counted:
        whole = self._slice(names, batch, each)
        if not self.segments:
            return whole
        nothing = Counted(features={name: self.features[name].empty() for name in names})
        apart = {label: self._slice(names, part, map) for label, part in self._parts(batch)}
        return Counted(**vars(whole) | {"segments": dict.fromkeys(self.segments, nothing) | apart})

    def _slice(self, names: list[str], batch: pa.RecordBatch, each: Each) -> Counted:
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
            return counted(schema.as_kind(values, like.kind, told=name in self.told), like)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None

    def _parts(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The rows of each segment that has any, in their order."""
        labels = schema.as_text(pa.chunked_array([batch.column(self.by)]))
        places = (
            pc.index_in(labels, schema.as_arrow(self.segments).cast(pa.string()))
            .combine_chunks()
            .fill_null(len(self.segments))
        )
        codes = schema.as_numpy(places)
        order, ends = np.argsort(codes, kind="stable"), np.bincount(codes, minlength=len(self.segments))
        start, batch = 0, batch.cast(schema.without_views(batch.schema))
        for label, rows in zip(self.segments, ends.tolist(), strict=False):
            if rows:
                yield label, batch.take(schema.as_arrow(order[start : start + rows]))
            start += rows


def counted(values: pa.Array | pa.ChunkedArray, like: AnyProfile) -> AnyProfile:
    """The profile of values of the right kind, over the grid or vocabulary of another one."""
    if isinstance(like, CategoricalProfile):
        return CategoricalProfile.of(values, like.kind, like)
    return NumericProfile.of(numbers(values), values.null_count, like.grid)


def merged(mine: AnyProfile, theirs: AnyProfile) -> AnyProfile:
    """The profile of the rows of both; raises MergeError when they were not counted alike."""
    return mine.merge(theirs)  # type: ignore[arg-type]  # unlike kinds are refused there


def numbers(values: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """The values that are not null as float64, without a copy where they are that in one piece."""
    return np.asarray(schema.as_numpy(values), dtype=np.float64)


@contextmanager
def _workers() -> Iterator[Each]:
    """A ``map`` over as many threads as there are processors; NumPy and Arrow let go of Python's lock."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        yield pool.map

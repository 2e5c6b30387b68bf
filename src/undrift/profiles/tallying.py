"""Rows counted by the blocks of a history, all blocks of a batch at once."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift.arrow import as_numpy, is_vector, without_views
from undrift.columns.kinds import as_kind, as_text
from undrift.profiles.blocks import UNTIMED, Cells, History, absent
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.cutting import rounding
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """Rows by block: the places of the B blocks, rising, and the number of each row's block, (rows,)."""

    places: Ints
    of: Ints

    @classmethod
    def by(cls, places: Ints) -> Groups:
        """The groups of rows whose blocks are these.

        >>> Groups.by(np.array([7, 7, 5])).of.tolist()
        [1, 1, 0]
        """
        if np.all(places[1:] >= places[:-1]):
            begins = np.diff(places, prepend=places[:1] - 1) != 0
            return cls(places[begins], np.cumsum(begins) - 1)
        return cls(*np.unique(places, return_inverse=True))

    def counts(self, bins: Ints, width: int, rows: NDArray[np.bool_] | None = None) -> Ints:
        """How many of the ``rows`` (all without them) fall into each bin of each block, (B, width)."""
        of = self.of if rows is None else self.of[rows]
        found = np.bincount(of * width + bins, minlength=len(self.places) * width)
        return found.reshape(len(self.places), width)


def tallied(
    past: History, features: Mapping[str, AnyProfile], forced: Container[str], batch: pa.RecordBatch
) -> History:
    """The history of a batch over the blocks and bins of another one; rows without a time are left out.

    ``features`` are those that could be counted, ``forced`` whose kind is forced.
    """
    places = past.places(batch.column(past.time))
    timed = places != UNTIMED
    if not timed.all():
        batch = batch.cast(without_views(batch.schema)).filter(pa.array(timed))
        places = places[timed]
    past = past.only(features).empty()
    if not len(places):
        return past
    groups = Groups.by(places)
    counts, stays, found = {}, {}, {}
    for name, bins in past.cells.items():
        like, column = features[name], batch.column(name)
        values = as_kind(column, like.kind, forced=name in forced)
        if isinstance(like, CategoricalProfile):
            counts[name], stays[name] = _labels(values, like, bins, groups)
        elif isinstance(like, NumericProfile):
            found[name] = _cells(values, like, rounding(column.type))
            counts[name] = groups.counts(_bins(np.asarray(bins), like)[found[name]], len(bins) + 2)
    joint = past.joint.tallied(found, groups.of, len(groups.places)) if past.joint else None
    lists = {
        name: one.tallied(batch.column(name), groups.of, len(groups.places))
        for name, one in past.embeddings.items()
        if name in batch.schema.names and is_vector(batch.schema.field(name).type)
    }
    return past.with_blocks(groups.places, counts, stays, joint, lists)


def _cells(values: pa.Array, like: NumericProfile, stored: float) -> Ints:
    """The cell of each row of a column of numbers, one below the lowest to one beyond the last: no value.

    Infinities lie in the outermost cells; over a grid without edges there are three: -inf, finite, +inf.
    """
    numbers = np.asarray(as_numpy(values), dtype=np.float64)
    none = np.isnan(numbers)
    if len(like.grid.edges):
        found = like.grid.cells(like.grid.snapped(numbers, stored) if stored else numbers)
    else:
        found = np.where(np.isinf(numbers), np.where(numbers > 0, 2, 0), 1)
    if none.any():
        found = np.where(none, len(like.ordered), found)
    if not values.null_count:
        return found
    whole = np.full(len(values), len(like.ordered))
    whole[pc.is_valid(values).to_numpy(zero_copy_only=False)] = found
    return whole


def _bins(starts: Ints, like: NumericProfile) -> Ints:
    """The bin of each cell, and of no value the last one, (cells + 1,)."""
    cells = np.arange(len(like.ordered))
    return np.append(np.searchsorted(starts, cells, side="right") - 1, len(starts) + 1)


def _labels(values: pa.Array, like: CategoricalProfile, cells: Cells, groups: Groups) -> tuple[Ints, Ints]:
    """Counts of a column of labels by block and bin, and the first and last block of each label."""
    view = pa.types.is_string_view(values.type)  # Arrow does not encode these yet
    encoded = values.cast(pa.string()) if view else values
    encoded = encoded if isinstance(encoded, pa.DictionaryArray) else encoded.dictionary_encode()
    text = as_text(pa.chunked_array([encoded.dictionary])).to_pylist() if len(encoded.dictionary) else []
    vocabulary = {label: place for place, label in enumerate(like.counts)}
    named = {label: place for place, label in enumerate(cells)}
    width = len(cells) + 3
    places = [vocabulary.get(label, -1) for label in text]
    bins = [named.get(label, width - 3 if label in vocabulary else width - 2) for label in text]
    # a null may be one of the dictionary's own values, or stand among the indices
    bins = [width - 1 if label is None else found for label, found in zip(text, bins, strict=True)]
    codes = as_numpy(encoded.indices.fill_null(len(text))).astype(np.int64)
    counts = groups.counts(np.array([*bins, width - 1])[codes], width)
    return counts, _stays(np.array([*places, -1])[codes], len(vocabulary), groups)


def _stays(labels: Ints, vocabulary: int, groups: Groups) -> Ints:
    """The first and last block of each label, (2, vocabulary); rows of no label hold -1."""
    known = labels >= 0
    met = np.unique(labels[known] * len(groups.places) + groups.of[known])
    label, place = met // len(groups.places), groups.places[met % len(groups.places)]
    stays = absent(vocabulary)
    np.minimum.at(stays[0], label, place)
    np.maximum.at(stays[1], label, place)
    return stays

"""A bounded sample of rows: enough to infer kinds and to cut grids."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from undrift.arrow import as_arrow, without_views
from undrift.inputs import Rows

CELLS = 1 << 24
"""Values that a sample holds at most, over all columns."""

LEAST, MOST = 1 << 12, 1 << 20
"""Rows that a sample may hold at least and at most, however many columns there are."""


@dataclass(frozen=True)
class Sample:
    """Rows of a table in their order, and whether they are all there are."""

    table: pa.Table
    whole: bool


def sample(rows: Rows, without: Container[str] = ()) -> Sample:
    """All rows if they are few, else a random part of them, by a fixed seed: each has the same chance.

    Columns to do ``without`` are not read: they hold nulls.
    """
    read = [name for name in rows.schema.names if name not in without] or rows.schema.names
    limit = min(max(CELLS // max(len(read), 1), LEAST), MOST)
    random = np.random.default_rng(0)
    types = without_views(pa.schema([rows.schema.field(name) for name in read]))
    held: list[pa.RecordBatch] = []
    part = 1.0
    for batch in rows.scan(None if len(read) == len(rows.schema) else read):
        found = batch.cast(types)
        held.append(found if part == 1 else _thinned(found, part, random))
        while sum(b.num_rows for b in held) > limit:
            held, part = [_thinned(b, 0.5, random) for b in held], part / 2
    found = pa.Table.from_batches(held, types)
    return Sample(found if len(read) == len(rows.schema) else _filled(found, rows.schema.names), part == 1)


def _filled(found: pa.Table, names: Sequence[str]) -> pa.Table:
    """All columns in their order, null where they were not read."""
    nothing = pa.nulls(found.num_rows)
    return pa.table(
        [found[name] if name in found.column_names else nothing for name in names], names=list(names)
    )


def _thinned(batch: pa.RecordBatch, share: float, random: np.random.Generator) -> pa.RecordBatch:
    """Each row with the same chance, the order kept."""
    return batch.filter(as_arrow(random.random(batch.num_rows) < share))

"""A bounded sample of rows: enough to infer kinds and to cut grids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from undrift.inputs import Rows
from undrift.schema import as_arrow, without_views

CELLS = 1 << 24
"""Values that a sample holds at most, over all columns."""

LEAST, MOST = 1 << 14, 1 << 20
"""Rows that a sample may hold at least and at most, however many columns there are."""


@dataclass(frozen=True)
class Sample:
    """Rows of a table in their order, and whether they are all there are."""

    table: pa.Table
    whole: bool


def sample(rows: Rows) -> Sample:
    """All rows if they are few, else a random part of them, by a fixed seed: each has the same chance."""
    limit = min(max(CELLS // max(len(rows.schema), 1), LEAST), MOST)
    random = np.random.default_rng(0)
    types = without_views(rows.schema)
    held: list[pa.RecordBatch] = []
    part = 1.0
    for batch in rows.scan(None):
        found = batch.cast(types)
        held.append(found if part == 1 else _thinned(found, part, random))
        while sum(b.num_rows for b in held) > limit:
            held, part = [_thinned(b, 0.5, random) for b in held], part / 2
    return Sample(pa.Table.from_batches(held, types), part == 1)


def _thinned(batch: pa.RecordBatch, share: float, random: np.random.Generator) -> pa.RecordBatch:
    """Each row with the same chance, the order kept."""
    return batch.filter(as_arrow(random.random(batch.num_rows) < share))

"""The rows that the benchmark compares: made up from fixed seeds, written in row groups of a million.

Usage: python benchmarks/streams.py OUT ROWS NUMERIC LABELS SEED   (OUT ends in .parquet or .csv)

Numeric columns take turns among smooth, skewed, rounded and counted values with 2 to 5 % nulls; columns
of labels have 5 to 50 labels and 1 % nulls. Seed 0 is the reference; with any other seed every tenth
numeric column has moved by 0.15 standard deviations and every fifth column of labels favours other labels.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

GROUP = 1_000_000
LABEL_COUNTS = (5, 10, 20, 35, 50)
NULLS_IN_LABELS = 0.01
SHIFT = 0.15

SHAPES = (
    lambda rng, n: rng.normal(50, 10, n),
    lambda rng, n: rng.lognormal(3, 1, n),
    lambda rng, n: rng.gamma(2, 30, n),
    lambda rng, n: rng.uniform(-1, 1, n),
    lambda rng, n: np.round(rng.normal(20, 5, n), 1),
    lambda rng, n: np.round(rng.exponential(40, n), 2),
    lambda rng, n: rng.poisson(8, n).astype(float),
    lambda rng, n: np.where(rng.random(n) < 0.3, 0.0, rng.lognormal(0, 0.7, n)),
)


def numbers(rng: np.random.Generator, column: int, rows: int, moved: bool) -> pa.Array:
    values = SHAPES[column % len(SHAPES)](rng, rows)
    if moved and column % 10 == 0:
        values = values + SHIFT * values.std()
    return pa.array(values, mask=rng.random(rows) < 0.02 + 0.01 * (column % 4))


def labels(rng: np.random.Generator, column: int, rows: int, moved: bool) -> pa.Array:
    count = LABEL_COUNTS[column % len(LABEL_COUNTS)]
    weights = 1 / np.arange(1.0, count + 1)
    if moved and column % 5 == 0:
        weights = np.roll(weights, 1)
    codes = rng.choice(count, rows, p=weights / weights.sum()).astype(np.int8)
    names = pa.array([f"label-{i:02d}" for i in range(count)])
    coded = pa.array(codes, mask=rng.random(rows) < NULLS_IN_LABELS)
    return names.take(coded)


def groups(rows: int, numeric: int, labelled: int, seed: int) -> Iterator[pa.Table]:
    for start in range(0, rows, GROUP):
        rng = np.random.default_rng([seed, start])
        size, moved = min(GROUP, rows - start), seed > 0
        columns = {f"num_{i:03d}": numbers(rng, i, size, moved) for i in range(numeric)}
        columns |= {f"cat_{i:03d}": labels(rng, i, size, moved) for i in range(labelled)}
        yield pa.table(columns)


def write(out: Path, tables: Iterator[pa.Table]) -> None:
    if out.suffix == ".csv":
        pyarrow.csv.write_csv(pa.concat_tables(tables), out)
        return
    first = next(tables)
    with pq.ParquetWriter(out, first.schema, compression="snappy") as writer:
        writer.write_table(first, row_group_size=GROUP)
        for table in tables:
            writer.write_table(table, row_group_size=GROUP)


if __name__ == "__main__":
    write(Path(sys.argv[1]), groups(*map(int, sys.argv[2:])))

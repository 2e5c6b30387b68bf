"""A folder of Parquet streams, each cut into 47 equal windows of rows, the first 7 of them history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from undrift import artifacts
from undrift import schema as agreed
from undrift.records import Schema, TaskName
from undrift.windows import blocks

HISTORY, PLAYED = 7, 40
WINDOWS = HISTORY + PLAYED
MOST_ROWS = 24_000
LEAST_ROWS = 900
MOST_CLASSES = 20
ID = "row_id"


class UnplayableError(Exception):
    """Why a stream is skipped."""


@dataclass(frozen=True)
class Stream:
    """The rows of one stream in order, with an id each; ``time`` is None where no timestamp orders them."""

    name: str
    table: pa.Table
    target: str
    time: str | None
    size: int

    @cached_property
    def schema(self) -> Schema:
        """What a person would agree on from the history alone."""
        past = self.table.slice(0, HISTORY * self.size)
        numbers = pa.types.is_floating(past[self.target].type)
        two = len(pc.unique(past[self.target].drop_null())) == 2
        task: TaskName = "regression" if numbers else "binary" if two else "multiclass"
        return agreed.infer(past, target=self.target, time=self.time, id=ID, task=task)

    @cached_property
    def conformed(self) -> pa.Table:
        """All rows as the schema has them."""
        return agreed.conform(self.table, self.schema)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """What a model is shown, shape (rows, features)."""
        return artifacts.frame(self.conformed, self.schema, artifacts.columns(self.schema))

    @cached_property
    def labels(self) -> NDArray[np.float64]:
        """The labels as numbers, shape (rows,)."""
        return agreed.labels(self.table[self.target], self.schema).to_numpy().astype(np.float64)

    def window(self, index: int) -> slice:
        """The rows of a window."""
        return slice(index * self.size, (index + 1) * self.size)

    def blocks(self, windows: list[int]) -> NDArray[np.int64]:
        """The block of every row of some windows, as the gate takes it."""
        times = None
        if self.time is not None:
            micros = self._micros
            times = np.concatenate([micros[self.window(w)] for w in windows])
        return blocks(times, len(windows) * self.size, timedelta(days=1))

    @cached_property
    def _micros(self) -> NDArray[np.int64]:
        return self.table[self.time].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()


def read(path: Path) -> Stream:
    """A stream that can be played; raises UnplayableError with the reason for any other."""
    table = pq.read_table(path)
    if table.num_columns < 3:
        raise UnplayableError(f"{table.num_columns} columns: a time, a feature and a target are needed")
    time, target = table.column_names[0], table.column_names[-1]
    table = table.set_column(table.num_columns - 1, target, _target(table[target]))
    table = table.filter(pc.is_valid(table[target]))
    if table.num_rows < LEAST_ROWS:
        raise UnplayableError(f"{table.num_rows:,} labelled rows, {LEAST_ROWS} are needed")
    if table.num_rows > MOST_ROWS:
        table = table.take(np.linspace(0, table.num_rows - 1, MOST_ROWS).astype(np.int64))
    size = table.num_rows // WINDOWS
    table = table.slice(table.num_rows - WINDOWS * size)
    by_time = pa.types.is_timestamp(table[time].type) and table[time].null_count == 0
    if not by_time:
        table = table.drop_columns([time])
    table = table.append_column(ID, pa.array([f"r{i:06d}" for i in range(table.num_rows)]))
    stream = Stream(path.stem, table, target, time if by_time else None, size)
    _require_classes(stream)
    return stream


def folder(path: Path) -> Iterator[tuple[str, Stream | UnplayableError]]:
    """Every Parquet file of a folder by name: a stream, or why it is skipped."""
    for file in sorted(path.glob("*.parquet")):
        try:
            yield file.stem, read(file)
        except UnplayableError as reason:
            yield file.stem, reason
        except Exception as error:  # noqa: BLE001 - one broken file must not stop the others
            yield file.stem, UnplayableError(f"{type(error).__name__}: {error}".splitlines()[0][:200])


def _target(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Labels as text where they are classes, else numbers with null for what is not finite."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_floating(values.type):
        numbers = values.cast(pa.float64())
        return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
    classes = len(pc.unique(values.drop_null()))
    if pa.types.is_integer(values.type) and classes > MOST_CLASSES:
        return values.cast(pa.float64())
    if classes < 2:
        raise UnplayableError("the target has one value only")
    return pc.cast(values, pa.string())


def _require_classes(stream: Stream) -> None:
    past = pc.unique(stream.table[stream.target].slice(0, HISTORY * stream.size))
    if pa.types.is_string(past.type) and len(past) < 2:
        raise UnplayableError(f"the history holds one class only, {past[0].as_py()!r}")
    if stream.schema.task is None:
        raise UnplayableError("the target is neither a number nor one of two classes")

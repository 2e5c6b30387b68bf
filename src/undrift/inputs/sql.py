"""Results of SQL queries, through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from undrift.errors import DataError
from undrift.inputs import BATCH, Rows
from undrift.inputs._places import shown
from undrift.inputs._spool import spooled


def sql(source: str, text: frozenset[str] = frozenset()) -> Rows:  # noqa: ARG001
    """The rows of a query: ``sqlite:///shop.db#select * from orders``, or a table's name after the ``#``.

    The query runs once. Whole numbers, decimals and other numbers of one column become one type.
    Raises DataError when the query fails, or when a column mixes numbers and text.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    url, _, query = source.partition("#")
    name = f"{shown(url)}#{query}"
    try:
        engine = create_engine(url)
        _require_file(engine.url)
        with engine.connect() as connection:
            result = connection.execution_options(stream_results=True).execute(_statement(query.strip()))
            return _kept(result, name)
    except (SQLAlchemyError, ImportError, OSError) as error:
        reason = shown((str(error).splitlines() or [type(error).__name__])[0])
        raise DataError(f"the query {query!r} failed: {reason}", "Check the URL and the query.") from error


def _require_file(url: Any) -> None:
    """Raise DataError when an SQLite file is not there: SQLite would make an empty one."""
    path = url.database if url.get_backend_name() == "sqlite" else None
    if path and path != ":memory:" and not path.startswith("file:") and not Path(path).is_file():
        raise DataError(f"{path} does not exist", "Check the path; an absolute one follows four slashes.")


def _statement(query: str) -> Any:
    """The query itself, or all of a table where only a name stands."""
    from sqlalchemy import column, select, table, text

    words = query.split(".")
    if any(sign.isspace() for sign in query):
        return text(query.replace(":", r"\:"))
    return select(column("*", is_literal=True)).select_from(
        table(words[-1], schema=".".join(words[:-1]) or None)
    )


def _kept(result: Any, name: str) -> Rows:
    columns = list(result.keys())
    partitions = result.partitions(BATCH)
    first = _batch(columns, next(partitions, []))

    def batches() -> Iterator[pa.RecordBatch]:
        yield first
        for rows in partitions:
            yield _batch(columns, rows)

    return spooled(batches(), first.schema, name)


def _batch(columns: list[str], rows: Any) -> pa.RecordBatch:
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [_column(name, v) for name, v in zip(columns, values, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=columns)


def _column(name: str, values: Any) -> pa.Array:
    """The values of a column; decimals, and whole numbers beyond 64 bits, as floats."""
    try:
        if any(isinstance(value, Decimal) for value in values):
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        return pa.array(values)
    except OverflowError:
        return pa.array(values, pa.float64())
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise DataError(
            f"column {name!r} of the query mixes types: {error}", "CAST it in the query."
        ) from error

"""Results of SQL queries, through SQLAlchemy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from undrift.errors import DataError, NotFoundError
from undrift.inputs import Rows, batch_rows
from undrift.inputs._objects import column, spoken
from undrift.inputs._places import shown
from undrift.inputs._spool import spooled

READING = ("select", "with", "values", "table", "from")
"""What a query that only reads begins with."""

READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
}
"""What makes a connection refuse to write, by dialect."""


def sql(source: str, text: frozenset[str] = frozenset()) -> Rows:
    """The rows of a query: ``sqlite:///shop.db#select * from orders``, or a table's name after the ``#``.

    The query runs once. Whole numbers, decimals and other numbers of one column become one type; numbers and
    text are text, as are columns named in ``text``. Raises DataError when the query fails.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    url, _, query = source.partition("#")
    name = f"{shown(url)}#{query}"
    try:
        statement = _statement(query.strip())
        engine = create_engine(url)
        _require_file(engine.url)
        with engine.connect() as connection:
            _only_read(connection)
            result = connection.execution_options(stream_results=True).execute(statement)
            return _kept(result, name, text)
    except (SQLAlchemyError, ImportError, OSError) as error:
        reason = shown((str(error).splitlines() or [type(error).__name__])[0])
        raise DataError(f"the query {query!r} failed: {reason}", _remedy(error)) from error


def _remedy(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"Install the driver: pip install {error.name}."
    if type(error).__name__ == "NoSuchModuleError":
        return "Install the package that knows this kind of database, or check the URL."
    return "Check the URL and the query."


def _require_file(url: Any) -> None:
    """Raise DataError when an SQLite file is not there: SQLite would make an empty one."""
    path = url.database if url.get_backend_name() == "sqlite" else None
    if path and path != ":memory:" and not path.startswith("file:") and not Path(path).is_file():
        raise NotFoundError(f"{path} does not exist", "Check the path; an absolute one follows four slashes.")


def _statement(query: str) -> Any:
    """The query itself, or all of a table where only a name stands."""
    from sqlalchemy import literal_column, select, table, text

    words = query.split(".")
    if any(sign.isspace() for sign in query):
        _require_reading(query)
        return text(query.replace(":", r"\:"))
    return select(literal_column("*")).select_from(table(words[-1], schema=".".join(words[:-1]) or None))


def _require_reading(query: str) -> None:
    """Raise DataError unless a query reads: it begins with one of a few words, and is a single one."""
    bare = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"", " ", query, flags=re.DOTALL)
    first = re.match(r"[\s(]*(\w*)", bare)
    single = not bare.strip().rstrip(";").count(";")
    if first is None or first[1].lower() not in READING or not single:
        raise DataError(f"the query {query!r} is not one that only reads", "Begin it with SELECT or WITH.")


def _only_read(connection: Any) -> None:
    """Have the database refuse to write, where it can; nothing is committed in any case."""
    if order := READ_ONLY.get(connection.dialect.name):
        connection.exec_driver_sql(order)


def _kept(result: Any, name: str, text: frozenset[str]) -> Rows:
    columns = list(result.keys())
    partitions = result.partitions(batch_rows(len(columns)))
    first = _batch(columns, next(partitions, []), text)

    def batches() -> Iterator[pa.RecordBatch]:
        yield first
        for rows in partitions:
            yield _batch(columns, rows, text)

    return spooled(batches(), first.schema, name)


def _batch(columns: list[str], rows: Any, text: frozenset[str]) -> pa.RecordBatch:
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [_column(v, text=name in text) for name, v in zip(columns, values, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=columns)


def _column(values: Sequence[Any], *, text: bool) -> pa.Array:
    """The values of a column; decimals, which have types of their own by row, as floats."""
    if text:
        return spoken(values)
    numbers = all(value is None or isinstance(value, Decimal | float | int) for value in values)
    if numbers and any(isinstance(value, Decimal) for value in values):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return column(values)

"""Many files as one table: a folder, or a pattern such as ``day-*.parquet``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce

import pyarrow as pa

from undrift.errors import DataError, NotFoundError
from undrift.inputs import Rows, _places, rows, several
from undrift.inputs._places import Place
from undrift.inputs._types import cast, joined, simple, wider
from undrift.inputs.file import is_read, read

Reader = Callable[[frozenset[str]], Rows]
"""Opens one of the parts, with these columns as text where its format leaves a choice."""


def folder(source: str | list[str], text: frozenset[str] = frozenset()) -> Rows:
    """The rows of all files of a folder (also below it), a pattern, in the order of their names, or a list.

    Columns that some files show as numbers and others as text are text. Raises DataError when there are
    no files, or when one has not the columns that are read.
    """
    if isinstance(source, list):
        return together([partial(rows, str(name)) for name in source], several(source), text)
    found = _files(source)
    if not found:
        raise NotFoundError(f"{_places.shown(source)} matches no file that undrift reads", "Check the path.")
    return together([partial(read, where) for where in found], _places.shown(source), text)


def together(readers: Sequence[Reader], name: str, text: frozenset[str] = frozenset()) -> Rows:
    """The rows of all parts, one after the other.

    A column that not all parts have is in nobody's way until it is read: then DataError names a part.
    """
    parts = [simple(reader(text)) for reader in readers]
    if doubtful := _doubtful(parts):
        parts = [simple(reader(text | doubtful)) for reader in readers]
    schema = reduce(lambda one, part: joined(one, part.schema), parts[1:], parts[0].schema)

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = pa.schema([schema.field(n) for n in (schema.names if columns is None else columns)])
        for part in parts:
            _require_columns(part, chosen.names)
        for part in parts:
            for batch in part.scan(chosen.names):
                yield cast(batch, chosen)

    return Rows(name, schema, scan)


def _require_columns(part: Rows, names: Sequence[str]) -> None:
    """Raise DataError, naming the part, when it lacks a column."""
    lacking = [name for name in names if name not in part.schema.names]
    if lacking:
        raise DataError(
            f"{part.name} lacks column {lacking[0]!r}, which other files have",
            "Give files of one table, or name the columns to compare.",
        )


def _doubtful(parts: Sequence[Rows]) -> frozenset[str]:
    """Columns whose types in the parts do not fit together."""
    types: dict[str, pa.DataType] = {}
    return frozenset(
        field.name
        for part in parts
        for field in part.schema
        if wider(types.setdefault(field.name, field.type), field.type) is None
    )


def _files(source: str) -> list[Place]:
    """The files of a folder or a pattern that are read, in the order of their names."""
    base = _places.place(source) if not _places.is_pattern(source) else None
    try:
        base, found = (base, list(base.below())) if base else _places.matching(source)
    except (pa.ArrowException, OSError) as error:
        reason = _places.shown(str(error))
        raise DataError(f"{_places.shown(source)} cannot be listed: {reason}", "Check the path.") from error
    _refuse_delta(base, found)
    return sorted((w for w in found if _is_read(base, w)), key=lambda where: where.path)


def _is_read(base: Place, where: Place) -> bool:
    """Whether a file holds rows; hidden ones, the notes of other tools and other endings do not."""
    parts = where.path.removeprefix(base.path).split("/")
    return is_read(where.path) and not any(part.startswith((".", "_")) for part in parts)


def _refuse_delta(base: Place, found: Sequence[Place]) -> None:
    """Raise DataError when there is a Delta table: not all of its files are rows of it."""
    table = next((where.name for where in found if "/_delta_log/" in where.path), None)
    if table:
        foreign = "://" in base.name and not base.name.startswith("file:")
        name = f"{'delta+' if foreign else ''}{table.partition('/_delta_log/')[0]}"
        raise DataError(f"{base.name} holds a Delta table", f"Read it as {name}.")

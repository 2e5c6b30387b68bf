"""The agreed table: which columns there are, of which kind, and whether a batch fits it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undrift import tasks
from undrift.arrow import (
    MOMENT,
    UNREAD,
    as_numpy,
    is_vector,
    kind_of,
    plain,
    plain_type,
    type_named,
    understood,
)
from undrift.columns.disguise import disguised
from undrift.columns.kinds import as_kind, as_text, cast
from undrift.columns.times import tells_time
from undrift.errors import ConfigError, DataError, TooFewError, suggest
from undrift.records import Column, Kind, Schema, TaskName
from undrift.tasks import CONFIDENCE, OUTPUT

ROW_ORDER = "order"
"""The name of a time column that stands for the order of the rows, where no column is called so."""

TARGET = "(target)"
"""What the labels are called among the features that are compared."""

PREFIX = "_undrift_"
"""Names that begin like this belong to the lake's own columns."""

MINIMUM_HISTORY = 50
"""Rows under which no model is trained: nothing could be said about it."""

IGNORED, NOT_KEPT, ASIDE = "ignored", "ignored, not kept", "ignored, kept for gate.segments"
"""Columns that the settings ignore; workspaces of 0.1.0 kept them with the others."""

WEIGHT = "weight"
"""Why the column that says how much rows count is no feature."""

NO_NAME = "(no name)"
"""What a column without a name is called."""

INDEX = "an index: the first column, without a name"
"""Why a first column without a name is left out, and not kept: so pandas and R write what names rows."""

WHOLE = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
"""Types of whole numbers."""

MOST_CLASSES = 20
"""Different whole numbers of a target that might be classes, at most."""

EXACT = 2**53
"""As far floats hold every whole number."""

UNTYPED = "all null"
"""Why a column without a single value is left out: nobody knows its type yet, so it is not kept either."""

TIMES = "times are not compared"
"""Why times are left out, also those in text, which would be times in a format that has types."""

ID_LIKE = "ID-like: nearly every value is different"
"""Why text that names rows is left out: it does not describe them."""

VECTOR = "a list of numbers"
"""Why an embedding is no feature: it has no values that could be counted."""

COUNTER = "ID-like: a number that rises from row to row"
"""Why a running number is left out: the next rows always have larger ones."""

COMPARED: dict[str, Kind] = {"numeric": "numeric", "categorical": "categorical", "boolean": "boolean"}

LEFT_OUT = ("datetime", "text", "ignored")
"""The kinds that a column can be set to; the last ones are not compared."""

ID_LIKE_SHARE = 0.5

ID_LIKE_ROWS = 100
"""A text column whose values are nearly all different names rows, it does not describe them."""


def infer(
    table: pa.Table,
    *,
    target: str | None = None,
    time: str | None = None,
    id: str | None = None,  # noqa: A002 - the word that users write
    prediction: str | None = None,
    weight: str | None = None,
    ignore: Iterable[str] = (),
    task: TaskName | None = None,
    kinds: Mapping[str, str] | None = None,
    source: str = "the table",
    stored: bool = True,
) -> Schema:
    """Agree on a schema from the first rows of a stream.

    Every column but target and prediction is kept; features are those undrift can compare, the
    others are left out with a reason; ``kinds`` tells the kind of a column where it should not be
    inferred. Raises DataError for a named column that is not there, a target that is empty or has one
    class only, and, where rows are to be ``stored``, for what a lake cannot keep: names that
    differ only in case or begin like the lake's own.
    """
    forced = kinds or {}
    for name in filter(None, (target, time, id, prediction, weight, *ignore, *forced)):
        require(table.column_names, name, source)
    roles = ((id, "id"), (prediction, "prediction"), (weight, "weight"), *((n, "ignored") for n in ignore))
    _apart(target, roles, source)
    if time is not None and time == target:
        raise DataError(f"column {time!r} of {source} is both target and time", "Name another one.")
    single = [n for n in (target, time, id, weight) if n]
    _readable(table, [*single, *([prediction] if prediction else [])], single, source)
    if stored:
        _storable(table, source)
    apart = {target, prediction}
    out: dict[str | None, str] = {}
    for name in index_of(table.column_names):
        out[name] = INDEX
    out |= {id: "id", time: "time", weight: WEIGHT} | {name: IGNORED for name in ignore if name != time}
    columns = _with_counters(
        tuple(
            _forced(table[name], name, forced[name], source)
            if name in forced and out.get(name, INDEX) == INDEX
            else _column(table[name], name, time, out)
            for name in table.column_names
            if name not in apart
        )
    )
    columns = tuple(replace(c, type="double") if c.name == weight else c for c in columns)
    if not any(column.role == "feature" for column in columns):
        raise DataError(f"{source} has no feature column", _without_features(columns))
    found, classes = _task(table[target], target, task, source) if target else (None, ())
    return Schema(
        columns,
        target=target,
        task=found,
        classes=classes,
        time=time,
        id=id,
        prediction=prediction,
        weight=weight,
    )


def widened(schema: Schema, table: pa.Table) -> Schema:
    """The same schema, with features of whole numbers as such that may hold fractions and nulls later.

    Those stay as they are of which a float could not hold every number.
    """
    return replace(schema, columns=tuple(_widened(column, table) for column in schema.columns))


def _widened(column: Column, table: pa.Table) -> Column:
    if column.role != "feature" or column.kind != "numeric" or column.type not in WHOLE:
        return column
    ends = pc.min_max(plain(table[column.name]))
    far = max(abs(end.as_py() or 0) for end in ends.values())
    return replace(column, type="double") if far <= EXACT else column


def require(names: Sequence[str], name: str, source: str = "the table") -> None:
    """Raise DataError, with the name that was probably meant, unless the column is there."""
    if name not in names:
        raise DataError(f"{source} has no column {name!r}", suggest(name, list(names)))


def require_history(table: pa.Table, source: str = "the table") -> None:
    """Raise TooFewError unless there are enough rows to agree on a schema and train a first model."""
    if table.num_rows == 0:
        raise DataError(f"{source} has a header but no rows", "Deliver at least one row.")
    if table.num_rows < MINIMUM_HISTORY:
        raise TooFewError(
            f"{source} has {table.num_rows} rows",
            f"A history needs at least {MINIMUM_HISTORY}, preferably thousands.",
        )


def index_of(names: Sequence[str]) -> frozenset[str]:
    """The column that numbers rows, as pandas and R write it: the first of several, without a name.

    >>> index_of(["(no name)", "x"]), index_of(["x", "(no name)"])
    (frozenset({'(no name)'}), frozenset())
    """
    return frozenset(names[:1] if len(names) > 1 and names[0] == NO_NAME else ())


def features(schema: Schema) -> tuple[Column, ...]:
    """The columns that are compared and that a model sees."""
    return tuple(column for column in schema.columns if column.role == "feature")


def conform(table: pa.Table, schema: Schema, source: str = "the table") -> pa.Table:
    """The agreed columns in the agreed order and types; extra columns are dropped.

    Values are cast only where nothing is lost. Raises DataError naming file, column and row.
    """
    if table.num_rows == 0:
        raise DataError(f"{source} has a header but no rows", "Deliver at least one row.")
    kept = [column for column in schema.columns if _is_kept(column)]
    for column in kept:
        require(table.column_names, column.name or NO_NAME, source)
    types = [(column.name, type_named(column.type)) for column in kept]
    return pa.table(
        [cast(table[name or NO_NAME], type_, name, source) for name, type_ in types],
        schema=pa.schema(types),
    )


def _is_kept(column: Column) -> bool:
    """Whether a column's values are kept: not where nobody knows their type, or where they number rows."""
    return column.reason not in (UNTYPED, INDEX, NOT_KEPT) and column.type != UNREAD


def conform_where_possible(table: pa.Table, schema: Schema) -> pa.Table:
    """The same table with the agreed types wherever they fit; other columns stay as they are."""
    for column in (c for c in features(schema) if c.name in table.column_names):
        try:
            values = cast(table[column.name], type_named(column.type), column.name, "")
        except DataError:
            continue
        table = table.set_column(table.column_names.index(column.name), column.name, values)
    return table


def extra(table: pa.Table, schema: Schema) -> tuple[str, ...]:
    """Columns of a batch that the schema does not know, or knew without a single value or type."""
    untyped = {column.name for column in schema.columns if column.reason == UNTYPED}
    filled = {n for n in untyped & {*table.column_names} if table[n].null_count < table.num_rows}
    known = {column.name or NO_NAME for column in schema.columns} - filled
    known |= {schema.target or "", schema.prediction or "", *index_of(table.column_names)}
    return tuple(name for name in table.column_names if name not in known)


def labels(values: pa.ChunkedArray, schema: Schema, source: str = "the table") -> pa.ChunkedArray:
    """A target column as float64: the value itself, or the place of a class from 0 up.

    Raises DataError for a label that is none of two classes, or a target that is not a number.
    """
    return tasks.named(schema.task).labels(values, schema.target or "", schema.classes, source)


def _apart(target: str | None, roles: Iterable[tuple[str | None, str]], source: str) -> None:
    """Raise DataError when one column is given two roles."""
    for name, role in roles:
        if name is not None and name == target:
            raise DataError(f"column {name!r} of {source} is both target and {role}", "Name another one.")


def _readable(table: pa.Table, names: Iterable[str], single: Container[str], source: str) -> None:
    """Raise DataError for a named column whose values are not understood."""
    for name in names:
        type_ = table.schema.field(name).type
        if not understood(type_) or (is_vector(type_) and name in single):
            raise DataError(
                f"column {name!r} of {source} is {type_}, which undrift does not read",
                "Turn it into numbers, text or times first.",
            )


def _storable(table: pa.Table, source: str) -> None:
    """Raise DataError for a column that a lake cannot keep."""
    seen: dict[str, str] = {}
    for name in table.schema.names:
        if name.startswith(PREFIX):
            raise DataError(f"column {name!r} of {source} begins with {PREFIX!r}", "Rename it.")
        if name in (OUTPUT, CONFIDENCE, TARGET):
            kept = "the labels are" if name == TARGET else "the model's output is"
            raise DataError(f"{source} has a column {name!r}: so {kept} called", "Rename it.")
        if seen.setdefault(name.lower(), name) != name:
            raise DataError(
                f"{source} has the columns {seen[name.lower()]!r} and {name!r}, which differ only in case",
                "Rename one.",
            )


def _column(values: pa.ChunkedArray, name: str, time: str | None, apart: dict[str | None, str]) -> Column:
    kind = kind_of(values.type)
    reason = apart.get(name) or _why_left_out(values, kind)
    type_ = str(MOMENT) if name == time and kind == "categorical" else _type_name(values.type)
    if reason:
        return Column(name, type_, kind, "left out", reason)
    return Column(name, type_, kind)


def _type_name(type_: pa.DataType) -> str:
    """What is written down for a type."""
    return str(plain_type(type_)) if understood(type_) else UNREAD


def _forced(values: pa.ChunkedArray, name: str, kind: str, source: str) -> Column:
    """A column whose kind was set; every type can be text, only numbers and their like can be numeric."""
    if kind not in (*COMPARED, *LEFT_OUT):
        raise ConfigError(f"column {name!r}: unknown kind {kind!r}", suggest(kind, [*COMPARED, *LEFT_OUT]))
    type_ = _type_name(values.type)
    if kind in LEFT_OUT:
        return Column(name, type_, None, "left out", f"{kind}, as set")
    try:
        found = as_kind(values, COMPARED[kind], forced=True)
        if kind == "categorical":
            as_text(found)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"column {name!r} of {source} cannot be {kind}: {str(error).splitlines()[0]}",
            "Choose another kind.",
        ) from error
    return Column(name, type_, COMPARED[kind])


def _with_counters(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The same columns; where nothing else is left to compare, running numbers are compared after all."""
    if any(column.role == "feature" for column in columns):
        return columns
    return tuple(
        replace(column, role="feature", reason="") if column.reason == COUNTER else column
        for column in columns
    )


def _without_features(columns: Sequence[Column]) -> str:
    """What to do about a table of which nothing is compared."""
    times = [c.name for c in columns if c.reason == TIMES]
    if times:
        return f"Times are left out; compare and profile take them as numbers with --kind {times[0]}=numeric."
    named = [
        f"{c.name}: {c.reason}"
        for c in columns
        if c.reason not in ("", "id", "time", "ignored", WEIGHT, INDEX)
    ]
    more = f"; {len(named) - 3} more" if len(named) > 3 else ""
    return f"{'; '.join(named[:3])}{more}." if named else "Add numeric, boolean or text columns."


def _why_left_out(values: pa.ChunkedArray, kind: Kind | None) -> str:
    type_ = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if is_vector(type_):
        return VECTOR
    if pa.types.is_null(type_):
        return UNTYPED
    if pa.types.is_temporal(type_) or (kind == "categorical" and tells_time(values)):
        return TIMES
    if kind is None:
        return f"{'bytes are' if 'binary' in str(type_) else f'{type_} is'} not compared"
    if kind == "categorical" and _names_rows(values):
        return disguised([plain(values)]) or ID_LIKE
    return COUNTER if pa.types.is_integer(type_) and _counts_up(values) else ""


def _names_rows(values: pa.ChunkedArray) -> bool:
    """Whether nearly every value of a text column is another one."""
    rows = len(values) - values.null_count
    return bool(rows >= ID_LIKE_ROWS and pc.count_distinct(plain(values)).as_py() > ID_LIKE_SHARE * rows)


def _counts_up(values: pa.ChunkedArray) -> bool:
    """Whether whole numbers rise from row to row, as numbers of rows or orders do."""
    if len(values) < ID_LIKE_ROWS or values.null_count:
        return False
    numbers = as_numpy(plain(values))
    return bool(np.all(numbers[1:] > numbers[:-1]))


def _task(
    values: pa.ChunkedArray, name: str, task: TaskName | None, source: str
) -> tuple[TaskName, tuple[str, ...]]:
    known = values.drop_null()
    if len(known) == 0:
        raise DataError(f"target {name!r} of {source} holds no label", "Name the right target column.")
    distinct = sorted(set(as_text(known.unique()).to_pylist()))
    if len(distinct) == 1:
        raise DataError(
            f"target {name!r} of {source} has one value only: {distinct[0]!r}",
            "Training needs rows of both classes, or a number that varies.",
        )
    several = "regression" if kind_of(values.type) == "numeric" else "multiclass"
    chosen = task or (several if len(distinct) > 2 else "binary")
    return chosen, tasks.named(chosen).classes(known, name, source)


def perhaps_classes(values: pa.ChunkedArray) -> int:
    """How many whole numbers a target holds that might as well be classes; 0 where they cannot be meant.

    Two values are two classes without a question, and more than twenty are a number.

    >>> perhaps_classes(pa.chunked_array([[1, 2, 3, 3]])), perhaps_classes(pa.chunked_array([[0, 1]]))
    (3, 0)
    """
    known = plain(values).drop_null()
    whole = pa.types.is_integer(known.type) or (
        pa.types.is_floating(known.type)
        and pc.all(pc.and_(pc.is_finite(known), pc.equal(known, pc.floor(known)))).as_py()
    )
    distinct = len(known.unique()) if whole else 0
    return distinct if distinct in range(3, MOST_CLASSES + 1) else 0

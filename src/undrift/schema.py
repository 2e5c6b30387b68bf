"""The agreed table: which columns there are, of which kind, and whether a batch fits it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift.errors import ConfigError, DataError, TooFewError, suggest
from undrift.records import Column, Kind, Schema, Task

MOMENT = pa.timestamp("us", tz="UTC")
"""The type of every time that undrift keeps."""

OUTPUT = "(prediction)"
"""What a model's own output is called among the features that are compared."""

ROW_ORDER = "order"
"""The name of a time column that stands for the order of the rows, where no column is called so."""

TARGET = "(target)"
"""What the labels are called among the features that are compared."""

PREFIX = "_undrift_"
"""Names that begin like this belong to the lake's own columns."""

MINIMUM_HISTORY = 50
"""Rows under which no model is trained: nothing could be said about it."""

UNTYPED = "all null"
"""Why a column without a single value is left out: nobody knows its type yet, so it is not kept either."""

TELLS_TIME = "text that tells times is not compared"
"""Why such text is left out: where formats have types, or guess them, it would be a time."""

COUNTER = "ID-like: a number that rises from row to row"
"""Why a running number is left out: the next rows always have larger ones."""

EXACT_POWER = 22
"""The largest power of ten that is a float without rounding."""

COMPARED: dict[str, Kind] = {"numeric": "numeric", "categorical": "categorical", "boolean": "boolean"}
LEFT_OUT = ("datetime", "text", "ignored")
"""The kinds that a column can be told to have; the last ones are not compared."""

DAY = r"\d{4}-\d\d-\d\d"
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
MOMENTS = re.compile(f"{CLOCK}|{DAY}(?:[ T].*)?")
"""How times are written in text: ISO 8601."""

_MICRO, _NANO, _NANO_ZONED = pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ns", tz="UTC")

ID_LIKE_SHARE = 0.5
ID_LIKE_ROWS = 100
"""A text column whose values are nearly all different names rows, it does not describe them."""


def kind_of(type_: pa.DataType) -> Kind | None:
    """How undrift sees an Arrow type; None for what it cannot compare (times, bytes, nested).

    >>> kind_of(pa.int8()), kind_of(pa.string()), kind_of(pa.timestamp("us"))
    ('numeric', 'categorical', None)
    """
    if pa.types.is_dictionary(type_):
        return kind_of(type_.value_type)
    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return "numeric"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return "categorical"
    return None


def infer(
    table: pa.Table,
    *,
    target: str | None = None,
    time: str | None = None,
    id: str | None = None,  # noqa: A002 - the word that users write
    prediction: str | None = None,
    ignore: Iterable[str] = (),
    task: Task | None = None,
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
    told = kinds or {}
    for name in filter(None, (target, time, id, prediction, *ignore, *told)):
        require(table.column_names, name, source)
    _apart(target, id, prediction, ignore, source)
    if time is not None and time == target:
        raise DataError(f"column {time!r} of {source} is both target and time", "Name another one.")
    ignored = {*ignore, *(name for name, kind in told.items() if kind in LEFT_OUT)}
    _flat(table, set() if stored else ignored, source)
    if stored:
        _storable(table, source)
    apart = {target, prediction}
    out: dict[str | None, str] = {id: "id", **dict.fromkeys(ignore, "ignored"), time: "time"}
    columns = _with_counters(
        tuple(
            _told(table[name], name, told[name], source)
            if name in told and name not in out
            else _column(table[name], name, time, out)
            for name in table.column_names
            if name not in apart
        )
    )
    if not any(column.role == "feature" for column in columns):
        raise DataError(f"{source} has no feature column", _without_features(table, columns))
    found, classes = _task(table[target], target, task, source) if target else (None, ())
    return Schema(
        columns, target=target, task=found, classes=classes, time=time, id=id, prediction=prediction
    )


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
            f"A history needs at least {MINIMUM_HISTORY}, better thousands.",
        )


def features(schema: Schema) -> tuple[Column, ...]:
    """The columns that are compared and that a model sees."""
    return tuple(column for column in schema.columns if column.role == "feature")


def conform(table: pa.Table, schema: Schema, source: str = "the table") -> pa.Table:
    """The agreed columns in the agreed order and types; extra columns are dropped.

    Values are cast only where nothing is lost. Raises DataError naming file, column and row.
    """
    if table.num_rows == 0:
        raise DataError(f"{source} has a header but no rows", "Deliver at least one row.")
    kept = [column for column in schema.columns if column.reason != UNTYPED]
    for column in kept:
        require(table.column_names, column.name, source)
    types = [(column.name, type_named(column.type)) for column in kept]
    return pa.table(
        [cast(table[name], type_, name, source) for name, type_ in types], schema=pa.schema(types)
    )


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
    known = {column.name for column in schema.columns} - filled | {schema.target, schema.prediction}
    return tuple(name for name in table.column_names if name not in known)


def cast(values: pa.ChunkedArray, type_: pa.DataType, name: str, source: str) -> pa.ChunkedArray:
    """Cast without loss: 3.0 becomes the integer 3, 3.5 and "abc" are refused with their row."""
    try:
        return _lossless(values, type_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        row = _first_misfit(values, type_)
        at = f", row {row + 1} holds {values[row].as_py()!r}" if row >= 0 else f", it is {values.type}"
        raise DataError(
            f"column {name!r} of {source} should be {type_}{at}", "Correct the column, then deliver again."
        ) from error


def plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in a type that every lake can keep: no dictionaries, views, or unsigned integers."""
    nanoseconds = pa.types.is_timestamp(values.type) and values.type.unit == "ns"
    narrows = nanoseconds or pa.types.is_uint64(values.type)
    if pa.types.is_decimal(values.type):
        return _decimals(values)
    return values.cast(plain_type(values.type), safe=not narrows)


def plain_type(type_: pa.DataType) -> pa.DataType:
    """The lake's type for an Arrow type, wide enough for all but nanoseconds and integers over 2^53."""
    if pa.types.is_dictionary(type_):
        return plain_type(type_.value_type)
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    if pa.types.is_uint64(type_) or pa.types.is_decimal(type_) or pa.types.is_float16(type_):
        return pa.float64()
    if pa.types.is_unsigned_integer(type_):
        return pa.int64()
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return MOMENT
    if pa.types.is_null(type_):
        return pa.float64()
    if pa.types.is_time(type_):
        return pa.string()
    if pa.types.is_duration(type_):
        return pa.int64()
    if kind_of(type_) is None and "binary" in str(type_):
        return pa.binary()
    return type_


def type_named(name: str) -> pa.DataType:
    """The Arrow type that was written down by name in a schema.

    >>> type_named("timestamp[us, tz=UTC]")
    TimestampType(timestamp[us, tz=UTC])
    """
    if name == str(MOMENT):
        return MOMENT
    return {"double": pa.float64(), "float": pa.float32()}.get(name) or pa.type_for_alias(name)


def labels(values: pa.ChunkedArray, schema: Schema, source: str = "the table") -> pa.ChunkedArray:
    """A target column as float64: the value itself, or 0 and 1 for the two classes.

    Raises DataError for a label that is none of the classes, or a target that is not a number.
    """
    if schema.task != "binary":
        return _finite(cast(values, pa.float64(), schema.target or "", source), schema.target or "", source)
    text = as_text(values)
    codes = pc.index_in(text, pa.array(schema.classes))
    unknown = pc.and_(pc.is_null(codes), pc.is_valid(text))
    if pc.any(unknown).as_py():
        value = text.filter(unknown)[0].as_py()
        raise DataError(
            f"column {schema.target!r} of {source} holds the label {value!r}",
            f"Labels are {schema.classes[0]!r} and {schema.classes[1]!r}.",
        )
    return codes.cast(pa.float64())


def as_kind(
    values: pa.Array | pa.ChunkedArray, kind: Kind, *, told: bool = False
) -> pa.Array | pa.ChunkedArray:
    """The values in a type that can be counted as this kind: float64, boolean, or any with a text form.

    What loses nothing is done silently: 0 and 1, and these words, are taken for false and true where
    these are expected, numbers also the other way round, whole numbers for labels. Where the kind was
    ``told``, times become seconds since 1970, text is parsed, and every type can be labels. Raises
    ArrowInvalid otherwise.
    """
    type_ = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_null(type_):
        return values.cast(pa.float64() if kind == "numeric" else pa.string())
    found = kind_of(type_)
    if kind == "numeric":
        return _as_number(values, type_, found, told=told)
    if found == kind or (
        kind == "categorical" and (told or found == "boolean" or pa.types.is_integer(type_))
    ):
        return values
    if kind == "boolean" and (found in ("numeric", "categorical") or told):
        return _lossless(pa.chunked_array([values]) if isinstance(values, pa.Array) else values, pa.bool_())
    raise pa.ArrowInvalid(f"{type_} is not {kind}")


def _as_number(
    values: pa.Array | pa.ChunkedArray, type_: pa.DataType, found: Kind | None, *, told: bool
) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_float64(values.type):
        return values
    if found in ("numeric", "boolean"):
        plain_ = values.cast(type_) if pa.types.is_dictionary(values.type) else values
        if pa.types.is_decimal(type_):
            return _decimals(plain_)
        return plain_.cast(pa.uint8() if found == "boolean" else pa.float64(), safe=False)
    if told and pa.types.is_temporal(type_):
        return _seconds(values.cast(_microseconds(type_), safe=False))
    if told and found == "categorical":
        words = values.cast(pa.string())
        return words.cast(pa.float64()) if _casts(words, pa.float64()) else _seconds(_from_text(words))
    raise pa.ArrowInvalid(f"{type_} is not numeric")


def _seconds(moments: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Microseconds as seconds."""
    return pc.divide(moments.cast(pa.int64()).cast(pa.float64(), safe=False), 1e6)


def _microseconds(type_: pa.DataType) -> pa.DataType:
    """The type of the same times as whole numbers of microseconds."""
    if pa.types.is_duration(type_):
        return pa.duration("us")
    return pa.time64("us") if pa.types.is_time(type_) else pa.timestamp("us")


def _decimals(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The nearest floats of decimals, as if they were parsed; Arrow's own cast is off in the last digit."""
    if isinstance(values, pa.ChunkedArray):
        return pa.chunked_array([_decimals(chunk) for chunk in values.chunks], pa.float64())
    short = pa.types.is_decimal128(values.type) and 0 <= values.type.scale <= EXACT_POWER
    whole = _unscaled(values) if short else None
    if whole is None:
        return values.cast(pa.string()).cast(pa.float64())
    return pc.if_else(values.is_valid(), pa.array(whole / 10.0**values.type.scale), None)


def _unscaled(values: pa.Array) -> NDArray[np.float64] | None:
    """Decimals without their point; None where one is too large to be an exact float."""
    words = np.frombuffer(values.buffers()[1], dtype="<i8").reshape(-1, 2)
    low, high = words[values.offset : values.offset + len(values)].T
    exact = (high == low >> 63) & (low >= -(2**53)) & (low <= 2**53)
    return low.astype(np.float64) if exact.all() else None


def as_numpy(values: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Numbers that are not null as a NumPy array, in place where they are in one piece without nulls.

    Arrow's own ``to_numpy`` imports pandas, which takes longer than reading many a file.
    """
    parts = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    found = [_valid(part) for part in parts if len(part)] or [np.empty(0, np.int64)]
    return found[0] if len(found) == 1 else np.concatenate(found)


def moments(values: pa.Array | pa.ChunkedArray, missing: int) -> tuple[bool, NDArray[np.int64]]:
    """Whether a time column holds points in time, and each row as microseconds since 1970, or as it is.

    Text is parsed; times without a zone are UTC; whole numbers stay what they are. Nulls become ``missing``.
    Raises ArrowInvalid for what is neither.
    """
    column = pa.chunked_array([values]) if isinstance(values, pa.Array) else values
    if pa.types.is_null(column.type):
        return True, np.full(len(column), missing, dtype=np.int64)
    column = plain(column)
    counted = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if counted:
        whole = column.cast(pa.int64())
    elif pa.types.is_string(column.type):
        whole = _from_text(column).cast(pa.int64())
    else:
        whole = column.cast(pa.timestamp("us")).cast(pa.int64())
    return not counted, as_numpy(whole.fill_null(missing))


def without_views(types: pa.Schema) -> pa.Schema:
    """The same columns with plain text and bytes for views, of which Arrow does not take single rows yet."""
    plain_ = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    return pa.schema([f.with_type(plain_.get(f.type, f.type)) for f in types])


def as_arrow(values: NDArray[Any] | Sequence[str]) -> pa.Array:
    """Numbers, truths or labels as an Arrow array; Arrow's own ``array`` imports pandas.

    >>> as_arrow(["a", "bc"]).to_pylist(), as_arrow(np.array([True, False])).to_pylist()
    (['a', 'bc'], [True, False])
    """
    if isinstance(values, np.ndarray):
        bits = values.dtype == np.bool_
        data = np.packbits(values, bitorder="little") if bits else np.ascontiguousarray(values)
        type_ = pa.bool_() if bits else pa.from_numpy_dtype(values.dtype)
        return pa.Array.from_buffers(type_, len(values), [None, pa.py_buffer(data)])
    encoded = [label.encode() for label in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return pa.LargeStringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


def _valid(values: pa.Array) -> NDArray[Any]:
    validity, numbers = values.buffers()
    bare = pa.Array.from_buffers(values.type, len(values), [None, numbers], 0, values.offset)
    found = np.from_dlpack(bare)
    if not values.null_count:
        return found
    end = values.offset + len(values)
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), count=end, bitorder="little")
    return found[bits[values.offset :].view(np.bool_)]


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Labels as text: whole numbers without a point, booleans as true and false.

    What a value is called depends on nothing but itself.
    """
    if pa.types.is_date(values.type):
        return values.cast(pa.date32()).cast(pa.string())
    if not pa.types.is_integer(values.type):
        values = plain(values)
    if not pa.types.is_floating(values.type):
        return values.cast(pa.string())
    whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2.0**53))
    integers = pc.if_else(whole, values, None).cast(pa.int64())
    return pc.coalesce(integers.cast(pa.string()), values.cast(pa.string()))


def _apart(
    target: str | None,
    id_: str | None,
    prediction: str | None,
    ignore: Iterable[str],
    source: str,
) -> None:
    """Raise DataError when one column is given two roles."""
    for name, role in ((id_, "id"), (prediction, "prediction"), *((n, "ignored") for n in ignore)):
        if name is not None and name == target:
            raise DataError(f"column {name!r} of {source} is both target and {role}", "Name another one.")


def _flat(table: pa.Table, ignored: set[str], source: str) -> None:
    """Raise DataError for a nested column that nobody said to ignore."""
    for name, type_ in zip(table.schema.names, table.schema.types, strict=True):
        if pa.types.is_nested(type_) and name not in ignored:
            raise DataError(
                f"column {name!r} of {source} is nested ({type_})",
                "Flatten or drop it; compare and profile leave it out with --kind COLUMN=ignored.",
            )


def _storable(table: pa.Table, source: str) -> None:
    """Raise DataError for a column that a lake cannot keep."""
    seen: dict[str, str] = {}
    for name in table.schema.names:
        if name.startswith(PREFIX):
            raise DataError(f"column {name!r} of {source} begins with {PREFIX!r}", "Rename it.")
        if name in (OUTPUT, TARGET):
            kept = "the model's output is" if name == OUTPUT else "the labels are"
            raise DataError(f"{source} has a column {name!r}: so {kept} called", "Rename it.")
        if seen.setdefault(name.lower(), name) != name:
            raise DataError(
                f"{source} has the columns {seen[name.lower()]!r} and {name!r}, which differ only in case",
                "Rename one.",
            )


def _column(values: pa.ChunkedArray, name: str, time: str | None, apart: dict[str | None, str]) -> Column:
    kind = kind_of(values.type)
    reason = apart.get(name) or _why_left_out(values, kind)
    type_ = str(MOMENT if name == time and kind == "categorical" else plain_type(values.type))
    if reason:
        return Column(name, type_, kind, "left out", reason)
    return Column(name, type_, kind)


def _told(values: pa.ChunkedArray, name: str, kind: str, source: str) -> Column:
    """A column whose kind was told; every type can be text, only numbers and their like can be numeric."""
    if kind not in (*COMPARED, *LEFT_OUT):
        raise ConfigError(f"column {name!r}: unknown kind {kind!r}", suggest(kind, [*COMPARED, *LEFT_OUT]))
    type_ = str(plain_type(values.type))
    if kind in LEFT_OUT:
        return Column(name, type_, None, "left out", f"{kind}, as told")
    try:
        found = as_kind(values, COMPARED[kind], told=True)
        if kind == "categorical":
            as_text(found)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"column {name!r} of {source} cannot be {kind}: {str(error).splitlines()[0]}",
            "Tell another kind.",
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


def _from_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Event times written as text, with or without a zone; those without are UTC."""
    try:
        return values.cast(pa.timestamp("us")).cast(MOMENT)
    except pa.ArrowInvalid:
        return values.cast(MOMENT)


def _without_features(table: pa.Table, columns: Iterable[Column]) -> str:
    """What to do about a table of which nothing is compared."""
    times = [c.name for c in columns if pa.types.is_temporal(table[c.name].type) or c.reason == TELLS_TIME]
    if times:
        return f"Times are left out; compare and profile take them as numbers with --kind {times[0]}=numeric."
    return "Add numeric, boolean or text columns."


def _why_left_out(values: pa.ChunkedArray, kind: Kind | None) -> str:
    if pa.types.is_null(values.type):
        return UNTYPED
    if kind is None:
        return f"{values.type} is not compared"
    if kind == "categorical":
        if _tells_time(values):
            return TELLS_TIME
        rows = len(values) - values.null_count
        if rows >= ID_LIKE_ROWS and pc.count_distinct(plain(values)).as_py() > ID_LIKE_SHARE * rows:
            return "ID-like: nearly every value is different"
    return COUNTER if pa.types.is_integer(values.type) and _counts_up(values) else ""


def _tells_time(values: pa.ChunkedArray) -> bool:
    """Whether all of a text column would be times in a format that has types, or that guesses them."""
    found = plain(values).drop_null()
    if not len(found) or not MOMENTS.fullmatch(found[0].as_py()):
        return False
    found = found.unique()
    if pc.all(pc.match_substring_regex(found, f"^(?:{CLOCK})$")).as_py():
        return True
    whole = pc.match_substring_regex(found, f"^(?:{DAY}.*)$")
    return pc.all(whole).as_py() and any(_casts(found, t) for t in (_MICRO, MOMENT, _NANO, _NANO_ZONED))


def _casts(values: pa.Array | pa.ChunkedArray, type_: pa.DataType) -> bool:
    try:
        values.cast(type_)
    except pa.ArrowInvalid:
        return False
    return True


def _counts_up(values: pa.ChunkedArray) -> bool:
    """Whether whole numbers rise from row to row, as numbers of rows or orders do."""
    if len(values) < ID_LIKE_ROWS or values.null_count:
        return False
    numbers = as_numpy(values)
    return bool(np.all(numbers[1:] > numbers[:-1]))


def _task(values: pa.ChunkedArray, name: str, task: Task | None, source: str) -> tuple[Task, tuple[str, ...]]:
    known = values.drop_null()
    if len(known) == 0:
        raise DataError(f"target {name!r} of {source} holds no label", "Name the right target column.")
    distinct = sorted(set(as_text(known.unique()).to_pylist()))
    if len(distinct) == 1:
        raise DataError(
            f"target {name!r} of {source} has one value only: {distinct[0]!r}",
            "Training needs rows of both classes, or a number that varies.",
        )
    numeric = kind_of(values.type) == "numeric"
    chosen: Task = task or ("regression" if numeric and len(distinct) > 2 else "binary")
    if chosen == "binary" and len(distinct) > 2:
        raise DataError(
            f"target {name!r} of {source} has {len(distinct)} classes",
            "undrift trains on two classes or on numbers; merge classes or name a numeric target.",
        )
    if chosen == "regression" and not numeric:
        raise DataError(f"target {name!r} of {source} is not a number", "Leave out the task setting.")
    return chosen, tuple(distinct) if chosen == "binary" else ()


def _finite(values: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    bad = pc.invert(pc.fill_null(pc.is_finite(values), True))
    if pc.any(bad).as_py():
        row = pc.index(bad, True).as_py()
        raise DataError(f"target {name!r} of {source} is not finite in row {row + 1}", "Correct the label.")
    return values


def _lossless(values: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Cast, or raise ArrowInvalid: also where Arrow itself would turn 2 into true or a number into a time."""
    if pa.types.is_null(values.type):
        return pa.chunked_array([pa.nulls(len(values), type_)])
    values = plain(values)
    if values.type == type_:
        return values
    if pa.types.is_timestamp(values.type) != pa.types.is_timestamp(type_) and not pa.types.is_string(
        values.type
    ):
        raise pa.ArrowInvalid("a time is not a number")
    if values.type == pa.string() and type_ == MOMENT:
        return _from_text(values)
    found = values.cast(type_)
    if pa.types.is_boolean(type_) and kind_of(values.type) == "numeric":
        lost = pc.not_equal(found.cast(values.type), values)
    elif pa.types.is_float32(type_) and pa.types.is_float64(values.type):
        lost = pc.not_equal(pc.is_inf(found), pc.is_inf(values))
    else:
        return found
    if pc.any(lost).as_py():
        raise pa.ArrowInvalid("a value does not fit")
    return found


def _first_misfit(values: pa.ChunkedArray, type_: pa.DataType) -> int:
    """The first row that does not fit, by halving; -1 where the type itself does not."""
    return bisect_left(range(len(values) + 1), True, key=lambda rows: not _fits(values[:rows], type_)) - 1


def _fits(values: pa.ChunkedArray, type_: pa.DataType) -> bool:
    try:
        _lossless(values, type_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True

"""How a time column is written: ISO 8601, seconds since 1970, years, a pattern of one's own.

A format is one of ``FORMATS`` or a pattern of strptime ("%d.%m.%Y %H:%M"). What cannot be mistaken is
recognised; a day and a month that could be taken for one another are never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift.arrow import MOMENT, plain, plain_type
from undrift.columns.kinds import as_text
from undrift.columns.times import from_text
from undrift.errors import ConfigError, DataError, suggest
from undrift.records import Schema

EPOCHS = {"epoch": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1, "epoch_ns": 0}
"""Microseconds per unit of a number that counts from 1970 (UTC); 0 for nanoseconds, which are cut off."""

NAMED = {"year": "%Y", "year_month": "%Y-%m"}
"""Patterns with a name."""

COUNTER = "counter"
"""Numbers that put rows in order and are no times."""

FORMATS = ("iso", *EPOCHS, *NAMED, COUNTER)
"""The formats that have a name."""

YEARS = (1900, 2100)
"""Numbers from here to there are taken for years, and for times since 1970 if that is what they are."""

COMMON = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d %b %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y"),
)
"""Patterns of days that are tried to say what a column looks like."""

CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
"""Patterns of clocks that may follow them."""

_LAST = 253_402_300_800_000_000
"""The year 10,000 in microseconds since 1970."""

_FIRST = -62_135_596_800_000_000
"""The year 1 in microseconds since 1970."""


def check(form: str, setting: str = "data.time_format") -> str:
    """The format; raises ConfigError for one that is not known."""
    if form in FORMATS or "%" in form:
        return form
    raise ConfigError(
        f"{setting} = {form!r} is not a time format",
        f'{suggest(form, list(FORMATS))} Or write a pattern such as "%d.%m.%Y %H:%M".',
    )


def agreed(schema: Schema, values: pa.ChunkedArray, form: str, source: str) -> Schema:
    """The schema with the format of its time column; a counter is no time, it puts rows in order."""
    name = schema.time
    if form == COUNTER:
        counted(values, name or "", source)
        return replace(schema, time=None, order=name)
    kept = str(plain_type(values.type))
    columns = [replace(c, type=kept) if c.name == name and form != "iso" else c for c in schema.columns]
    return replace(schema, columns=tuple(columns), time_format=form)


def recognised(values: pa.ChunkedArray, name: str, source: str) -> str:
    """The format of a time column that is like no other; raises DataError, with the remedy, where none is.

    >>> recognised(pa.chunked_array([["2013-01", "2013-02"]]), "month", "a.csv")
    'year_month'
    >>> recognised(pa.chunked_array([[1700000000, 1700003600]]), "at", "a.csv")
    'epoch'
    """
    if pa.types.is_temporal(values.type) or pa.types.is_null(values.type):
        return "iso"
    column = plain(values).drop_null()
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return _of_numbers(column, name, source)
    if not pa.types.is_string(column.type):
        raise DataError(f"time column {name!r} of {source} is {values.type}", "Name a column of times.")
    if pc.all(pc.match_substring_regex(column, r"^\d{4}-\d\d$")).as_py():
        return "year_month"
    read(values, "iso", name, source)
    return "iso"


def read(values: pa.ChunkedArray, form: str, name: str, source: str, before: int = 0) -> pa.ChunkedArray:
    """The times of a column in a format, in microseconds (UTC); nulls stay.

    Raises DataError, with the row, for a value that is no time in this format or lies outside the years
    1 to 9999; ``before`` rows came before these.

    >>> str(read(pa.chunked_array([["14.11.2023 22:13"]]), "%d.%m.%Y %H:%M", "at", "a.csv")[0])
    '2023-11-14 22:13:00+00:00'
    """
    if pa.types.is_null(values.type):
        return pa.chunked_array([pa.nulls(len(values), MOMENT)])
    column = plain(values)
    try:
        if form == "iso" or pa.types.is_timestamp(column.type):
            return _within(_iso(column, name, source))
        if form in EPOCHS:
            return _within(_since_1970(column, form))
        return _parsed(column, NAMED.get(form, form))
    except _Misfit as misfit:
        shown = values[misfit.row].as_py() if misfit.shown is None else misfit.shown
        raise DataError(
            f"time column {name!r} of {source} holds {shown!r} in row {before + misfit.row + 1:,}, which is "
            f"no time {misfit.wanted or f'as {form}'}",
            "Give the true one, or drop the row.",
        ) from None


def written(moment: datetime, form: str) -> str | int | None:
    """A moment in a format, as ``read`` reads it; None for a counter, which is no time.

    >>> moment = datetime.fromisoformat("2026-01-02T00:00+00:00")
    >>> written(moment, "epoch_ms"), written(moment, "%d.%m.%Y")
    (1767312000000, '02.01.2026')
    """
    if form == COUNTER:
        return None
    if form in EPOCHS:
        micros = round(moment.timestamp() * 1_000_000)
        return micros // EPOCHS[form] if EPOCHS[form] else micros * 1000
    return moment.isoformat() if form == "iso" else moment.strftime(NAMED.get(form, form))


def counted(values: pa.ChunkedArray, name: str, source: str) -> NDArray[np.int64]:
    """The numbers of a counter; raises DataError, with the row, for a row without one."""
    column = plain(values)
    if not pa.types.is_integer(column.type):
        raise DataError(f"counter {name!r} of {source} is {values.type}", "Name a column of whole numbers.")
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py() + 1
        raise DataError(
            f"counter {name!r} of {source} has no value in row {row:,}", "Fill it, or drop the row."
        )
    return np.asarray(column.to_numpy(), dtype=np.int64)


class _Misfit(Exception):  # noqa: N818 - it never leaves this file
    """A row that is no time: where, what was ``wanted``, and how to show it if not as it stands."""

    def __init__(self, row: int, wanted: str = "", shown: str | None = None) -> None:
        super().__init__(row)
        self.row, self.wanted, self.shown = row, wanted, shown


def _of_numbers(column: pa.ChunkedArray, name: str, source: str) -> str:
    """The format of numbers: years, or the time since 1970 in one of its units."""
    least, most = pc.min_max(column).values()
    first, last = least.as_py(), most.as_py()
    low, high = YEARS
    if low <= first and last <= high:
        return "year"
    if low * 10_000 < first and last <= (high + 1) * 10_000 and _parses(column, "%Y%m%d"):
        return "%Y%m%d"
    for form, unit in EPOCHS.items():
        begin, end = (_micros(year) // unit if unit else _micros(year) * 1000 for year in (1980, high))
        if begin <= first and last <= end:
            return form
    raise DataError(
        f"time column {name!r} of {source} holds numbers from {first:,} to {last:,}, which could be anything",
        "Say what they are: --time-format epoch, epoch_ms, year, or counter for numbers that only put rows "
        "in order.",
    )


def _unknown(column: pa.ChunkedArray, name: str, source: str) -> Exception:
    """The error for text that is no time in ISO 8601, with the formats that it looks like."""
    some = column.drop_null().slice(0, 1000)
    found = list(_fitting(some))
    if not found:
        return _Misfit(_first_odd(column, from_text), "in ISO 8601; another format is named by --time-format")
    several = " or ".join(f"--time-format {form!r}" for form in found)
    return DataError(
        f"time column {name!r} of {source} holds {some[0].as_py()!r}, which is no time in ISO 8601",
        f"Say how it is read: {several}.",
    )


def _fitting(some: pa.ChunkedArray) -> Iterator[str]:
    """The common patterns that read all of some texts."""
    yield from (day + clock for day in COMMON for clock in CLOCKS if _parses(some, day + clock))


def _first_odd(column: pa.ChunkedArray, parse: Callable[[pa.ChunkedArray], object]) -> int:
    """The first row that does not parse, by halving."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            parse(column[low:middle])
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    return low


def _iso(column: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return column.cast(MOMENT)
    if not pa.types.is_string(column.type):
        raise DataError(
            f"time column {name!r} of {source} is {column.type}", "Write times as at first: in ISO 8601."
        )
    try:
        return from_text(column)
    except pa.ArrowInvalid:
        raise _unknown(column, name, source) from None


def _since_1970(column: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """Times from numbers, or text of them, that count from 1970 on."""
    try:
        numbers = column.cast(pa.float64(), safe=False)
    except pa.ArrowInvalid:
        raise _Misfit(_first_odd(column, lambda part: part.cast(pa.float64()))) from None
    unit = EPOCHS[form]
    fits = pc.less(pc.abs(numbers), 9e18 / (unit or 1))  # false for NaN
    if not pc.all(pc.fill_null(fits, True)).as_py():
        raise _Misfit(pc.index(pc.fill_null(fits, True), False).as_py())
    if pa.types.is_integer(column.type):
        whole = pc.multiply(column.cast(pa.int64()), unit) if unit else pc.divide(column, 1000)
    else:
        whole = pc.round(pc.multiply(numbers, unit or 0.001))
    return whole.cast(pa.int64()).cast(pa.timestamp("us")).cast(MOMENT)


def _parsed(column: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    found = _strptime(as_text(column), pattern)
    odd = pc.and_(found.is_null(), column.is_valid())
    if pc.any(odd).as_py():
        raise _Misfit(pc.index(odd, True).as_py())
    return found


def _strptime(text: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    """Texts parsed by a pattern; null where one does not fit."""
    import pandas as pd

    try:
        found = pd.to_datetime(pd.Series(text.to_pandas()), format=pattern, utc=True, errors="coerce")
    except ValueError as error:
        raise ConfigError(f"time format {pattern!r}: {error}", "Write it as for strptime.") from error
    return pa.chunked_array([pa.Array.from_pandas(found).cast(MOMENT, safe=False)])


def _within(found: pa.ChunkedArray) -> pa.ChunkedArray:
    """The times, if all lie in the years 1 to 9999, which is as far as Python's own calendar goes."""
    micros = found.cast(pa.int64())
    beyond = pc.fill_null(pc.or_(pc.less(micros, _FIRST), pc.greater_equal(micros, _LAST)), False)
    if pc.any(beyond).as_py():
        row = pc.index(beyond, True).as_py()
        day = np.datetime64(int(micros[row].as_py()), "us").astype("datetime64[D]")
        raise _Misfit(row, "of the years 1 to 9999", shown=str(day))
    return found


def _parses(values: pa.ChunkedArray, pattern: str) -> bool:
    return bool(_strptime(as_text(values), pattern).null_count == 0)


def _micros(year: int) -> int:
    return int(np.datetime64(str(year), "us").astype(np.int64))

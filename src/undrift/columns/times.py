"""Times in tables: how they are written in text, and as which numbers they are counted."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift.arrow import MOMENT, as_numpy, plain

DAY = r"\d{4}-\d\d-\d\d"
"""A day in ISO 8601; what follows it is the time of day."""

CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
"""A time of day."""

PERIOD = rf"\d{{4}}-(?:0[1-9]|1[0-2])|\d{{4}}Q[1-4]|{DAY}/{DAY}"
"""A month, a quarter or a week, as pandas writes them."""

LENGTH = r"-?\d+ days?(?: [+-]?\d\d:\d\d:\d\d(?:\.\d+)?)?"
"""A length of time, as pandas writes it."""

MOMENTS = re.compile(f"{CLOCK}|{PERIOD}|{LENGTH}|{DAY}(?:[ T].*)?")
"""How times are written in text."""

_MICRO, _NANO, _NANO_ZONED = pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ns", tz="UTC")


def seconds(moments: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Microseconds as seconds."""
    return pc.divide(moments.cast(pa.int64()).cast(pa.float64(), safe=False), 1e6)


def microseconds(type_: pa.DataType) -> pa.DataType:
    """The type of the same times as whole numbers of microseconds."""
    if pa.types.is_duration(type_):
        return pa.duration("us")
    return pa.time64("us") if pa.types.is_time(type_) else pa.timestamp("us")


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
        whole = from_text(column).cast(pa.int64())
    else:
        whole = column.cast(pa.timestamp("us")).cast(pa.int64())
    return not counted, as_numpy(whole.fill_null(missing))


def from_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Event times written as text, with or without a zone; those without are UTC, periods are their start."""
    values = _starts(values)
    try:
        return values.cast(pa.timestamp("us")).cast(MOMENT)
    except pa.ArrowInvalid:
        return values.cast(MOMENT)


def _starts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same text with the first day for a month, a quarter or a week."""
    for pattern, day in ((r"^(\d{4}-\d\d)$", r"\1-01"), (rf"^({DAY})/{DAY}$", r"\1")):
        values = pc.replace_substring_regex(values, pattern, day)
    for quarter, month in zip("1234", ("01", "04", "07", "10"), strict=True):
        values = pc.replace_substring_regex(values, rf"^(\d{{4}})Q{quarter}$", rf"\1-{month}-01")
    return values


def tells_time(values: pa.ChunkedArray) -> bool:
    """Whether all of a text column would be times in a format that has types, or that guesses them."""
    found = plain(values).drop_null()
    if not len(found) or not MOMENTS.fullmatch(found[0].as_py()):
        return False
    found = found.unique()
    if any(pc.all(pc.match_substring_regex(found, f"^(?:{p})$")).as_py() for p in (CLOCK, PERIOD, LENGTH)):
        return True
    whole = pc.match_substring_regex(found, f"^(?:{DAY}.*)$")
    return pc.all(whole).as_py() and any(casts(found, t) for t in (_MICRO, MOMENT, _NANO, _NANO_ZONED))


def casts(values: pa.Array | pa.ChunkedArray, type_: pa.DataType) -> bool:
    """Whether Arrow casts all of the values to a type."""
    try:
        values.cast(type_)
    except pa.ArrowInvalid:
        return False
    return True

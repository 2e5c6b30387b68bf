"""Hour, weekday and month of the event time as features: a model sees them, drift metrics do not.

They follow the calendar, so every window differs from the last one in them, and nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from undrift.columns import time_formats
from undrift.errors import ConfigError, DataError, suggest
from undrift.records import Schema

FEATURES: dict[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    "hour": pc.hour,
    "weekday": pc.day_of_week,
    "month": pc.month,
}
"""What is read off an event time (UTC): 0 to 23, 0 (Monday) to 6, and 1 to 12."""


def check(wanted: Sequence[str]) -> None:
    """Raise ConfigError for a feature that no calendar has."""
    for word in wanted:
        if word not in FEATURES:
            raise ConfigError(f"data.calendar: unknown feature {word!r}", suggest(str(word), [*FEATURES]))


def names(schema: Schema) -> tuple[str, ...]:
    """What the features are called.

    >>> names(Schema((), time="at", calendar=("hour", "month")))
    ('at_hour', 'at_month')
    """
    return tuple(f"{schema.time}_{word}" for word in schema.calendar)


def require_times(schema: Schema) -> None:
    """Raise ConfigError where these features are wanted and there are no event times to read them off."""
    if schema.calendar and (schema.time is None or schema.time_format == time_formats.COUNTER):
        lacking = f"{schema.time!r} only puts rows in order" if schema.time else "there is no data.time"
        raise ConfigError(f"data.calendar needs event times: {lacking}", "Name the time column, or drop it.")


def with_features(table: pa.Table, schema: Schema, source: str) -> pa.Table:
    """The table with the features that the schema agrees on, in place of columns of their names.

    Raises DataError where the time column is lacking or holds what is no time.
    """
    if not schema.calendar or schema.time is None:
        return table
    if schema.time not in table.column_names:
        raise DataError(f"{source} has no column {schema.time!r}", suggest(schema.time, table.column_names))
    times = time_formats.read(table[schema.time], schema.time_format, schema.time, source)
    table = table.drop_columns([name for name in names(schema) if name in table.column_names])
    for name, word in zip(names(schema), schema.calendar, strict=True):
        table = table.append_column(name, FEATURES[word](times))
    return table

"""Windows: closed stretches of rows, by event time ("7d", "month"), by count ("500") or one per batch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError
from undrift.records import Selection, Window

MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
"""Windows by time begin at whole multiples of their length from this Monday."""

HISTORY_PARTS = 10
"""Under one window per batch, the first rows are cut into this many, so that some can be held out."""

CALENDAR = {"month": 1, "quarter": 3, "year": 12}
"""Windows of the calendar, in months."""

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Cut:
    """How rows fall into windows: one of ``length``, ``months`` and ``count``, or none (per batch)."""

    length: timedelta | None = None
    count: int | None = None
    months: int | None = None

    @classmethod
    def of(cls, size: str | int) -> Cut:
        """Read a size: "7d", "12h", "30m", "month", "quarter", "year", a number of rows, or "batch".

        >>> Cut.of("7d").length.days, Cut.of(500).count
        (7, 500)
        """
        if isinstance(size, int) or str(size).isdecimal():
            if int(size) < 1:
                raise ConfigError(
                    f"windows.size = {size} is out of range", "A window needs at least one row."
                )
            return cls(count=int(size))
        if size == "batch":
            return cls()
        if size in CALENDAR:
            return cls(months=CALENDAR[size])
        return cls(length=span(size, "windows.size"))

    @property
    def by_time(self) -> bool:
        """Whether windows are stretches of event time."""
        return self.length is not None or self.months is not None

    @property
    def by_batch(self) -> bool:
        """Whether every delivery is a window."""
        return not self.by_time and self.count is None

    def indices(
        self, times: NDArray[np.int64] | None, before: int, rows: int, next_window: int, *, first: bool
    ) -> NDArray[np.int64]:
        """The window of each row: ``times`` in microseconds (UTC), ``before`` rows came earlier.

        ``next_window`` is the first unused index; ``first`` says that these rows are the history.
        """
        if self.by_time and times is None:
            raise ConfigError("windows by time need a time column", "Set data.time or count rows.")
        if self.months is not None and times is not None:
            return times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) // self.months
        if self.length is not None and times is not None:
            anchor = int(MONDAY.timestamp()) * 1_000_000
            return (times - anchor) // (self.length // timedelta(microseconds=1))
        if self.count is not None:
            return (before + np.arange(rows, dtype=np.int64)) // self.count
        if first:
            return next_window + np.arange(rows, dtype=np.int64) * HISTORY_PARTS // max(rows, 1)
        return np.full(rows, next_window, dtype=np.int64)

    def window(self, index: int, rows: int) -> Window:
        """The window with this index."""
        if self.months is not None:
            return _of_the_calendar(index, self.months, rows)
        if self.length is None:
            return Window(key=f"{index:04d}", index=index, rows=rows)
        start = MONDAY + index * self.length
        form = "%Y-%m-%d" if self.length % timedelta(days=1) == timedelta(0) else "%Y-%m-%dT%H:%M"
        return Window(start.strftime(form), index, rows, start, start + self.length)

    def closed(self, window: Window, watermark: datetime | None) -> bool:
        """Whether no more rows are expected: the watermark passed the end, or the count is full."""
        if window.end is not None:
            return watermark is not None and watermark >= window.end
        return self.count is None or window.rows >= self.count


def _of_the_calendar(index: int, months: int, rows: int) -> Window:
    """The window of so many months that is ``index`` such stretches after January 1970.

    >>> _of_the_calendar(216, 3, 10).key, _of_the_calendar(648, 1, 10).key
    ('2024-Q1', '2024-01')
    """
    start, end = (datetime(1970 + m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in _ends(index, months))
    year = {1: f"{start:%Y-%m}", 3: f"{start:%Y}-Q{start.month // 3 + 1}"}
    return Window(year.get(months, f"{start:%Y}"), index, rows, start, end)


def _ends(index: int, months: int) -> tuple[int, int]:
    """The months since January 1970 at which a window begins and ends."""
    return index * months, (index + 1) * months


def span(text: str, setting: str = "", least: int = 1) -> timedelta:
    """A length of time such as "7d" or "90m"; ``setting`` is named in the ConfigError for another text.

    >>> span("1w") == span("7d")
    True
    """
    match = re.fullmatch(r"\s*(\d+)\s*([mhdw])\s*", str(text))
    if not match or int(match[1]) < least:
        named = f"{setting} = {text!r}" if setting else repr(text)
        rest = {"windows.size": ", or month, quarter, year, batch, or a number of rows"}.get(setting, "")
        raise ConfigError(
            f"{named} is not a length of time", f'Write a number and m, h, d or w ("7d"){rest}.'
        )
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise ConfigError(f"{text!r} is too long", "Write a shorter length of time.") from error


def matured(window: Window, delay: timedelta, watermark: datetime | None) -> bool:
    """Whether the labels of a window are due: its end and the label delay have passed."""
    return window.end is None or (watermark is not None and watermark >= window.end + delay)


FEWEST_BLOCKS = 4
"""Blocks under which an interval over blocks says nothing."""


def blocks(
    times: NDArray[np.int64] | None, rows: int, block: timedelta, parts: int = 10
) -> NDArray[np.int64]:
    """The block of each row, for intervals: calendar blocks, or ``parts`` equal runs of rows.

    Runs of rows, in the order of their times, stand in where there are no times, or too few calendar blocks.

    >>> blocks(np.array([0, 10, 20, 30]), 4, timedelta(microseconds=10)).tolist()
    [0, 1, 2, 3]
    >>> blocks(np.array([30, 10, 20, 0]), 4, timedelta(days=1), parts=2).tolist()
    [1, 0, 1, 0]
    """
    runs = np.arange(rows, dtype=np.int64) * parts // max(rows, 1)
    if times is None:
        return runs
    found = times // (block // timedelta(microseconds=1))
    if len(np.unique(found)) >= FEWEST_BLOCKS:
        return found
    by_time = np.empty(rows, dtype=np.int64)
    by_time[np.argsort(times, kind="stable")] = runs
    return by_time


def newest(windows: Sequence[Window], count: int) -> tuple[Window, ...]:
    """The last ``count`` windows in order of their index."""
    return tuple(sorted(windows, key=lambda w: w.index)[-count:])


def weights(selection: Selection, windows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """What each row weighs, by the window that it stands in (rows,); None where all weigh the same.

    >>> from undrift.records import Weight
    >>> weights(Selection(0, 2, (Weight(1, 0.5),)), np.array([0, 1, 2])).tolist()
    [1.0, 0.5, 1.0]
    """
    if not selection.weights:
        return None
    found = np.ones(len(windows))
    for one in selection.weights:
        found[windows == one.window] = one.weight
    return found


def spanning(windows: Sequence[Window]) -> Selection:
    """The selection that reaches from the first of these windows to the last."""
    return Selection(windows[0].index, windows[-1].index)

"""Windows: closed stretches of rows, by event time ("7d"), by count ("500") or one per batch."""

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

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Cut:
    """How rows fall into windows: exactly one of ``length`` and ``count``, or neither (per batch)."""

    length: timedelta | None = None
    count: int | None = None

    @classmethod
    def of(cls, size: str | int) -> Cut:
        """Read a size: "7d", "12h", "30m", a number of rows, or "batch".

        >>> Cut.of("7d").length.days, Cut.of(500).count
        (7, 500)
        """
        if isinstance(size, int) or str(size).isdecimal():
            if int(size) < 1:
                raise ConfigError(f"windows.size = {size}", "A window needs at least one row.")
            return cls(count=int(size))
        if size == "batch":
            return cls()
        return cls(length=span(size))

    def indices(
        self, times: NDArray[np.int64] | None, before: int, rows: int, next_window: int, *, first: bool
    ) -> NDArray[np.int64]:
        """The window of each row: ``times`` in microseconds (UTC), ``before`` rows came earlier.

        ``next_window`` is the first unused index; ``first`` says that these rows are the history.
        """
        if self.length is not None:
            if times is None:
                raise ConfigError("windows by time need a time column", "Set data.time or count rows.")
            anchor = int(MONDAY.timestamp()) * 1_000_000
            return (times - anchor) // (self.length // timedelta(microseconds=1))
        if self.count is not None:
            return (before + np.arange(rows, dtype=np.int64)) // self.count
        if first:
            return next_window + np.arange(rows, dtype=np.int64) * HISTORY_PARTS // max(rows, 1)
        return np.full(rows, next_window, dtype=np.int64)

    def window(self, index: int, rows: int) -> Window:
        """The window with this index."""
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


def span(text: str) -> timedelta:
    """A length of time such as "7d" or "90m".

    >>> span("1w") == span("7d")
    True
    """
    match = re.fullmatch(r"\s*(\d+)\s*([mhdw])\s*", str(text))
    if not match or int(match[1]) == 0:
        raise ConfigError(
            f"{text!r} is no length of time", 'Write a number and m, h, d or w ("7d"), or a number of rows.'
        )
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise ConfigError(f"{text!r} is too long", "Write a shorter length of time.") from error


def matured(window: Window, delay: timedelta, watermark: datetime | None) -> bool:
    """Whether the labels of a window are due: its end and the label delay have passed."""
    return window.end is None or (watermark is not None and watermark >= window.end + delay)


def blocks(
    times: NDArray[np.int64] | None, rows: int, block: timedelta, parts: int = 10
) -> NDArray[np.int64]:
    """The block of each row, for intervals: calendar blocks, or ``parts`` equal runs without times."""
    if times is not None:
        return times // (block // timedelta(microseconds=1))
    return np.arange(rows, dtype=np.int64) * parts // max(rows, 1)


def newest(windows: Sequence[Window], count: int) -> tuple[Window, ...]:
    """The last ``count`` windows in order of their index."""
    return tuple(sorted(windows, key=lambda w: w.index)[-count:])


def spanning(windows: Sequence[Window]) -> Selection:
    """The selection that reaches from the first of these windows to the last."""
    return Selection(windows[0].index, windows[-1].index)

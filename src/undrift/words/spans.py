"""Windows, called by the days that they cover, in UTC; those of counted rows by their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

from undrift.records import Window
from undrift.words.phrases import count, listed


def days(window: Window) -> str:
    """What people call a window: its days, its hours, or its number where rows are counted.

    >>> from datetime import UTC
    >>> day = datetime(2012, 12, 24, tzinfo=UTC)
    >>> days(Window("2012-12-24", 9, 168, day, day + timedelta(days=7)))
    '24–30 Dec 2012'
    >>> days(Window("2012-12-24T06:00", 9, 60, day + timedelta(hours=6), day + timedelta(hours=12)))
    '24 Dec 2012 06:00–12:00'
    >>> days(Window("0013", 13, 500))
    'window 0013'
    """
    if window.start is None or window.end is None:
        return f"window {window.key}"
    start, end = window.start, window.end
    if _midnight(start) and _midnight(end):
        return _dates(start, end - timedelta(days=1))
    same_day = (end - timedelta(microseconds=1)).date() == start.date()
    until = "24:00" if _midnight(end) else _clock(end)
    if same_day:
        return f"{date(start)} {_clock(start)}–{until}"
    return f"{date(start)} {_clock(start)} – {date(end)} {_clock(end)}"


def during(window: Window) -> str:
    """When something happened that happened in a window: "on 24–30 Dec 2012", "in window 0013"."""
    return f"{'in' if window.start is None else 'on'} {days(window)}"


def whole(windows: Sequence[Window]) -> str:
    """What a run of windows covers, oldest first: "on 17–30 Dec 2012", "in windows 0012 to 0013"."""
    first, last = windows[0], windows[-1]
    if first.key == last.key or (first.start and last.end):
        return during(replace(first, end=last.end))
    return f"in windows {first.key} to {last.key}"


def after(window: Window) -> str:
    """The moment at which a window was over: "31 Dec 2012", "the end of window 0013"."""
    if window.end is None:
        return f"the end of window {window.key}"
    return moment(window.end)


def moment(at: datetime) -> str:
    """A day, with the time where it is not midnight."""
    return date(at) if _midnight(at) else f"{date(at)} {_clock(at)}"


def date(at: datetime) -> str:
    """A day as people write it: "4 Dec 2012"."""
    return f"{at.day} {at:%b %Y}"


def named(keys: Sequence[str], windows: Mapping[str, Window]) -> str:
    """Windows by their keys as a sentence has them; the key itself where the window is not known."""
    return listed([days(windows[key]) if key in windows else f"window {key}" for key in keys])


def span(window: Window) -> str:
    """The days of a window, and how many rows it has."""
    return f"{days(window)}, {count(window.rows, 'row')}"


def _dates(first: datetime, last: datetime) -> str:
    if first.date() == last.date():
        return date(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{date(last)}"
    begin = f"{first.day} {first:%b}" if first.year == last.year else date(first)
    return f"{begin} – {date(last)}"


def _midnight(at: datetime) -> bool:
    return at.time() == time(0)


def _clock(at: datetime) -> str:
    return f"{at:%H:%M}" if not at.second else f"{at:%H:%M:%S}"

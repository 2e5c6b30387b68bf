"""Windows, called by the days that they cover."""

from __future__ import annotations

from undrift.records import Window
from undrift.words.phrases import count


def span(window: Window) -> str:
    """From when to when a window goes, in UTC, and how many rows it has."""
    rows = count(window.rows, "row")
    return f"{stretch(window)}, {rows}" if window.start and window.end else rows


def stretch(window: Window) -> str:
    """From when to when a window goes, in UTC; empty where rows are counted instead."""
    if window.start is None or window.end is None:
        return ""
    return f"{window.start:%d %b %Y %H:%M} to {window.end:%d %b %Y %H:%M} UTC"

"""Merging: which rows the next model is trained on.

A part is a class whose ``select`` picks a stretch of the windows that are labelled, matured and
not held out, and may say what the rows of each weigh. It never sees rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undrift.records import Selection, Window


class Merge(Protocol):
    """A merge strategy."""

    def select(self, windows: Sequence[Window]) -> Selection:
        """The windows to train on, from those available, oldest first and never empty."""

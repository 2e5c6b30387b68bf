"""All history and all new rows."""

from __future__ import annotations

from collections.abc import Sequence

from undrift.merging import Merge
from undrift.records import Selection, Window


class Everything:
    """Trains on every labelled row there is: best where the world is the same and rows are few."""

    def select(self, windows: Sequence[Window]) -> Selection:
        """From the first window to the last."""
        return Selection(windows[0].index, windows[-1].index)


_: type[Merge] = Everything

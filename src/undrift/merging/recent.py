"""The newest rows only: a sliding window."""

from __future__ import annotations

from collections.abc import Sequence

from undrift.errors import ConfigError
from undrift.merging import Merge
from undrift.records import Selection, Window


class Recent:
    """Trains on the newest ``windows`` windows: best where old rows tell of a world that is gone."""

    def __init__(self, windows: int = 8) -> None:
        if windows < 1:
            raise ConfigError(f"recent windows = {windows}", "Keep at least one window.")
        self.windows = windows

    def select(self, windows: Sequence[Window]) -> Selection:
        """The last ``windows`` of those available."""
        chosen = windows[-self.windows :]
        return Selection(chosen[0].index, chosen[-1].index)


_: type[Merge] = Recent

"""What the live model's loss on a window probably is, while its labels are missing."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from undrift import artifacts, estimates
from undrift.estimates import CHUNKS, Side, estimated
from undrift.records import Estimate, Schema, Version, Window
from undrift.schema import features
from undrift.workspace.archive import FOREIGN, Labelled
from undrift.workspace.chronicle import Chronicle
from undrift.workspace.models import Models

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("undrift")

MOST = 20_000
"""Labelled rows from which an estimate learns, at most."""

QUICK = {"pape": "cbpe"}
"""By which cheaper part the error of an estimate is learnt, where it has one."""


@dataclass
class Estimating:
    """Estimates by the part ``use``; nothing is estimated where none is named."""

    chronicle: Chronicle
    models: Models
    use: str | None = None
    _known: dict[tuple[int, tuple[str, ...]], Side] = field(default_factory=dict, repr=False)

    def estimate(self, window: Window, live: Version, now: datetime | None) -> Estimate | None:
        """The loss of the live model on a window without labels; None where it cannot be told.

        It is learnt from the newest labelled windows before this one on which neither the model nor its twin,
        which answers for it where it was refitted, was trained.
        """
        archive = self.chronicle.archive
        task = archive.schema.task
        if self.use is None or task is None or archive.coverage()[window.index] >= self.chronicle.coverage:
            return None
        loss = self.models.deciding
        part, quick = (
            estimates.named(name, task, loss) for name in (self.use, QUICK.get(self.use, self.use))
        )
        unseen = self._judged_through(live)
        every = self.chronicle.split(now).every
        before = [w for w in every if unseen < w.index < window.index][-CHUNKS:]
        if not before:
            return None
        try:
            known = self._side(live, before)
            rows = archive.rows(window.index, window.index)
            said = self.models.logged(live.number, rows["_undrift_id"], [window])
            seen = Side(_features(rows, archive.schema), said, weights=archive.weighed(rows))
            found = estimated(part, quick, known, seen, loss)
        except Exception as error:  # noqa: BLE001 - an estimate decides nothing, and stops nothing
            log.warning("no loss of window %s is estimated: %s", window.key, error)
            return None
        if found is None:
            return None
        return Estimate(
            window=window.key,
            index=window.index,
            version=live.number,
            method=self.use,
            metric=self.models.metric,
            value=found.mean,
            lower=found.lower,
            upper=found.upper,
            rows=window.rows,
            known=len(known),
        )

    def _judged_through(self, live: Version) -> int:
        """The newest window that a version, or a member of it, learnt from before it was judged."""
        if live.number == FOREIGN:
            return -sys.maxsize
        through = [self._judged_through(self.models.version(m.version)) for m in live.members if m.weight > 0]
        return max(through, default=live.judged_through)

    def _side(self, live: Version, windows: list[Window]) -> Side:
        """Labelled rows of some windows, with what the live model says about rows that it has not seen."""
        key = (live.number, tuple(w.key for w in windows))
        if key not in self._known:
            data = self.models.learnable(self.chronicle.archive.labelled_in(windows))
            data = _newest(data)
            if live.number == FOREIGN:
                said = self.models.logged(FOREIGN, data.ids, windows)
            else:
                said = self.models.ask_unseen(live, data.rows)
            side = Side(_features(data.rows, self.chronicle.archive.schema), said, data.labels, data.weights)
            self._known = {key: side}
        return self._known[key]


def _newest(data: Labelled) -> Labelled:
    """The newest of many rows."""
    return data.only(np.arange(len(data)) >= len(data) - MOST)


def _features(rows: pa.Table, schema: Schema) -> pd.DataFrame:
    """The features of rows as a model sees them."""
    return artifacts.frame(rows, schema, [c.name for c in features(schema)])

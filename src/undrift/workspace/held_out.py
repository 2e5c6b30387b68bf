"""Which labelled windows a challenger may be trained on, and which are held out to judge it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from undrift.gate import Gate, lacking
from undrift.records import Outcome, Window
from undrift.windows import blocks, matured, newest, span
from undrift.workspace.archive import Archive


@dataclass(frozen=True)
class Split:
    """Labelled, matured windows: those to train on, and the newest ones, unseen by the champion."""

    available: list[Window]
    held_out: list[Window]

    @classmethod
    def of(
        cls,
        archive: Archive,
        gate: Gate,
        through: int | None,
        coverage: float,
        delay: timedelta,
        now: datetime | None,
    ) -> Split:
        """Split the windows; ``through`` is the newest that the champion may have been trained on."""
        labelled = archive.coverage()
        due = [w for w in archive.windows() if matured(w, delay, now)]
        usable = [w for w in [*archive.windows(history=True), *due] if labelled[w.index] >= coverage]
        held_out = [w for w in newest(usable, gate.windows) if through is None or w.index > through]
        kept_apart = {w.index for w in held_out}
        return cls([w for w in usable if w.index not in kept_apart], held_out)

    def new_rows(self, archive: Archive, through: int) -> int:
        """Labelled rows to train on that are newer than the window ``through``."""
        rows = archive.labelled_rows()
        return sum(rows[w.index] for w in self.available if w.index > through)

    def to_come(self, archive: Archive, gate: Gate) -> tuple[int, ...]:
        """Rows that can be trained on once one, two, ... further windows are labelled, each by itself."""
        rows = archive.labelled_rows()
        missing = gate.windows - len(self.held_out)
        return (0,) * missing + tuple(rows[w.index] for w in self.held_out)

    def lacking(self, archive: Archive, gate: Gate, outcomes: list[Outcome]) -> str | None:
        """Why no challenger can be judged now; None where one can."""
        if not self.held_out or not self.available:
            return "no labelled window is unseen by the live model: wait for labels"
        keys = tuple(w.key for w in self.held_out)
        judged = next((o for o in outcomes if o.held_out == keys), None)
        if judged is not None:
            return f"nothing new to decide on since {judged.window}: challengers were judged on these windows"
        data = archive.labelled_in(self.held_out)
        block = blocks(data.times, len(data), span(gate.block))
        return lacking(data.labels, block, archive.schema.classes, gate)

"""Which labelled windows a challenger may be trained on, and which are held out to judge it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from undrift.gate import Gate, few, lacking
from undrift.records import Outcome, Window
from undrift.windows import blocks, matured, newest, span
from undrift.workspace.archive import Archive

WIDEST = 4
"""How many times ``gate.windows`` are held out at most, where a class is rare."""


@dataclass(frozen=True)
class Split:
    """Labelled, matured windows: those to train on, and the newest, which no judged model has seen."""

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
        """Split the windows; ``through`` is the newest that the judged champion may have been trained on."""
        labelled = archive.coverage()
        due = [w for w in archive.windows() if matured(w, delay, now)]
        usable = [w for w in [*archive.windows(history=True), *due] if labelled[w.index] >= coverage]
        held_out = [w for w in newest(usable, gate.windows) if through is None or w.index > through]
        kept_apart = {w.index for w in held_out}
        return cls([w for w in usable if w.index not in kept_apart], held_out)

    def widened(self, archive: Archive, gate: Gate, through: int) -> Split:
        """A split that holds out more windows until each class has enough rows, at most four times as many.

        None that the champion may have been trained on is held out, and one is left to train on.
        """
        available, held_out = list(self.available), list(self.held_out)
        while held_out and len(held_out) < WIDEST * gate.windows and len(available) > 1:
            if available[-1].index <= through or not few(
                archive.labelled_in(held_out).labels, archive.schema.classes
            ):
                break
            held_out.insert(0, available.pop())
        return Split(available, held_out)

    @property
    def every(self) -> list[Window]:
        """All labelled windows, in order."""
        return sorted([*self.available, *self.held_out], key=lambda w: w.index)

    def new_rows(self, archive: Archive, through: int) -> int:
        """Labelled rows that are newer than the window ``through``: a winner is refitted on them."""
        rows = archive.labelled_rows()
        return sum(rows[w.index] for w in self.every if w.index > through)

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
        return lacking(data.labels, block, archive.schema.classes)

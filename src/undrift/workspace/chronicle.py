"""What the records of a workspace say while the loop runs: who is live, what is due, what a policy sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from undrift import stores
from undrift.gate import Gate
from undrift.promise import DROP, held_to
from undrift.records import (
    Comparison,
    Decision,
    Estimate,
    Outcome,
    Promotion,
    Score,
    Service,
    Situation,
    Step,
    TargetComparison,
    Version,
    Window,
)
from undrift.stores import Store, scores
from undrift.words.deeds import held as held_sentence
from undrift.workspace import occasions, reign
from undrift.workspace.archive import Archive
from undrift.workspace.diagnosis import diagnosis
from undrift.workspace.held_out import Split
from undrift.workspace.occasions import Occasion

REMEMBERED = 12
"""Comparisons that a policy is shown: the newest, each with all its features."""


@dataclass(frozen=True)
class Chronicle:
    """The records of one workspace, read; nothing is written here.

    A window counts as labelled when a share ``coverage`` of its rows has labels, ``delay`` after its end.
    """

    archive: Archive
    store: Store
    gate: Gate
    coverage: float
    delay: timedelta

    # Versions -----------------------------------------------------------------------------------

    def live(self) -> Version:
        """The version that is live; raises NotFoundError before there is one."""
        return stores.live(self.store)

    def first(self) -> Version:
        """The first model, which is never retrained."""
        return self.version(self.store.ledger()[0].promotion.version)

    def version(self, number: int) -> Version:
        """The record of a version; raises NotFoundError if there is none."""
        return stores.version(self.store, number)

    def changes(self) -> list[Promotion]:
        """Every change of champion, oldest first."""
        return [entry.promotion for entry in self.store.ledger()]

    def held(self) -> str:
        """Why the loop does not retrain since a person rolled back; empty where it is not held."""
        by = reign.held(self.changes())
        return held_sentence(by) if by else ""

    def predecessor(self) -> Version | None:
        """The version that the live one beat when the gate promoted it."""
        number = reign.predecessor(self.changes(), self.live().number)
        return None if number is None else self.version(number)

    def shadows(self) -> list[int]:
        """The versions that predict beside the live one: the first, and whom the live one took over from."""
        before = self.predecessor()
        return [self.first().number, *([before.number] if before else [])]

    # Windows ------------------------------------------------------------------------------------

    def reached(self, now: datetime | None) -> datetime | None:
        """The event time up to which everything has arrived; it never goes back behind a score."""
        newest = max((s.index for s in self.store.all(Score)), default=None)
        scored = [w.end + self.delay for w in self.archive.windows() if w.end and w.index == newest]
        return max(filter(None, (now, self.archive.watermark(), *scored)), default=None)

    def due(self, now: datetime | None) -> list[Window]:
        """Complete windows that are not settled, oldest first."""
        settled = {s.window.index for s in self.store.all(Step)}
        windows = self.archive.windows()
        return [w for w in windows if w.index not in settled and self.archive.cut.closed(w, now)]

    def split(self, now: datetime | None) -> Split:
        """Labelled windows to train on, and those held out."""
        through = self.live().judged_through if self.store.champion() else None
        found = Split.of(self.archive, self.gate, through, self.coverage, self.delay, now)
        if through is None or not self.archive.schema.classes:
            return found
        return found.widened(self.archive, self.gate, through)

    def diagnosis(self, situation: Situation) -> tuple[str, ...]:
        """What kinds of change the records of the newest window, and of the newest scored one, show."""
        score = situation.scores[-1] if situation.scores else None
        promised = held_to(self.live(), self.predecessor(), situation.scores)[0]
        newest = situation.comparisons[-1] if situation.comparisons else None
        if score is not None and (
            newest is None or newest.window is None or newest.window.key != score.window
        ):
            newest = self.store.get(Comparison, score.window) or newest
        if newest is None or newest.window is None:
            return ()
        target = self.store.get(TargetComparison, newest.window.key)
        estimate = self.store.get(Estimate, newest.window.key)
        return diagnosis(newest, target, score, promised, estimate, DROP)

    def lacking(self, now: datetime | None) -> str | None:
        """Why no challenger can be judged now; None where one can."""
        return self.split(now).lacking(self.archive, self.gate, self.store.all(Outcome))

    def trouble(self, window: Window) -> str:
        """What kept the live model from predicting, if anything did."""
        service = self.store.get(Service, window.key)
        failed = service.failed.get(str(service.live)) if service else None
        return f"v{service.live} could not predict: {failed} " if service and failed else ""

    # Decisions ----------------------------------------------------------------------------------

    def unfinished(self) -> Occasion | None:
        """A decision that was made on scores but not carried through: its process was killed."""
        return occasions.unfinished(self.store)

    def live_scores(self) -> list[Score]:
        """The scores of the live model since it became live, by window."""
        since = self._went_live()
        served = {s.window: s.live for s in self.store.all(Service) if s.index > since}
        own = [s for s in scores(self.store) if served.get(s.window) == s.version]
        return sorted(own, key=lambda s: s.index)

    def _scores_beside(self) -> list[Score]:
        """What others scored on windows that the live model served since it became live, by window."""
        mine = {s.window for s in self.live_scores()}
        live = self.live().number
        return [s for s in scores(self.store) if s.window in mine and s.version != live]

    def situation(self, window: Window, now: datetime | None) -> Situation:
        """What a policy may look at."""
        live, split = self.live(), self.split(now)
        newest = self.store.all(Comparison, REMEMBERED)
        return Situation(
            window=window,
            comparisons=tuple(c for c in newest if c.reference == live.number),
            scores=tuple(self.live_scores()),
            decisions=tuple(self.store.all(Decision)),
            champion=live,
            shadow=tuple(self._scores_beside()),
            labelled_rows=split.new_rows(self.archive, live.through),
            predecessor=self.predecessor(),
            fresh=occasions.names(occasions.fresh(self.store)),
        )

    def _went_live(self) -> int:
        """The window after which the live model became live, for the last time."""
        last = reign.since(self.changes()).window
        known = [*self.archive.windows(history=True), *self.archive.windows()]
        return next((w.index for w in known if w.key == last), -(2**62))

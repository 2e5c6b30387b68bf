"""What the store says about a workspace, put together for whoever shows it; nothing is computed anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from undrift import wording
from undrift.errors import NotFoundError, suggest
from undrift.records import (
    Batch,
    Comparison,
    Decision,
    Outcome,
    Promotion,
    Score,
    Service,
    Step,
    TargetComparison,
    Unscored,
    Verdict,
    Version,
    Window,
)
from undrift.stores import Store, scores
from undrift.verdicts import WORST_FIRST, worst


@dataclass(frozen=True)
class Line:
    """One settled window: what was found and done, and the scores that have matured for it since.

    ``earlier`` are scores that a later revision replaced, ``unscored`` says why labels were not enough,
    ``one_class`` is the class that all labels of a delivery for this window were of.
    """

    window: Window
    verdict: Verdict
    comparison: Comparison
    decision: Decision
    step: Step
    live: Score | None
    first: Score | None
    outcome: Outcome | None
    earlier: tuple[Score, ...] = ()
    unscored: str = ""
    one_class: str = ""


@dataclass(frozen=True)
class Change:
    """One change of champion, with the time at which it was written."""

    at: datetime
    promotion: Promotion
    hash: str


@dataclass(frozen=True)
class Overview:
    """The state of a workspace; ``lines`` are the settled windows, oldest first."""

    live: Version
    since: Change
    first: Version
    versions: tuple[Version, ...]
    changes: tuple[Change, ...]
    lines: tuple[Line, ...]

    @property
    def last(self) -> Line | None:
        """The newest settled window."""
        return self.lines[-1] if self.lines else None

    def line(self, window: str = "") -> Line:
        """The line of a window by its name, the newest for ""; raises NotFoundError where there is none."""
        if not self.lines:
            raise NotFoundError("no window is complete yet", "Deliver rows with undrift run.")
        if not window:
            return self.lines[-1]
        lines = {line.window.key: line for line in self.lines}
        found = lines.get(window) or lines.get(window.zfill(4))
        if found is None:
            raise NotFoundError(
                f"there is no window {window!r}",
                suggest(window, list(lines)) if len(lines) < 20 else _near(window, lines),
            )
        return found

    @property
    def promoted(self) -> Outcome | None:
        """What the gate found when the live model was promoted; None for the first model."""
        outcomes = [line.outcome for line in self.lines if line.outcome]
        return next((o for o in reversed(outcomes) if o.promoted == self.live.number), None)

    @property
    def waiting(self) -> int:
        """Settled windows whose labels have not matured."""
        return sum(line.live is None and not line.unscored for line in self.lines)

    @property
    def unscored(self) -> Line | None:
        """The newest window that has no score though its labels are there."""
        return next((line for line in reversed(self.lines) if line.unscored), None)

    @property
    def scored(self) -> Score | None:
        """The newest score of a live model."""
        return next((line.live for line in reversed(self.lines) if line.live), None)

    @property
    def sentence(self) -> str:
        """The state of the model in one or two sentences."""
        return wording.status(
            live=self.live.number,
            since=self.since.promotion.window or "the start",
            comparison=self.last.comparison if self.last else None,
            promoted=self.promoted,
            score=self.scored,
        )

    def status_of(self, version: Version) -> str:
        """What became of a version: live, was live, rejected, or not judged."""
        if version.number == self.live.number:
            return "live"
        if any(c.promotion.version == version.number for c in self.changes):
            return "was live"
        judged = {t.version for line in self.lines if line.outcome for t in line.outcome.trials}
        return "rejected" if version.number in judged else "not judged"


def overview(store: Store) -> Overview:
    """Read the state of a workspace; raises NotFoundError where no model is live."""
    live = store.champion()
    if live is None:
        raise NotFoundError("no model is live in this workspace", "Run undrift init.")
    changes = tuple(Change(e.at, e.promotion, e.hash) for e in store.ledger())
    versions = tuple(sorted(store.all(Version), key=lambda v: v.number))
    first = next(v for v in versions if v.number == changes[0].promotion.version)
    return Overview(live, changes[-1], first, versions, changes, _lines(store, first.number))


def _near(window: str, keys: Iterable[str]) -> str:
    """The window that holds a day, or the list to look at."""
    before = [key for key in keys if key <= window]
    return f"The one before is {before[-1]!r}; see undrift history." if before else "See undrift history."


def _lines(store: Store, first: int) -> tuple[Line, ...]:
    comparisons = {c.window.key: c for c in store.all(Comparison) if c.window}
    decisions = {d.window: d for d in store.all(Decision)}
    outcomes = {o.window: o for o in store.all(Outcome)}
    served = {s.window: s.live for s in store.all(Service)}
    newest = {(s.window, s.version): s for s in scores(store)}
    revised = _revised(store, newest)
    refused = {(u.window, u.version): u.why for u in store.all(Unscored)}
    targets = {t.window: t for t in store.all(TargetComparison)}
    joined = {key: _with_target(found, targets.get(key)) for key, found in comparisons.items()}
    one_class = {int(i): b.one_class for b in store.all(Batch) if b.one_class for i in b.labels | b.corrected}
    steps = sorted(store.all(Step), key=lambda s: s.window.index)
    return tuple(
        Line(
            window=step.window,
            verdict=joined[key].verdict,
            comparison=joined[key],
            decision=decisions[key],
            step=step,
            live=newest.get(served_by),
            first=newest.get((key, first)),
            outcome=outcomes.get(key),
            earlier=tuple(revised.get(key, ())),
            unscored="" if served_by in newest else refused.get(served_by, ""),
            one_class=one_class.get(step.window.index, ""),
        )
        for step in steps
        for key in [step.window.key]
        for served_by in [(key, served.get(key, -1))]
    )


def _with_target(comparison: Comparison, target: TargetComparison | None) -> Comparison:
    """A window's comparison with its labels among the features, once they are known."""
    if target is None:
        return comparison
    found = sorted((target.feature, *comparison.features), key=lambda f: WORST_FIRST.index(f.verdict))
    moved = target.feature.verdict in ("drift", "watch")
    verdict = worst((comparison.verdict, target.feature.verdict)) if moved else comparison.verdict
    return replace(comparison, features=tuple(found), verdict=verdict)


def _revised(store: Store, newest: dict[tuple[str, int], Score]) -> dict[str, list[Score]]:
    """The scores that later revisions replaced, oldest first, by window."""
    found: dict[str, list[Score]] = {}
    for score in store.all(Score):
        if score.revision < newest[score.window, score.version].revision:
            found.setdefault(score.window, []).append(score)
    return found

"""The settled windows as lines: what was found and done after each, and the scores that matured since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from typing import TypeVar

from undrift.errors import UndriftError
from undrift.records import (
    Batch,
    Comparison,
    Decision,
    Estimate,
    Outcome,
    Score,
    Service,
    Standing,
    Step,
    TargetComparison,
    Unscored,
    Verdict,
    Window,
)
from undrift.stores import Store
from undrift.verdicts import WORST_FIRST, worst

SCORES = 4
"""Scores of a window, with revisions, and deliveries for it, that are read where only the newest are."""

K = TypeVar("K", bound=str | tuple[str, str])
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Act:
    """What was decided and done on scores that came after a window was settled."""

    decision: Decision
    step: Step
    outcome: Outcome | None


@dataclass(frozen=True)
class Line:
    """One settled window: what was found and done, and the scores that have matured for it since.

    ``decision``, ``step`` and ``outcome`` are those of its completion, ``at`` is when it was settled (UTC).
    ``failed`` says why the live model could not predict it; ``later`` holds what was decided on scores that
    came before the next window was settled. ``earlier`` are scores that a later revision replaced,
    ``unscored`` says why labels were not enough, ``one_class`` is the class that all labels of a delivery
    for this window were of, ``unseen`` counts those of classes that nobody agreed on. ``estimate`` is the
    loss that was expected while labels were missing. ``served`` is the version that predicted it (None
    where nothing did), ``model`` how that one did up to here.
    """

    window: Window
    verdict: Verdict
    compared: Callable[[], Comparison] = field(repr=False, compare=False)
    decision: Decision
    step: Step
    live: Score | None
    first: Score | None
    outcome: Outcome | None
    at: datetime
    failed: str = ""
    earlier: tuple[Score, ...] = ()
    unscored: str = ""
    estimate: Estimate | None = None
    one_class: str = ""
    unseen: Mapping[str, int] = field(default_factory=dict)
    later: tuple[Act, ...] = ()
    served: int | None = None
    model: Standing | None = None

    @cached_property
    def comparison(self) -> Comparison:
        """How the window compares with the reference, its labels among the features once they are known."""
        return self.compared()

    @property
    def acts(self) -> tuple[Act, ...]:
        """All that was decided after the window, oldest first."""
        return (Act(self.decision, self.step, self.outcome), *self.later)

    @property
    def newest(self) -> Act:
        """What was decided last."""
        return self.acts[-1]


def lines_of(store: Store, first: int, newest: int | None) -> tuple[Line, ...]:
    """The settled windows, or the newest of them, from no more records than that takes."""

    def some(kind: type[T], each: int) -> list[T]:
        """All records of a kind, or the newest, of so many for each window."""
        return store.all(kind, None if newest is None else each * newest)

    acts = _acts(some(Step, 2), some(Decision, 3), some(Outcome, 3))
    acts = acts if newest is None else dict([*acts.items()][-newest:])
    services = {s.window: s for s in some(Service, 2)}
    served = {key: service.live for key, service in services.items()}
    scored = some(Score, SCORES)
    best = {(s.window, s.version): s for s in scored}
    revised = _revised(scored, best)
    refused = {(u.window, u.version): u.why for u in some(Unscored, SCORES)}
    targets = {t.window: t for t in some(TargetComparison, 2)}
    batches = some(Batch, SCORES)
    one_class = {int(i): b.one_class for b in batches if b.one_class for i in b.labels | b.corrected}
    unseen = {int(i): b.unseen for b in batches if b.unseen for i in b.labels | b.corrected}
    estimates = {e.window: e for e in some(Estimate, 1)}
    times = store.times(Step, None if newest is None else 2 * newest)
    return tuple(
        Line(
            window=step.window,
            verdict=_verdict(step.verdict, targets.get(key)),
            compared=partial(_comparison, store, key, targets.get(key)),
            decision=first_act.decision,
            step=step,
            live=best.get(served_by),
            first=best.get((key, first)),
            outcome=first_act.outcome,
            at=times[key],
            failed=services[key].failed.get(str(served[key]), "") if key in services else "",
            earlier=tuple(revised.get(key, ())),
            unscored="" if served_by in best else refused.get(served_by, ""),
            estimate=estimates.get(key),
            one_class=one_class.get(step.window.index, ""),
            unseen=unseen.get(step.window.index, {}),
            later=tuple(later),
            served=served.get(key),
        )
        for key, (first_act, *later) in acts.items()
        for step in [first_act.step]
        for served_by in [(key, served.get(key, -1))]
    )


def _comparison(store: Store, key: str, target: TargetComparison | None) -> Comparison:
    """A window's comparison with its labels among the features, once they are known.

    Raises UndriftError where it is gone.
    """
    found = store.get(Comparison, key)
    comparison = _kept({key: found} if found else {}, key, "comparison")
    if target is None:
        return comparison
    features = sorted((target.feature, *comparison.features), key=lambda f: WORST_FIRST.index(f.verdict))
    return replace(comparison, features=tuple(features), verdict=_verdict(comparison.verdict, target))


def _verdict(found: Verdict, target: TargetComparison | None) -> Verdict:
    """The verdict on a window: the worse of that on its rows and that on its labels, where these moved."""
    moved = target is not None and target.feature.verdict in ("drift", "watch")
    return worst((found, target.feature.verdict)) if target is not None and moved else found


def _revised(scored: Iterable[Score], newest: Mapping[tuple[str, int], Score]) -> dict[str, list[Score]]:
    """The scores that later revisions replaced, oldest first, by window."""
    found: dict[str, list[Score]] = {}
    for score in scored:
        if score.revision < newest[score.window, score.version].revision:
            found.setdefault(score.window, []).append(score)
    return found


def _acts(
    steps: Iterable[Step], decided: Iterable[Decision], found: Iterable[Outcome]
) -> dict[str, list[Act]]:
    """All that was decided after each window, by its name: windows in order, decisions as they came."""
    decisions = {(d.window, d.on): d for d in decided}
    outcomes = {(o.window, o.on): o for o in found}
    acts: dict[str, list[Act]] = {}
    for step in sorted(steps, key=lambda s: s.window.index):
        key = (step.window.key, step.on)
        acts.setdefault(step.window.key, []).append(
            Act(_kept(decisions, key, "decision"), step, _held_to(step, outcomes.get(key)))
        )
    return acts


def _kept(records: Mapping[K, R], key: K, name: str) -> R:
    """A record that every closed window has; raises UndriftError where it is gone."""
    if key not in records:
        window = key if isinstance(key, str) else key[0]
        raise UndriftError(
            f"the store is damaged: the {name} of window {window!r} is gone", "Restore it from a backup."
        )
    return records[key]


def _held_to(step: Step, outcome: Outcome | None) -> Outcome | None:
    """An outcome as it was carried out: a winner whom the step rejects was not promoted."""
    if outcome is None or outcome.promoted is None or step.action != "reject":
        return outcome
    return replace(outcome, promoted=None, why=step.why)

"""What the store says about a workspace, put together for whoever shows it; nothing is computed anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from typing import TypeVar

from undrift.errors import NotFoundError, UndriftError, UntrustedError, suggest
from undrift.promise import DROP, OVER, standing, trusted
from undrift.records import (
    Batch,
    Comparison,
    Decision,
    Outcome,
    Promotion,
    Refusal,
    Score,
    Service,
    Standing,
    Step,
    TargetComparison,
    Unscored,
    Verdict,
    Version,
    Window,
)
from undrift.registries import Registry
from undrift.stores import NO_MODEL, Store
from undrift.verdicts import WORST_FIRST, worst
from undrift.words import spans, states
from undrift.workspace import refusals, reign

SHOWN = 60
"""Windows that are read, the newest, where only the present state is asked for."""

BEFORE = 30
"""Windows that are read besides: scores of these say how a model did at the first of the others."""

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
    came before the next window was settled.
    ``earlier`` are scores that a later revision replaced, ``unscored`` says why labels were not enough,
    ``one_class`` is the class that all labels of a delivery for this window were of. ``served`` is the
    version that predicted it (None where nothing did), ``model`` how that one did up to here.
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
    one_class: str = ""
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


@dataclass(frozen=True)
class Change:
    """One change of champion, with the time at which it was written."""

    at: datetime
    promotion: Promotion
    hash: str


@dataclass(frozen=True)
class Refused:
    """A delivery that was refused, with the time at which that was put on record."""

    at: datetime
    refusal: Refusal


@dataclass(frozen=True)
class Overview:
    """The state of a workspace; ``lines`` are the settled windows, oldest first.

    ``damaged`` says why the live model cannot be loaded, empty where it can or nobody looked. ``refused``
    are deliveries that were refused, oldest first; ``unmended`` is the newest one, None where a delivery of
    its kind came since. ``waiting`` are settled windows whose labels have not matured, oldest first;
    ``promoted`` is what the gate found when the live model was promoted, None for the first model, and
    ``entered`` the window after which it went live. Where ``lines`` are the newest ones only, ``read`` gives
    the overview of all.
    """

    live: Version
    since: Change
    first: Version
    versions: tuple[Version, ...]
    changes: tuple[Change, ...]
    lines: tuple[Line, ...]
    damaged: str = ""
    refused: tuple[Refused, ...] = ()
    unmended: Refused | None = None
    waiting: tuple[Window, ...] = ()
    promoted: Outcome | None = None
    entered: Window | None = None
    read: Callable[[], Overview] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def whole(self) -> Overview:
        """The overview of all windows."""
        return self.read() if self.read else self

    @property
    def broken(self) -> str:
        """Why the live model cannot predict: what is wrong with its artifact, or how it failed at last."""
        own = self.last is not None and self.last.served == self.live.number
        return self.damaged or (self.last.failed if self.last and own else "")

    @property
    def model(self) -> Standing:
        """How the live model does beside its promise, from its scores since it went live."""
        since = max((i for i, line in enumerate(self.lines) if line.window.key == self._after), default=-1)
        own = [line.live for line in self.lines[since + 1 :] if line.live and line.served == self.live.number]
        before = _predecessor(self.changes, self.versions, self.live.number)
        return standing(self.live, before, own, *_rule(self.lines))

    @property
    def data(self) -> Verdict | None:
        """The verdict on the newest window; None before one is complete."""
        return self.last.verdict if self.last else None

    @property
    def _after(self) -> str:
        """The key of the window after which the live model went live; empty for the first model."""
        return "" if self.since.promotion.action == "start" else self.since.promotion.window

    @property
    def day(self) -> str:
        """When the live model went live: the day on which a person acted, else the end of the window."""
        made = self.since.promotion
        if made.action == "start":
            return "the start"
        by_hand = made.manual or made.action == "rollback"
        return spans.date(self.since.at) if by_hand or self.entered is None else spans.after(self.entered)

    @property
    def place(self) -> int:
        """The live model is the so many-th that went live."""
        order = list(dict.fromkeys(c.promotion.version for c in self.changes))
        return order.index(self.live.number) + 1

    @property
    def windows(self) -> Mapping[str, Window]:
        """The settled windows by their key."""
        return {line.window.key: line.window for line in self.lines}

    @property
    def held(self) -> Promotion | None:
        """The rollback that keeps the loop from retraining, if one does."""
        return reign.held([change.promotion for change in self.changes])

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
        if found is None and self.read:
            return self.whole.line(window)
        if found is None:
            raise NotFoundError(
                f"there is no window {window!r}",
                suggest(window, list(lines)) if len(lines) < 20 else _near(window, lines),
            )
        return found

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What the gate found at every retraining, oldest first."""
        return tuple(act.outcome for line in self.whole.lines for act in line.acts if act.outcome)

    def until(self, outcome: Outcome) -> tuple[Outcome, ...]:
        """The outcomes up to one of them, which is the last."""
        return self.outcomes[: self.outcomes.index(outcome) + 1]

    @property
    def by_hand(self) -> tuple[Change, ...]:
        """What persons decided: rollbacks, releases, and promotions past the gate."""
        actions = ("rollback", "release")
        return tuple(c for c in self.changes if c.promotion.action in actions or c.promotion.manual)

    @property
    def labels(self) -> str:
        """Which windows wait for labels, in words."""
        return states.waiting(self.waiting)

    @property
    def unscored(self) -> Line | None:
        """The newest window that has no score though its labels are there."""
        return next((line for line in reversed(self.lines) if line.unscored), None)

    @property
    def scored(self) -> Line | None:
        """The newest window with a score of the model that served it."""
        return next((line for line in reversed(self.lines) if line.live), None)

    @property
    def sentence(self) -> str:
        """The state of the model and that of the data, in a few sentences."""
        if self.broken:
            first = states.broken(self.live.number, self.broken)
        else:
            model, windows = self.model, self.windows
            first = states.kept(model, [windows[key] for key in model.windows], self.day)
        parts = [first]
        newest = self.scored
        if newest and newest.live and newest.live.version != self.live.number:
            parts.append(states.predecessor(newest.live, newest.window))
        if self.promoted:
            parts.append(states.replaced(self.promoted))
        parts.append(states.drifting(self.last.comparison) if self.last else "No window is complete yet.")
        return " ".join([*parts, *filter(None, [states.holding(self.held)])])

    def made(self, version: Version) -> str:
        """The day after which a version was trained: the end of its window."""
        window = self.windows.get(version.window)
        return spans.after(window) if window else f"window {version.window}"

    def status_of(self, version: Version) -> str:
        """What became of a version: live, was live, rejected, or not judged."""
        if version.number == self.live.number:
            return "live"
        if any(c.promotion.version == version.number for c in self.changes):
            return "was live"
        judged = {trial.version for outcome in self.outcomes for trial in outcome.trials}
        return "rejected" if version.number in judged else "not judged"


def overview(store: Store, registry: Registry | None = None, newest: int | None = None) -> Overview:
    """Read the state of a workspace; raises NotFoundError where no model is live.

    With the registry the live model's bytes are held against their hash; they are not loaded. With ``newest``
    the lines are those of so many windows, and no more is read of the store than they need.
    """
    live = store.champion()
    if live is None:
        raise NotFoundError("no model is live in this workspace", NO_MODEL)
    changes = tuple(Change(e.at, e.promotion, e.hash) for e in store.ledger())
    versions = tuple(sorted(store.all(Version), key=lambda v: v.number))
    first = next(v for v in versions if v.number == changes[0].promotion.version)
    since = next(c for c in reversed(changes) if c.promotion.action != "release")
    if newest is not None and (trusted(live) is None or store.count(Step) <= newest):
        newest = None  # what an adopted model is held to, its first windows say
    some = None if newest is None else newest + BEFORE
    lines = _held_to_promises(_lines(store, first.number, some), changes, versions)
    lines = lines if newest is None else lines[-newest:]
    entered = store.get(Step, since.promotion.window)
    own = [act.outcome for line in lines for act in line.acts if act.outcome]
    promoted = next((o for o in reversed(own) if o.promoted == live.number), None)
    if promoted is None and newest is not None:
        promoted = _promoted(store, since.promotion)
    return Overview(
        *(live, since, first, versions, changes, lines, damage(live, registry), *_refused(store)),
        waiting=_waiting(store, lines),
        promoted=promoted,
        entered=entered.window if entered else None,
        read=None if newest is None else partial(overview, store, registry),
    )


def _promoted(store: Store, promotion: Promotion) -> Outcome | None:
    """What the gate found when it promoted a version; None where it did not."""
    if promotion.action != "promote" or promotion.manual:
        return None
    found = [o for o in store.all(Outcome) if o.promoted == promotion.version]
    return found[-1] if found else None


def _waiting(store: Store, lines: Sequence[Line]) -> tuple[Window, ...]:
    """Settled windows without a score of the model that served, or a reason why there is none."""
    known = {line.window.key for line in lines}
    scored = {key.partition("/")[0] for kind in (Score, Unscored) for key in store.keys(kind)}
    older = [key for key in store.keys(Step) if key not in scored and key not in known and "/" not in key]
    steps = [store.get(Step, key) for key in older]
    inside = [line.window for line in lines if line.live is None and not line.unscored]
    return (*(step.window for step in steps if step), *inside)


def _refused(store: Store) -> tuple[tuple[Refused, ...], Refused | None]:
    """Deliveries that were refused, and the newest of them where the feed has not been mended since."""
    times = store.times(Refusal)
    found = tuple(map(Refused, times.values(), store.all(Refusal)))
    return found, found[-1] if refusals.newest(store) else None


def damage(version: Version, registry: Registry | None) -> str:
    """Why a version's artifact is not what was stored; empty where it is, or there is none to look at."""
    if registry is None or not version.artifact:
        return ""
    try:
        registry.get(version.artifact)
    except UntrustedError as error:
        return error.problem
    return ""


def _held_to_promises(
    lines: Sequence[Line], changes: Sequence[Change], versions: Sequence[Version]
) -> tuple[Line, ...]:
    """The lines with how the model that served each did up to there, since it went live."""
    known = {version.number: version for version in versions}
    how = _rule(lines)
    predecessors = {n: _predecessor(changes, versions, n) for n in {c.promotion.version for c in changes}}
    out: list[Line] = []
    own: list[Score] = []
    for line in lines:
        if out and out[-1].served != line.served:
            own = []
        if line.live is not None and line.live.version in known:
            own.append(line.live)
            before = predecessors.get(line.live.version)
            line = replace(line, model=standing(known[line.live.version], before, own, *how))  # noqa: PLW2901
        out.append(line)
    return tuple(out)


def _predecessor(changes: Sequence[Change], versions: Sequence[Version], number: int) -> Version | None:
    """The version that one beat when the gate promoted it."""
    beaten = reign.predecessor([change.promotion for change in changes], number)
    return next((v for v in versions if v.number == beaten), None)


def _rule(lines: Sequence[Line]) -> tuple[float, int]:
    """The rise of the loss that the newest decision calls too much, and over how many windows."""
    rules = (r for line in reversed(lines) for act in reversed(line.acts) for r in act.decision.rules)
    found = next((r for r in rules if r.name == "performance" and r.limit is not None), None)
    return (DROP, OVER) if found is None or found.limit is None else (found.limit, found.over or OVER)


def _near(window: str, keys: Iterable[str]) -> str:
    """The window that holds a day, or the newest one and the list to look at."""
    every = list(keys)
    newest = f"The newest window is {every[-1]!r}; see undrift history."
    try:
        datetime.fromisoformat(window)
    except ValueError:
        return newest
    before = [key for key in every if key <= window]
    return f"The one before is {before[-1]!r}; see undrift history." if before else newest


def _lines(store: Store, first: int, newest: int | None) -> tuple[Line, ...]:
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
            one_class=one_class.get(step.window.index, ""),
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

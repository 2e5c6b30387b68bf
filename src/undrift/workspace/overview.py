"""What the store says about a workspace, put together for whoever shows it; nothing is computed anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from undrift.errors import NotFoundError, UndriftError, UntrustedError, suggest
from undrift.promise import DROP, OVER, standing
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
from undrift.stores import NO_MODEL, Store, scores
from undrift.verdicts import WORST_FIRST, worst
from undrift.words import spans, states
from undrift.workspace import refusals, reign

K = TypeVar("K", bound=str | tuple[str, str])
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
    comparison: Comparison
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
    its kind came since.
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
        window = self.windows.get(made.window)
        by_hand = made.manual or made.action == "rollback"
        return spans.date(self.since.at) if by_hand or window is None else spans.after(window)

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
        if found is None:
            raise NotFoundError(
                f"there is no window {window!r}",
                suggest(window, list(lines)) if len(lines) < 20 else _near(window, lines),
            )
        return found

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What the gate found at every retraining, oldest first."""
        return tuple(act.outcome for line in self.lines for act in line.acts if act.outcome)

    def until(self, outcome: Outcome) -> tuple[Outcome, ...]:
        """The outcomes up to one of them, which is the last."""
        return self.outcomes[: self.outcomes.index(outcome) + 1]

    @property
    def by_hand(self) -> tuple[Change, ...]:
        """What persons decided: rollbacks, releases, and promotions past the gate."""
        actions = ("rollback", "release")
        return tuple(c for c in self.changes if c.promotion.action in actions or c.promotion.manual)

    @property
    def promoted(self) -> Outcome | None:
        """What the gate found when the live model was promoted; None for the first model."""
        return next((o for o in reversed(self.outcomes) if o.promoted == self.live.number), None)

    @property
    def waiting(self) -> tuple[Window, ...]:
        """Settled windows whose labels have not matured, oldest first."""
        return tuple(line.window for line in self.lines if line.live is None and not line.unscored)

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


def overview(store: Store, registry: Registry | None = None) -> Overview:
    """Read the state of a workspace; raises NotFoundError where no model is live.

    With the registry the live model's bytes are held against their hash; they are not loaded.
    """
    live = store.champion()
    if live is None:
        raise NotFoundError("no model is live in this workspace", NO_MODEL)
    changes = tuple(Change(e.at, e.promotion, e.hash) for e in store.ledger())
    versions = tuple(sorted(store.all(Version), key=lambda v: v.number))
    first = next(v for v in versions if v.number == changes[0].promotion.version)
    since = next(c for c in reversed(changes) if c.promotion.action != "release")
    lines = _held_to_promises(_lines(store, first.number), changes, versions)
    return Overview(live, since, first, versions, changes, lines, damage(live, registry), *_refused(store))


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
    out: list[Line] = []
    own: list[Score] = []
    for line in lines:
        if out and out[-1].served != line.served:
            own = []
        if line.live is not None and line.live.version in known:
            own.append(line.live)
            before = _predecessor(changes, versions, line.live.version)
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


def _lines(store: Store, first: int) -> tuple[Line, ...]:
    comparisons = {c.window.key: c for c in store.all(Comparison) if c.window}
    services = {s.window: s for s in store.all(Service)}
    served = {key: service.live for key, service in services.items()}
    newest = {(s.window, s.version): s for s in scores(store)}
    revised = _revised(store, newest)
    refused = {(u.window, u.version): u.why for u in store.all(Unscored)}
    targets = {t.window: t for t in store.all(TargetComparison)}
    joined = {key: _with_target(found, targets.get(key)) for key, found in comparisons.items()}
    one_class = {int(i): b.one_class for b in store.all(Batch) if b.one_class for i in b.labels | b.corrected}
    times = store.times(Step)
    return tuple(
        Line(
            window=step.window,
            verdict=_kept(joined, key, "comparison").verdict,
            comparison=joined[key],
            decision=first_act.decision,
            step=step,
            live=newest.get(served_by),
            first=newest.get((key, first)),
            outcome=first_act.outcome,
            at=times[key],
            failed=services[key].failed.get(str(served[key]), "") if key in services else "",
            earlier=tuple(revised.get(key, ())),
            unscored="" if served_by in newest else refused.get(served_by, ""),
            one_class=one_class.get(step.window.index, ""),
            later=tuple(later),
            served=served.get(key),
        )
        for key, (first_act, *later) in _acts(store).items()
        for step in [first_act.step]
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


def _acts(store: Store) -> dict[str, list[Act]]:
    """All that was decided after each window, by its name: windows in order, decisions as they came."""
    decisions = {(d.window, d.on): d for d in store.all(Decision)}
    outcomes = {(o.window, o.on): o for o in store.all(Outcome)}
    acts: dict[str, list[Act]] = {}
    for step in sorted(store.all(Step), key=lambda s: s.window.index):
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

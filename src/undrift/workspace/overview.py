"""What the store says about a workspace, put together for whoever shows it; nothing is computed anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial

from undrift import stores
from undrift.errors import NotFoundError, UntrustedError, suggest
from undrift.promise import DROP, OVER, standing, trusted
from undrift.records import (
    Member,
    Outcome,
    Promotion,
    Refusal,
    Score,
    Standing,
    Step,
    Unscored,
    Verdict,
    Version,
    Weights,
    Window,
)
from undrift.registries import Registry
from undrift.stores import Store
from undrift.words import spans, states
from undrift.workspace import pending, refusals, reign
from undrift.workspace.lines import Line, lines_of
from undrift.workspace.pending import Pending

SHOWN = 60
"""Windows that are read, the newest, where only the present state is asked for."""

BEFORE = 30
"""Windows that are read besides: scores of these say how a model did at the first of the others."""


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
    ``entered`` the window after which it went live. ``serving`` says who serves as the live version with
    which weight, ``weighed`` on what that rests where it was weighed since it went live. ``pending`` is a
    step that is half done. Where ``lines`` are the newest ones only, ``read`` gives the overview of all.
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
    pending: Pending | None = None
    serving: tuple[Member, ...] = ()
    weighed: Weights | None = None
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

    def version(self, name: str) -> Version | None:
        """The version of a name like v4, None for another name; raises NotFoundError for an unknown one."""
        number = re.fullmatch(r"v(\d+)", name)
        if number is None or name in self.windows:
            return None
        found = next((v for v in self.versions if v.number == int(number[1])), None)
        if found is None:
            raise NotFoundError(f"there is no {name}", "See undrift models.")
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
        """What became of a version: live, member, was live, was member, rejected, or not judged."""
        if version.number == self.live.number:
            return "live"
        if version.number in {m.version for m in self.live.members}:
            return "member"
        once = {c.promotion.version for c in self.changes}
        if version.number in once:
            return "was live"
        if version.number in {m.version for v in self.versions if v.number in once for m in v.members}:
            return "was member"
        judged = {trial.version for outcome in self.outcomes for trial in outcome.trials}
        return "rejected" if version.number in judged else "not judged"


def overview(store: Store, registry: Registry | None = None, newest: int | None = None) -> Overview:
    """Read the state of a workspace; raises NotFoundError where no model is live.

    With the registry the live model's bytes are held against their hash; they are not loaded. With ``newest``
    the lines are those of so many windows, and no more is read of the store than they need.
    """
    live = stores.live(store)
    changes = tuple(Change(e.at, e.promotion, e.hash) for e in store.ledger())
    versions = tuple(stores.versions(store))
    first = next(v for v in versions if v.number == changes[0].promotion.version)
    since = next(c for c in reversed(changes) if c.promotion.action != "release")
    if newest is not None and (trusted(live) is None or store.count(Step) <= newest):
        newest = None  # what an adopted model is held to, its first windows say
    some = None if newest is None else newest + BEFORE
    lines = _held_to_promises(lines_of(store, first.number, some), changes, versions)
    lines = lines if newest is None else lines[-newest:]
    entered = store.get(Step, since.promotion.window)
    own = [act.outcome for line in lines for act in line.acts if act.outcome]
    promoted = next((o for o in reversed(own) if o.promoted == live.number), None)
    if promoted is None and newest is not None:
        promoted = _promoted(store, since.promotion)
    return Overview(
        *(live, since, first, versions, changes, lines, damage(live, registry, store), *_refused(store)),
        waiting=_waiting(store, lines),
        promoted=promoted,
        entered=entered.window if entered else None,
        pending=pending.pending(store),
        serving=stores.members(store, live),
        weighed=stores.weights(store, live.number),
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


def damage(version: Version, registry: Registry | None, store: Store | None = None) -> str:
    """Why a version's artifact is not what was stored; empty where it is, or there is none to look at.

    With the store the members of a mixture are looked at.
    """
    serving = [version] if store is None else [stores.version(store, m.version) for m in version.members]
    try:
        for one in serving or [version]:
            if registry is not None and one.artifact:
                registry.get(one.artifact)
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

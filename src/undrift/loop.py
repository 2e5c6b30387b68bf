"""The loop: profile, compare, decide, retrain, gate, promote.

Each result is stored before the next verb acts, and every verb first looks whether its result is
there: a step that died anywhere goes on where it stopped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from undrift import inputs
from undrift.comparison.limits import Limits
from undrift.comparison.result import Result
from undrift.errors import BusyError, ConfigError, ModelError, NotFoundError, TooFewError
from undrift.gate import Gate
from undrift.lakes import Lake
from undrift.merging import Merge
from undrift.policies import Policy
from undrift.profiles.table import TableProfile
from undrift.records import (
    Batch,
    Comparison,
    Decision,
    Explanation,
    History,
    Outcome,
    Promotion,
    Rule,
    Schema,
    Score,
    Service,
    Step,
    Version,
    Window,
)
from undrift.registries import Registry
from undrift.stores import NO_MODEL, Store, keep, scores, tell
from undrift.trainers import Trainer
from undrift.windows import Cut, span, spanning
from undrift.words.deeds import decision as decision_sentence
from undrift.words.deeds import held as held_sentence
from undrift.words.deeds import void as void_sentence
from undrift.workspace import adoption, contest, occasions, refusals, reign
from undrift.workspace.adoption import Unseen
from undrift.workspace.archive import FOREIGN, Archive, utc_now
from undrift.workspace.held_out import Split
from undrift.workspace.models import Fitted, Models
from undrift.workspace.monitor import Watch
from undrift.workspace.occasions import Occasion
from undrift.workspace.rehearsal import rehearse
from undrift.workspace.remembered import RememberedLake, RememberedStore
from undrift.workspace.scoring import Scoring
from undrift.workspace.serving import Served

T = TypeVar("T")

Decide = Callable[[Occasion, datetime | None], Decision]

LEASE = "loop"
LEASE_SECONDS = 600.0
"""How long a lease holds without a sign of life; a holder that died on this machine is replaced at once."""

REMEMBERED = 12
"""Comparisons that a policy is shown: the newest, each with all its features."""


@dataclass(frozen=True)
class Settled:
    """All that happened after one window, or after ``scores`` that came for windows before.

    Every score is told once: with its own window, or with the oldest one that was settled at that time.
    ``failed`` says why the live model could not predict, empty where it could.
    """

    window: Window
    comparison: Comparison
    decision: Decision
    scores: tuple[Score, ...]
    outcome: Outcome | None
    step: Step
    failed: str = ""


@dataclass(frozen=True)
class Report:
    """What one call of ``step`` or ``label`` did: the batch it kept and the windows it decided about."""

    batch: Batch | None
    settled: tuple[Settled, ...]
    _compared: Callable[[Comparison], Result] | None = field(default=None, repr=False, compare=False)

    @property
    def action(self) -> str:
        """What was done at last: keep, promote or reject; wait when there was nothing to decide on."""
        return self.settled[-1].step.action if self.settled else "wait"

    @property
    def why(self) -> str:
        """The reason, in words."""
        return self.settled[-1].step.why if self.settled else "no window is newly complete"

    @property
    def comparison(self) -> Result | None:
        """How the newest window compares with the reference; None where none was settled."""
        return self._compared(self.settled[-1].comparison) if self.settled and self._compared else None


@dataclass
class Loop(Served):
    """A model in production, watched: every part is handed in, nothing is wired here."""

    schema: Schema
    store: Store
    lake: Lake
    registry: Registry
    policy: Policy
    merges: dict[str, Merge]
    holder: str
    trainer: Trainer | None = None
    limits: Limits = field(default_factory=Limits)
    gate: Gate = field(default_factory=Gate)
    cut: Cut = field(default_factory=Cut)
    label_delay: timedelta = timedelta(0)
    coverage: float = 0.9
    loss: str = "auto"
    trust_pickle: bool = False
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        """Wire the archive; nothing is read yet."""
        self.store = self._records = RememberedStore(self.store)
        self.lake = self._rows = RememberedLake(self.lake)
        self.archive = Archive(self.schema, self.store, self.lake, self.cut, self.clock)
        self._rows.is_new = self.archive.is_new
        self._token, self._renewed = 0, -LEASE_SECONDS
        self._failed: dict[str, str] = {}
        self._rehearsed = False
        self.models = Models(
            *(self.archive, self.store, self.registry, self.trainer),
            loss=self.loss,
            trust_pickle=self.trust_pickle,
            block=span(self.gate.block),
        )
        self.watch = Watch(self.archive, self.store, self.models, self.limits)
        self.scoring = Scoring(self.archive, self.store, self.models)

    # The six verbs ------------------------------------------------------------------------------

    def step(self, rows: Any = None, now: datetime | None = None, batch: str | None = None) -> Report:
        """Take in a batch (a file or frame), settle every window that is complete, and say what was done.

        ``now`` is the event time up to which everything has arrived; by default the newest seen.
        Calling it again with the same rows changes nothing. Raises DataError for a batch that does not
        fit, BusyError while another process works on the same workspace.
        """
        if now is not None and now.tzinfo is None:
            raise ConfigError(f"now = {now} has no time zone", "Give one, such as datetime.UTC.")
        self._ready()
        with self._lease():
            resumed = self._reconsider(occasions.unfinished(self.store), self._reached(now))
            kept = self._take_in(rows, batch)
            reached = self._reached(now)
            due = self._due(reached)
            for window in due:
                self._watch(window)
            self._score(reached)
            decided = self._settle(due, reached) or self._reconsider(occasions.of_scores(self.store), reached)
            return Report(kept, (*resumed, *decided), self.watch.result)

    def _watch(self, window: Window) -> Comparison:
        """Predict on a window and compare it, before anything is learnt from any window that is due."""
        self._predict(window)
        return self._once(Comparison, window.key, lambda: self._compare(window))

    def _settle(self, due: list[Window], now: datetime | None) -> list[Settled]:
        """Decide, and act; of several windows due at once only the newest acts."""
        shares = occasions.shared(occasions.fresh(self.store), due) if due else {}
        return [
            self._conclude(Occasion(w), shares[w.key], now, self._decide if w is due[-1] else self._defer)
            for w in due
        ]

    def _reconsider(self, occasion: Occasion | None, now: datetime | None) -> list[Settled]:
        """Decide, and act, on scores that came after the newest settled window."""
        if occasion is None:
            return []
        return [self._conclude(occasion, tuple(occasions.fresh(self.store)), now, self._decide)]

    def _conclude(
        self, occasion: Occasion, scores: tuple[Score, ...], now: datetime | None, decide: Decide
    ) -> Settled:
        """Decide, retrain and promote if that is the decision, and close."""
        key, window = occasion.key, occasion.window
        comparison = self._watch(window)
        decision = self._once(Decision, key, lambda: decide(occasion, now))
        outcome, refused = None, ""
        if decision.action == "retrain":
            outcome = self.store.get(Outcome, key)
            if outcome is None and not self._held():
                challengers = self._retrain(occasion, now)
                outcome = self._once(Outcome, key, lambda: self._judge(occasion, challengers, now))
            refused = self._promote(outcome) if outcome else ""
        step = self._once(Step, key, lambda: self._close(occasion, comparison, decision, outcome, refused))
        return Settled(window, comparison, decision, scores, outcome, step, self._trouble(window))

    def _compare(self, window: Window) -> Comparison:
        """Profile the window and compare every feature with the live model's reference."""
        self._renew()
        return self.watch.compare(window, self.live())

    def _predict(self, window: Window) -> None:
        """Log the predictions of the live model, and of the first one in its shadow."""
        if self.store.get(Service, window.key):
            return
        live, first = self.live().number, self.first().number
        rows = self.archive.rows(window.index, window.index)
        values, failed = {}, {}
        for number in {live, first} - {FOREIGN}:
            try:
                values[number] = self.models.ask(number, rows)
            except ModelError as error:
                failed[str(number)] = str(error)
        if values:
            self.archive.predicted(window, rows, dict(sorted(values.items())))
        shadow = tuple(n for n in (first,) if n != live)
        keep(self.store, window.key, Service(window.key, window.index, live, shadow, failed))

    def _score(self, now: datetime | None) -> None:
        """Score every version that served a window whose labels have matured, or were corrected, since."""
        self.scoring.score(now, self.coverage, self.label_delay)
        self.watch.compare_targets()

    def _decide(self, occasion: Occasion, now: datetime | None) -> Decision:
        """Ask the policy; where it would retrain but cannot, say what is lacking instead."""
        fresh = occasions.names(occasions.fresh(self.store))
        decision = self.policy.decide(self._history(occasion.window, fresh, now))
        decision = replace(decision, on=occasion.on, seen=len(self.store.all(Score)), scored=fresh)
        obstacle = self._obstacle(decision, now)
        if obstacle is None:
            return decision
        return replace(decision, action="keep", why=obstacle.text, rules=(*decision.rules, obstacle))

    def _history(self, window: Window, fresh: tuple[str, ...], now: datetime | None) -> History:
        """What the policy may look at."""
        live, split = self.live(), self._split(now)
        return History(
            window=window,
            comparisons=tuple(
                c for c in self.store.all(Comparison, REMEMBERED) if c.reference == live.number
            ),
            scores=tuple(self._live_scores()),
            decisions=tuple(self.store.all(Decision)),
            champion=live,
            labelled_rows=split.new_rows(self.archive, live.through),
            predecessor=self._predecessor(live),
            to_come=split.to_come(self.archive, self.gate),
            fresh=fresh,
        )

    def _obstacle(self, decision: Decision, now: datetime | None) -> Rule | None:
        """What keeps the loop from retraining, whatever the policy says; None where nothing does."""
        if held := self._held():
            return Rule("hold", holds=False, text=held)
        if decision.action == "keep":
            return None
        if self.trainer is None:
            return Rule(
                "ready", holds=False, text="there is no model to train: set model.use in undrift.toml"
            )
        lacking = self._split(now).lacking(self.archive, self.gate, self.store.all(Outcome))
        return Rule("ready", holds=False, text=lacking) if lacking else None

    def _held(self) -> str:
        """Why the loop does not retrain since a person rolled back; empty where it is not held."""
        by = reign.held(self._changes())
        return held_sentence(by) if by else ""

    def _defer(self, occasion: Occasion, now: datetime | None) -> Decision:  # noqa: ARG002
        """Windows that were due at once have seen the same labels: to ask again would be to peek."""
        why = "newer windows were complete as well: decided after the newest of them"
        rule = Rule("newest", holds=False, text=why)
        window = occasion.window
        return Decision(window.key, window.index, "keep", why, (rule,), seen=occasions.seen(self.store))

    def _retrain(self, occasion: Occasion, now: datetime | None) -> list[Version]:
        """Train one challenger per merge strategy on the labelled rows that are not held out."""
        split, key, on = self._split(now), occasion.window.key, occasion.on
        first = self.first().number
        kept = [v for v in self.store.all(Version) if (v.window, v.on) == (key, on) and v.number != first]
        done = {v.merge: v for v in kept}
        chosen = {name: merge.select(split.available) for name, merge in self.merges.items()}
        distinct = {s: name for name, s in reversed(chosen.items())}
        unseen = self.archive.labelled_in(split.held_out)
        trained, self._failed = [], {}
        for name, selection in chosen.items():
            if distinct[selection] != name:
                continue
            self._renew()
            try:
                trained.append(done.get(name) or self.models.train(key, name, selection, unseen, on=on))
            except ModelError as error:
                self._failed[name] = str(error)
                tell("failure", Rule(name, holds=False, text=str(error)))
        return trained

    def _judge(self, occasion: Occasion, challengers: list[Version], now: datetime | None) -> Outcome:
        """Judge the challengers against the champion on the held-out rows, if any could be trained."""
        self._renew()
        live = self.live()
        if not challengers:
            return contest.uncontested(occasion, live, self.models.metric, self._failed)
        held_out = self._split(now).held_out
        outcome = contest.judged(occasion, live, challengers, held_out, self.models, self.gate, self._failed)
        better = [t.version for t in outcome.trials if t.better]
        self.models.forget_all_but({live.number, self.first().number, *better})
        return outcome

    def _promote(self, outcome: Outcome) -> str:
        """Make the winner champion, in one transaction with its ledger entry; what speaks against it, if any.

        A promotion is void once a person has put another in the place of the champion that it beat.
        """
        if outcome.promoted is None:
            return outcome.why
        changes = self._changes()
        done = ("promote", outcome.promoted, outcome.window)
        if done in [(p.action, p.version, p.window) for p in changes if not p.manual]:
            return ""
        if reign.held(changes) or changes[-1].version != outcome.champion:
            return void_sentence(outcome, reign.since(changes))
        self.models.complete(self.models.version(outcome.promoted))
        self._crown(Promotion("promote", outcome.promoted, outcome.champion, outcome.window, outcome.why))
        return ""

    # What a person or a program asks of it ------------------------------------------------------

    def start(
        self,
        history: Any,
        model: Fitted | None = None,
        source: str | None = None,
        *,
        trained_until: datetime | None = None,
        holdout: Any = None,
    ) -> Version:
        """Keep the history, train the first model on it (or adopt a fitted one) and make it live.

        ``model`` is what ``artifacts.read_file`` gave. An adopted one is judged on rows that it has not seen:
        those of the history after the event time ``trained_until``, or those of ``holdout``, which become
        part of the history. Does nothing where a model is live already. Raises TooFewError when the history
        is too short to train on and hold rows out, or nothing of it is unseen.
        """
        told = trained_until is not None or holdout is not None
        if told and model is None and self.schema.prediction is None:
            raise ConfigError("no model is adopted", "For one that it trains, undrift holds rows out itself.")
        self._ready()
        with self._lease():
            live = self.store.champion()
            if live is not None:
                return live
            table = inputs.read(history)
            kept = self.archive.add(table, source or inputs.label_of(history), history=True)
            unseen = adoption.unseen(self.archive, kept, trained_until, holdout)
            version = self._first_version(model, unseen)
            reason = {FOREIGN: "predictions come with the rows"}.get(version.number, "the first model")
            self._crown(Promotion("start", version.number, None, version.window, reason))
            return version

    def _ready(self) -> None:
        """Raise ConfigError for a model or a part that does not fit, before anything is taken in."""
        if not self._rehearsed:
            rehearse(self.policy, self.merges, self.limits)
            self.models.ready()
            self._rehearsed = True

    def label(self, rows: Any, now: datetime | None = None, batch: str | None = None) -> Report:
        """Take in labels that arrived after their rows, score what has matured, and decide on new scores."""
        self._ready()
        with self._lease():
            clock = self._reached(now)
            resumed = self._reconsider(occasions.unfinished(self.store), clock)
            source = inputs.label_of(rows)
            with refusals.recorded(self.store, "labels", source):
                kept = self.archive.label(inputs.read(rows), source, batch)
            self._score(clock)
            occasion = None if self._due(clock) else occasions.of_scores(self.store)
            return Report(kept, (*resumed, *self._reconsider(occasion, clock)), self.watch.result)

    def check(self, rows: Any) -> Result:
        """Compare rows with the live model's reference; nothing is kept."""
        return self.watch.check(rows, self.live())

    def explain(self, window: str = "") -> Explanation:
        """What tells the rows of a window (by default the newest) from those its model was trained on.

        That model is the one that was live when the window was compared. A classifier on sampled rows is
        fitted for it; nothing is kept. Raises NotFoundError for a window that there is not, TooFewError
        for one with too few rows.
        """
        return self.watch.explain(window, self.live())

    def rollback(self, reason: str, to: int | None = None, *, hold: bool = True) -> Promotion:
        """Make the previous champion (or version ``to``) live again, after loading it and checking its hash.

        With ``hold`` the loop goes on watching but neither trains nor promotes until ``release``, or
        ``promote``. Raises NotFoundError when there is nothing to go back to.
        """
        with self._lease():
            target = self.earlier(to)
            self.models.load(target)
            return self._by_hand("rollback", target, reason, hold=hold)

    def earlier(self, to: int | None = None) -> int:
        """The version that a rollback (to version ``to``) makes live; raises NotFoundError if it cannot."""
        live, changes = self.live().number, self._changes()
        if to is None:
            return reign.before(changes)
        self.models.version(to)
        if to == live:
            raise NotFoundError(f"v{to} is live already", "See undrift models.")
        if to not in {p.version for p in changes}:
            raise NotFoundError(f"v{to} was never live", "Go back to a version that was: see undrift models.")
        return to

    def release(self, reason: str) -> Promotion:
        """Let the loop retrain and promote again after a rollback; raises NotFoundError if it is not held."""
        with self._lease():
            if reign.held(self._changes()) is None:
                raise NotFoundError("the loop is not held", "There is nothing to release.")
            return self._by_hand("release", self.live().number, reason)

    def promote(self, version: int, reason: str) -> Promotion:
        """Make a version live by a person's decision, past the gate; its hash is checked, a hold ends.

        Raises NotFoundError for a version that there is not, or that is live already.
        """
        with self._lease():
            self.models.version(version)
            if version == self.live().number:
                held = reign.held(self._changes()) is not None
                remedy = "To end the hold: undrift release." if held else "See undrift models."
                raise NotFoundError(f"v{version} is live already", remedy)
            self.models.load(version)
            self.models.complete(self.models.version(version))
            return self._by_hand("promote", version, reason, manual=True)

    def live(self) -> Version:
        """The version that is live; raises NotFoundError before ``start``."""
        version = self.store.champion()
        if version is None:
            raise NotFoundError("no model is live in this workspace", NO_MODEL)
        return version

    def first(self) -> Version:
        """The first model, which is never retrained."""
        return self.models.version(self.store.ledger()[0].promotion.version)

    def reference(self) -> TableProfile:
        """The profile of the rows that the live model was trained on."""
        return self.watch.reference(self.live())

    # Parts of the verbs -------------------------------------------------------------------------

    def _take_in(self, rows: Any, batch: str | None) -> Batch | None:
        if rows is None:
            return None
        self.live()
        source = inputs.label_of(rows)
        with refusals.recorded(self.store, "rows", source):
            kept = self.archive.add(inputs.read(rows), source, batch)
        self.scoring.catch_up(kept)
        tell("batch", kept)
        return kept

    def _reached(self, now: datetime | None) -> datetime | None:
        """The event time up to which everything has arrived; it never goes back behind a score."""
        newest = max((s.index for s in self.store.all(Score)), default=None)
        scored = [w.end + self.label_delay for w in self.archive.windows() if w.end and w.index == newest]
        return max(filter(None, (now, self.archive.watermark(), *scored)), default=None)

    def _due(self, now: datetime | None) -> list[Window]:
        """Complete windows that are not settled, oldest first."""
        settled = {s.window.index for s in self.store.all(Step)}
        windows = self.archive.windows()
        return [w for w in windows if w.index not in settled and self.cut.closed(w, now)]

    def _live_scores(self) -> list[Score]:
        """The scores of the live model since it became live, by window."""
        since = self._reign()
        served = {s.window: s.live for s in self.store.all(Service) if s.index > since}
        own = [s for s in scores(self.store) if served.get(s.window) == s.version]
        return sorted(own, key=lambda s: s.index)

    def _reign(self) -> int:
        """The window after which the live model became live, for the last time."""
        last = reign.since(self._changes()).window
        known = [*self.archive.windows(history=True), *self.archive.windows()]
        return next((w.index for w in known if w.key == last), -(2**62))

    def _split(self, now: datetime | None) -> Split:
        """Labelled windows to train on, and those held out."""
        live = self.store.champion()
        through = live.through if live else None
        return Split.of(self.archive, self.gate, through, self.coverage, self.label_delay, now)

    def _first_version(self, fitted: Fitted | None, unseen: Unseen | None) -> Version:
        windows = self.archive.windows(history=True)
        kept = self.store.get(Version, "1") or self.store.get(Version, str(FOREIGN))
        if kept:
            return kept
        if fitted is not None or self.schema.prediction is not None:
            return self.models.adopt(windows, fitted, unseen)
        split = self._split(None)
        if not split.available or not split.held_out:
            raise TooFewError(
                f"the history makes {len(split.available) + len(split.held_out)} labelled windows",
                f"Training needs at least {self.gate.windows + 1}: more rows, or a smaller windows.size.",
            )
        newest_rows = self.archive.labelled_in(split.held_out)
        return self.models.train(windows[-1].key, "everything", spanning(split.available), newest_rows)

    def _close(
        self, occasion: Occasion, found: Comparison, decision: Decision, outcome: Outcome | None, refused: str
    ) -> Step:
        """What was done, and why; ``refused`` says why a challenger is not promoted."""
        window, live, on, odd = occasion.window, self.live().number, occasion.on, found.unusual
        if outcome is None:
            held = "" if decision.action == "keep" else self._held()
            why = f"Not retrained: {held}." if held else decision_sentence(decision)
            return Step(window, found.verdict, "keep", self._trouble(window) + why, live, on, odd)
        if refused:
            return Step(window, found.verdict, "reject", refused, live, on, odd)
        return Step(window, found.verdict, "promote", outcome.why, live, on, odd)

    def _trouble(self, window: Window) -> str:
        """What kept the live model from predicting, if anything did."""
        service = self.store.get(Service, window.key)
        failed = service.failed.get(str(service.live)) if service else None
        return f"v{service.live} could not predict: {failed} " if service and failed else ""

    def _predecessor(self, live: Version) -> Version | None:
        """The version that ``live`` beat when the gate promoted it."""
        number = reign.predecessor(self._changes(), live.number)
        return None if number is None else self.models.version(number)

    def _changes(self) -> list[Promotion]:
        return [entry.promotion for entry in self.store.ledger()]

    def _by_hand(
        self, action: Literal["rollback", "release", "promote"], version: int, reason: str, **how: bool
    ) -> Promotion:
        """Write what a person decided into the ledger."""
        newest = max(self.archive.windows(), key=lambda w: w.index, default=None)
        key = newest.key if newest else ""
        promotion = Promotion(action, version, self.live().number, key, reason, **how)
        self._crown(promotion)
        return promotion

    def _once(self, kind: type[T], key: str, make: Callable[[], T]) -> T:
        """The stored record, or a new one that is stored before it is returned."""
        found = self.store.get(kind, key)
        if found is None:
            found = make()
            keep(self.store, key, found)
        return found

    def _crown(self, promotion: Promotion) -> None:
        self.store.crown(promotion, self._token)
        self.watch.forget()
        self.models.forget_all_but({promotion.version, self.first().number})
        tell("promotion", promotion)

    def _renew(self) -> None:
        """Renew the lease, unless that was done a moment ago; raises BusyError where it was lost."""
        if time.monotonic() - self._renewed > LEASE_SECONDS / 10:
            self._acquire()

    def _acquire(self) -> None:
        self._token = self.store.acquire(LEASE, self.holder, LEASE_SECONDS)
        self._renewed = time.monotonic()

    @contextmanager
    def _lease(self) -> Iterator[None]:
        self._acquire()
        done = threading.Event()
        threading.Thread(target=self._beat, args=(done,), daemon=True).start()
        try:
            with self._records.held(), self._rows.held():
                yield
        finally:
            done.set()
            self.store.release(LEASE, self.holder)

    def _beat(self, done: threading.Event) -> None:
        """Keep the lease while a long verb runs; a lease that was lost is noticed at the promotion."""
        while not done.wait(LEASE_SECONDS / 4):
            try:
                self.store.acquire(LEASE, self.holder, LEASE_SECONDS)
            except BusyError:
                return

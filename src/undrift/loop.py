"""The loop: profile, compare, decide, retrain, gate, promote.

Each result is stored before the next verb acts, and every verb first looks whether its result is
there: a step that died anywhere goes on where it stopped.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from undrift import gate as gates
from undrift import inputs, losses
from undrift.archive import FOREIGN, Archive
from undrift.comparison import Result
from undrift.errors import BusyError, ConfigError, ModelError, NotFoundError, TooFewError
from undrift.gate import Gate
from undrift.lakes import Lake
from undrift.limits import Limits
from undrift.merging import Merge
from undrift.models import Fitted, Models
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
    Selection,
    Service,
    Step,
    Version,
    Window,
)
from undrift.registries import Registry
from undrift.stores import NO_MODEL, Store, keep, tell
from undrift.trainers import Trainer
from undrift.watching import Watch
from undrift.windows import Cut, blocks, matured, newest, span, spanning
from undrift.wording import decision as decision_sentence
from undrift.wording import outcome as outcome_sentence

T = TypeVar("T")

MINIMUM_BLOCKS = 4
"""Blocks under which an interval over blocks says nothing."""

LEASE = "loop"
LEASE_SECONDS = 600.0
"""How long a lease holds without a sign of life; a holder that died on this machine is replaced at once."""

REMEMBERED = 12
"""Comparisons that a policy is shown: the newest, each with all its features."""


@dataclass(frozen=True)
class Settled:
    """All that happened after one window; ``scores`` are those of the newest window that has any."""

    window: Window
    comparison: Comparison
    decision: Decision
    scores: tuple[Score, ...]
    outcome: Outcome | None
    step: Step


@dataclass(frozen=True)
class Report:
    """What one call of ``step`` did: the batch it kept and the windows it settled."""

    batch: Batch | None
    settled: tuple[Settled, ...]

    @property
    def action(self) -> str:
        """What was done after the newest window: keep, promote or reject; wait when none was settled."""
        return self.settled[-1].step.action if self.settled else "wait"

    @property
    def why(self) -> str:
        """The reason, in words."""
        return self.settled[-1].step.why if self.settled else "no window is newly complete"

    @property
    def comparison(self) -> Comparison | None:
        """How the newest window compares with the reference."""
        return self.settled[-1].comparison if self.settled else None


@dataclass
class Loop:
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

    def __post_init__(self) -> None:
        """Wire the archive; nothing is read yet."""
        self.archive = Archive(self.schema, self.store, self.lake, self.cut)
        self._token = 0
        self._failed: list[str] = []
        self.models = Models(
            self.archive, self.store, self.registry, self.trainer, self.loss, self.trust_pickle
        )
        self.watch = Watch(self.archive, self.store, self.models, self.limits)

    # The six verbs ------------------------------------------------------------------------------

    def step(self, rows: Any = None, now: datetime | None = None, batch: str | None = None) -> Report:
        """Take in a batch (a file or frame), settle every window that is complete, and say what was done.

        ``now`` is the event time up to which everything has arrived; by default the newest seen.
        Calling it again with the same rows changes nothing. Raises DataError for a batch that does not
        fit, BusyError while another process works on the same workspace.
        """
        if now is not None and now.tzinfo is None:
            raise ConfigError(f"now = {now} has no time zone", "Give one, such as datetime.UTC.")
        with self._lease():
            kept = self._take_in(rows, batch)
            clock = max(filter(None, (now, self.archive.watermark())), default=None)
            self._score(clock)
            due = self._due(clock)
            for window in due:
                self._watch(window)
            return Report(kept, tuple(self._settle(w, clock, newest=w is due[-1]) for w in due))

    def _watch(self, window: Window) -> Comparison:
        """Compare a window and predict on it, before anything is learnt from any window that is due."""
        comparison = self._once(Comparison, window.key, lambda: self._compare(window))
        self._predict(window)
        return comparison

    def _settle(self, window: Window, now: datetime | None, *, newest: bool) -> Settled:
        """Score what has matured, decide, and act; of several windows due at once only the newest acts."""
        comparison = self._watch(window)
        self._score(now)
        decide = self._decide if newest else self._defer
        decision = self._once(Decision, window.key, lambda: decide(window, now))
        outcome = None
        if decision.action == "retrain":
            challengers = self._retrain(window, now)
            judged = self._judge if challengers else self._failure
            outcome = self._once(Outcome, window.key, lambda: judged(window, challengers, now))
            self._promote(outcome)
        step = self._once(Step, window.key, lambda: self._close(window, comparison, decision, outcome))
        return Settled(window, comparison, decision, self._newest_scores(), outcome, step)

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
        """Score every version that served a window whose labels have matured since."""
        coverage = self.archive.coverage()
        windows = {w.index: w for w in self.archive.windows()}
        scored = {(s.window, s.version) for s in self.store.all(Score)}
        ready = [
            service
            for service in self.store.all(Service)
            if any((service.window, n) not in scored for n in _serving(service))
            and coverage.get(service.index, 0.0) >= self.coverage
            and matured(windows[service.index], self.label_delay, now)
        ]
        for service in ready:
            self._score_window(service, windows)

    def _decide(self, window: Window, now: datetime | None) -> Decision:
        """Ask the policy; without a trainer or unseen held-out rows, say what is lacking instead."""
        live = self.live()
        history = History(
            window=window,
            comparisons=tuple(
                c for c in self.store.all(Comparison, REMEMBERED) if c.reference == live.number
            ),
            scores=tuple(self._live_scores()),
            decisions=tuple(self.store.all(Decision)),
            champion=live,
            labelled_rows=self._new_labelled_rows(live),
            predecessor=self._predecessor(live),
        )
        decision = self.policy.decide(history)
        lacking = self._lacking(now) if decision.action == "retrain" else None
        if lacking is None:
            return decision
        rule = Rule("ready", holds=False, text=lacking)
        return replace(decision, action="keep", why=lacking, rules=(*decision.rules, rule))

    def _defer(self, window: Window, now: datetime | None) -> Decision:  # noqa: ARG002
        """Windows that were due at once have seen the same labels: to ask again would be to peek."""
        why = "newer windows were complete as well: decided after the newest of them"
        rule = Rule("newest", holds=False, text=why)
        return Decision(window.key, window.index, "keep", why, (rule,))

    def _retrain(self, window: Window, now: datetime | None) -> list[Version]:
        """Train one challenger per merge strategy on the labelled rows that are not held out."""
        available, held_out = self._split(now)
        first = self.first().number
        done = {v.merge: v for v in self.store.all(Version) if v.window == window.key and v.number != first}
        chosen = {name: merge.select(available) for name, merge in self.merges.items()}
        distinct = {s: name for name, s in reversed(chosen.items())}
        unseen = self.archive.labelled_in(held_out)
        since = self.watch.changed()
        trained, self._failed = [], []
        for name, selection in chosen.items():
            if distinct[selection] != name:
                continue
            self._renew()
            try:
                trained.append(
                    done.get(name) or self.models.train(window.key, name, selection, unseen, since=since)
                )
            except ModelError as error:
                self._failed.append(f"{name}: {error}")
                tell("failure", Rule(name, holds=False, text=str(error)))
        return trained

    def _judge(self, window: Window, challengers: list[Version], now: datetime | None) -> Outcome:
        """Judge the challengers against the champion on the same held-out rows, paired."""
        self._renew()
        live = self.live()
        _, held_out = self._split(now)
        data = self.archive.labelled_in(held_out)
        contestants = [live, *challengers]
        gates.assert_unseen(set(data.ids), self.models.trained_ids(contestants))
        predicted = {v.number: self.models.predictions(v.number, data, held_out) for v in contestants}
        per_row = {n: self.models.per_row(data.labels, values) for n, values in predicted.items()}
        block = blocks(data.times, len(data), span(self.gate.block))
        rivals = [(v, per_row[v.number]) for v in challengers]
        trials = gates.judge(per_row[live.number], rivals, block, self.gate)
        self.models.forget_all_but(
            {live.number, self.first().number, *(t.version for t in trials if t.better)}
        )
        best = gates.winner(trials)
        outcome = Outcome(
            window=window.key,
            index=window.index,
            champion=live.number,
            champion_loss=float(per_row[live.number].mean()),
            loss=self.models.metric,
            trials=trials,
            promoted=best.version if best else None,
            held_out=tuple(w.key for w in held_out),
            rows=len(data),
            blocks=len(np.unique(block)),
            confidence=self.gate.confidence(len(trials)),
            why="",
            others={
                str(n): losses.others(data.labels, values, self.models.task)
                for n, values in predicted.items()
            },
        )
        return replace(outcome, why=outcome_sentence(outcome))

    def _failure(self, window: Window, _: list[Version], __: datetime | None) -> Outcome:
        """The outcome of a retraining from which no model came: the champion stays."""
        live = self.live()
        why = f"no challenger could be trained, v{live.number} stays: {'; '.join(self._failed)}"
        return Outcome(
            window.key, window.index, live.number, math.nan, self.models.metric, (), None, (), 0, 0, 0.0, why
        )

    def _promote(self, outcome: Outcome) -> None:
        """Make the winner champion, in one transaction with its ledger entry."""
        if outcome.promoted is None or self._entered("promote", outcome.promoted, outcome.window):
            return
        self.models.watch_output(outcome.promoted)
        self._crown(Promotion("promote", outcome.promoted, outcome.champion, outcome.window, outcome.why))

    # What a person or a program asks of it ------------------------------------------------------

    def start(self, history: Any, model: Fitted | None = None, source: str | None = None) -> Version:
        """Keep the history, train the first model on it (or adopt a fitted one) and make it live.

        ``model`` is what ``artifacts.read_file`` gave. Does nothing where a model is live already.
        Raises TooFewError when the history is too short to train on and hold rows out.
        """
        with self._lease():
            live = self.store.champion()
            if live is not None:
                return live
            table = inputs.read(history)
            self.archive.add(table, source or inputs.label_of(history), history=True)
            version = self._first_version(model)
            reason = {FOREIGN: "predictions come with the rows"}.get(version.number, "the first model")
            self.models.watch_output(version.number)
            self._crown(Promotion("start", version.number, None, version.window, reason))
            return version

    def label(self, rows: Any, now: datetime | None = None, batch: str | None = None) -> Batch:
        """Take in labels that arrived after their rows, and score what has matured."""
        with self._lease():
            kept = self.archive.label(inputs.read(rows), inputs.label_of(rows), batch)
            self._score(max(filter(None, (now, self.archive.watermark())), default=None))
            return kept

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

    def rollback(self, reason: str, to: int | None = None) -> Promotion:
        """Make the previous champion (or version ``to``) live again, after loading it and checking its hash.

        Raises NotFoundError when there is nothing to go back to.
        """
        with self._lease():
            live = self.live()
            target = self._before(live) if to is None else to
            if target == live.number:
                raise NotFoundError(f"v{target} is live already", "See undrift models.")
            self.models.version(target)
            if target not in {e.promotion.version for e in self.store.ledger()}:
                raise NotFoundError(
                    f"v{target} was never live", "Go back to a version that was: see undrift models."
                )
            self.models.load(target)
            window = max(self.archive.windows(), key=lambda w: w.index, default=None)
            promotion = Promotion("rollback", target, live.number, window.key if window else "", reason)
            self._crown(promotion)
            return promotion

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
        kept = self.archive.add(inputs.read(rows), inputs.label_of(rows), batch)
        tell("batch", kept)
        return kept

    def _due(self, now: datetime | None) -> list[Window]:
        """Complete windows that are not settled, oldest first."""
        settled = {s.window.index for s in self.store.all(Step)}
        windows = self.archive.windows()
        return [w for w in windows if w.index not in settled and self.cut.closed(w, now)]

    def _score_window(self, service: Service, windows: dict[int, Window]) -> None:
        data = self.archive.labelled(Selection(service.index, service.index))
        by_version = self.archive.predictions(service.index)
        for number in _serving(service):
            logged = by_version.get(number, {})
            have = np.array([id_ in logged for id_ in data.ids])
            labels = data.labels[have]
            values = np.array([logged[id_] for id_ in data.ids[have]], dtype=np.float64)
            if not len(labels):
                continue
            score = Score(
                window=service.window,
                index=service.index,
                version=number,
                metric=self.models.metric,
                value=float(self.models.per_row(labels, values).mean()),
                rows=len(labels),
                coverage=len(labels) / windows[service.index].rows,
                others=losses.others(labels, values, self.models.task),
            )
            keep(self.store, f"{service.window}/v{number}", score)

    def _newest_scores(self) -> tuple[Score, ...]:
        scores = self.store.all(Score)
        newest = max((s.index for s in scores), default=None)
        return tuple(s for s in scores if s.index == newest)

    def _live_scores(self) -> list[Score]:
        """The scores of the live model since it became live, by window."""
        since = self._reign()
        served = {s.window: s.live for s in self.store.all(Service) if s.index > since}
        scores = [s for s in self.store.all(Score) if served.get(s.window) == s.version]
        return sorted(scores, key=lambda s: s.index)

    def _reign(self) -> int:
        """The window after which the live model became live, for the last time."""
        last = self.store.ledger()[-1].promotion.window
        known = [*self.archive.windows(history=True), *self.archive.windows()]
        return next((w.index for w in known if w.key == last), -(2**62))

    def _new_labelled_rows(self, live: Version) -> int:
        batches = self.archive.batches()
        return sum(n for b in batches for index, n in b.labels.items() if int(index) > live.through)

    def _split(self, now: datetime | None) -> tuple[list[Window], list[Window]]:
        """Labelled, matured windows: those to train on, and the newest ones, unseen by the champion."""
        coverage = self.archive.coverage()
        due = [w for w in self.archive.windows() if matured(w, self.label_delay, now)]
        known = [*self.archive.windows(history=True), *due]
        usable = [w for w in known if coverage[w.index] >= self.coverage]
        live = self.store.champion()
        through = live.through if live else None
        held_out = [w for w in newest(usable, self.gate.windows) if through is None or w.index > through]
        kept_apart = {w.index for w in held_out}
        return [w for w in usable if w.index not in kept_apart], held_out

    def _lacking(self, now: datetime | None) -> str | None:
        if self.trainer is None:
            return "there is no model to train: set model.use in undrift.toml"
        available, held_out = self._split(now)
        if not held_out or not available:
            return "no labelled window is unseen by the live model: wait for labels"
        return self._too_few_blocks(held_out)

    def _too_few_blocks(self, held_out: list[Window]) -> str | None:
        """What to change where the held-out rows make too few blocks for an interval."""
        data = self.archive.labelled_in(held_out)
        found = len(np.unique(blocks(data.times, len(data), span(self.gate.block))))
        if found >= MINIMUM_BLOCKS:
            return None
        return (
            f"the held-out rows make {found} blocks of {self.gate.block}, the gate needs {MINIMUM_BLOCKS}: "
            "raise gate.windows, or lower gate.block"
        )

    def _first_version(self, fitted: Fitted | None) -> Version:
        windows = self.archive.windows(history=True)
        kept = self.store.get(Version, "1") or self.store.get(Version, str(FOREIGN))
        if kept:
            return kept
        if fitted is not None or self.schema.prediction is not None:
            return self.models.adopt(windows, fitted)
        available, held_out = self._split(None)
        if not available or not held_out:
            raise TooFewError(
                f"the history makes {len(available) + len(held_out)} labelled windows",
                f"Training needs at least {self.gate.windows + 1}: more rows, or a smaller windows.size.",
            )
        unseen = self.archive.labelled_in(held_out)
        return self.models.train(windows[-1].key, "everything", spanning(available), unseen)

    def _close(
        self, window: Window, comparison: Comparison, decision: Decision, outcome: Outcome | None
    ) -> Step:
        live = self.live().number
        if outcome is None:
            why = self._trouble(window) + decision_sentence(decision)
            return Step(window, comparison.verdict, "keep", why, live)
        promoted = outcome.promoted is not None
        return Step(window, comparison.verdict, "promote" if promoted else "reject", outcome.why, live)

    def _trouble(self, window: Window) -> str:
        """What kept the live model from predicting, if anything did."""
        service = self.store.get(Service, window.key)
        failed = service.failed.get(str(service.live)) if service else None
        return f"v{service.live} could not predict: {failed} " if service and failed else ""

    def _predecessor(self, live: Version) -> Version | None:
        """The version that was live before ``live`` was promoted; None for the first model."""
        entries = [e.promotion for e in self.store.ledger()]
        made = [p for p in entries if p.version == live.number and p.action != "rollback"]
        return self.models.version(made[-1].previous) if made and made[-1].previous is not None else None

    def _before(self, live: Version) -> int:
        predecessor = self._predecessor(live)
        if predecessor is None:
            raise NotFoundError(f"v{live.number} is the first model", "There is nothing to go back to.")
        return predecessor.number

    def _entered(self, action: str, version: int, window: str) -> bool:
        entries = [e.promotion for e in self.store.ledger()]
        return any((p.action, p.version, p.window) == (action, version, window) for p in entries)

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
        self._token = self.store.acquire(LEASE, self.holder, LEASE_SECONDS)

    @contextmanager
    def _lease(self) -> Iterator[None]:
        self._renew()
        done = threading.Event()
        threading.Thread(target=self._beat, args=(done,), daemon=True).start()
        try:
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


def _serving(service: Service) -> list[int]:
    """The versions whose predictions were logged for a window."""
    return [n for n in (service.live, *service.shadow) if str(n) not in service.failed]

"""The loop: profile, compare, decide, retrain, gate, promote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from undrift import inputs
from undrift.comparison.result import Result
from undrift.errors import ConfigError
from undrift.profiles.table import TableProfile
from undrift.records import (
    Batch,
    Comparison,
    Decision,
    Estimate,
    Explanation,
    Outcome,
    Promotion,
    Rule,
    Score,
    Service,
    Step,
    Version,
    Window,
)
from undrift.stores import keep, tell
from undrift.words.deeds import decision as decision_sentence
from undrift.workspace import adoption, occasions, refusals
from undrift.workspace.announcing import announce
from undrift.workspace.life import Life
from undrift.workspace.making import Fitted
from undrift.workspace.occasions import Occasion
from undrift.workspace.rehearsal import rehearse
from undrift.workspace.serving import Served
from undrift.workspace.settled import Report, Settled

T = TypeVar("T")


class Loop(Life, Served):
    """A model in production, watched.

    What happens is put on record in one order: of a delivery its ``Batch``; of a window the ``Service`` (what
    was predicted), the ``Comparison``, the ``Score`` of every window whose labels are there and the
    ``Decision``; if that is to retrain, a ``Version`` for each challenger, the ``Outcome`` and the
    ``Promotion``; and at last the ``Step``, which closes it. Each record is stored before the next is made,
    and looked for first: a process that died anywhere goes on where it stopped.
    """

    _rehearsed = False

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
        with self.lease.held():
            resumed = self._reconsider(self.chronicle.unfinished(), self.chronicle.reached(now))
            kept = self._take_in(rows, batch)
            reached = self.chronicle.reached(now)
            due = self.chronicle.due(reached)
            for window in due:
                self._compare(window)
                self._estimate(window, reached)
            self._score(reached)
            decided = self._settle(due, reached) or self._reconsider(occasions.of_scores(self.store), reached)
            announce(self.store, self.registry, self.schema)
            return Report(kept, (*resumed, *decided), self.watch.result)

    def _take_in(self, rows: Any, batch: str | None) -> Batch | None:
        """Keep a delivery; raises NotFoundError before a model is live."""
        if rows is None:
            return None
        self.live()
        source = inputs.label_of(rows)
        with refusals.recorded(self.store, "rows", source):
            kept = self.intake.add(inputs.read(rows), source, batch)
        self.scoring.catch_up(kept)
        tell("batch", kept)
        return kept

    def _compare(self, window: Window) -> Comparison:
        """Predict on a window and compare it, before anything is learnt from any window that is due."""
        live, shadows = self.live(), self.chronicle.shadows()
        self._once(Service, window.key, lambda: self.scoring.predict(window, live.number, shadows))
        self.lease.renew()
        return self._once(Comparison, window.key, lambda: self.watch.compare(window, live))

    def _estimate(self, window: Window, now: datetime | None) -> None:
        """Estimate the live model's loss on a window whose labels are late, where that is wanted."""
        if self.estimate is None or self.store.get(Estimate, window.key) is not None:
            return
        found = self.estimating.estimate(window, self.live(), now)
        if found is not None:
            keep(self.store, window.key, found)

    def _score(self, now: datetime | None) -> None:
        """Score every version that served a window whose labels have matured, or were corrected, since."""
        self.scoring.score(now, self.coverage, self.label_delay)
        self.weighing.renew(now)
        self.watch.compare_targets()

    def _settle(self, due: list[Window], now: datetime | None) -> list[Settled]:
        """Decide, and act; of several windows due at once only the newest acts."""
        shares = occasions.shared(occasions.fresh(self.store), due) if due else {}
        settled = []
        for window in due:
            on = Occasion(window)
            if window is not due[-1]:
                self._once(Decision, on.key, lambda on=on: self._deferred(on))  # type: ignore[misc]
            settled.append(self._conclude(on, shares[window.key], now))
        return settled

    def _reconsider(self, occasion: Occasion | None, now: datetime | None) -> list[Settled]:
        """Decide, and act, on scores that came after the newest settled window."""
        if occasion is None:
            return []
        return [self._conclude(occasion, tuple(occasions.fresh(self.store)), now)]

    def _conclude(self, occasion: Occasion, scores: tuple[Score, ...], now: datetime | None) -> Settled:
        """Decide, retrain and promote if that is the decision, and close."""
        key, window = occasion.key, occasion.window
        comparison = self._compare(window)
        decision = self._once(Decision, key, lambda: self._decide(occasion, now))
        outcome, refused = None, ""
        if decision.action == "retrain":
            outcome = self.store.get(Outcome, key)
            if outcome is None and not self.chronicle.held():
                outcome = self._once(Outcome, key, lambda: self.training.contest(occasion, now))
            refused = self.succession.promote(outcome) if outcome else ""
        step = self._once(Step, key, lambda: self._close(occasion, comparison, decision, outcome, refused))
        return Settled(window, comparison, decision, scores, outcome, step, self.chronicle.trouble(window))

    def _decide(self, occasion: Occasion, now: datetime | None) -> Decision:
        """Ask the policy; where it would retrain but cannot, say what is lacking instead."""
        situation = self.chronicle.situation(occasion.window, now)
        decision = self.policy.decide(situation)
        seen = len(self.store.all(Score))
        decision = replace(
            decision,
            on=occasion.on,
            seen=seen,
            scored=situation.fresh or (),
            diagnosis=self.chronicle.diagnosis(situation),
        )
        obstacle = self._obstacle(decision, now)
        if obstacle is None:
            return decision
        return replace(decision, action="keep", why=obstacle.text, rules=(*decision.rules, obstacle))

    def _obstacle(self, decision: Decision, now: datetime | None) -> Rule | None:
        """What keeps the loop from retraining, whatever the policy says; None where nothing does."""
        if held := self.chronicle.held():
            return Rule("hold", holds=False, text=held)
        if decision.action == "keep":
            return None
        if self.trainer is None:
            return Rule(
                "ready", holds=False, text="there is no model to train: set model.use in undrift.toml"
            )
        lacking = self.chronicle.lacking(now)
        return Rule("ready", holds=False, text=lacking) if lacking else None

    def _deferred(self, occasion: Occasion) -> Decision:
        """Windows that were due at once have seen the same labels: to ask again would be to peek."""
        why = "several windows closed at once: only the newest one decides"
        rule = Rule("newest", holds=False, text=why)
        window = occasion.window
        return Decision(window.key, window.index, "keep", why, (rule,), seen=occasions.seen(self.store))

    def _close(
        self, occasion: Occasion, found: Comparison, decision: Decision, outcome: Outcome | None, refused: str
    ) -> Step:
        """What was done, and why; ``refused`` says why a challenger is not promoted."""
        window, live, on, odd = occasion.window, self.live().number, occasion.on, found.unusual
        if outcome is None:
            held = "" if decision.action == "keep" else self.chronicle.held()
            why = f"Not retrained: {held}." if held else decision_sentence(decision)
            return Step(window, found.verdict, "keep", self.chronicle.trouble(window) + why, live, on, odd)
        if refused:
            return Step(window, found.verdict, "reject", refused, live, on, odd)
        return Step(window, found.verdict, "promote", outcome.why, live, on, odd)

    def _once(self, kind: type[T], key: str, make: Callable[[], T]) -> T:
        """The stored record, or a new one that is stored before it is returned."""
        found = self.store.get(kind, key)
        if found is None:
            found = make()
            keep(self.store, key, found)
        return found

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
        named = trained_until is not None or holdout is not None
        if named and model is None and self.schema.prediction is None:
            raise ConfigError("no model is adopted", "For one that it trains, undrift holds rows out itself.")
        self._ready()
        with self.lease.held():
            if self.store.champion() is not None:
                return self.live()
            kept = self.intake.add(inputs.read(history), source or inputs.label_of(history), history=True)
            unseen = adoption.unseen(self.intake, kept, trained_until, holdout)
            version = self.training.first(model, unseen)
            self.succession.begin(version)
            return version

    def label(self, rows: Any, now: datetime | None = None, batch: str | None = None) -> Report:
        """Take in labels that arrived after their rows, score what has matured, and decide on new scores."""
        self._ready()
        with self.lease.held():
            reached = self.chronicle.reached(now)
            resumed = self._reconsider(self.chronicle.unfinished(), reached)
            source = inputs.label_of(rows)
            with refusals.recorded(self.store, "labels", source):
                kept = self.intake.label(inputs.read(rows), source, batch)
            self._score(reached)
            occasion = None if self.chronicle.due(reached) else occasions.of_scores(self.store)
            return Report(kept, (*resumed, *self._reconsider(occasion, reached)), self.watch.result)

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
        with self.lease.held():
            return self.succession.rollback(reason, to, hold=hold)

    def earlier(self, to: int | None = None) -> int:
        """The version that a rollback (to version ``to``) makes live; raises NotFoundError if it cannot."""
        return self.succession.earlier(to)

    def release(self, reason: str) -> Promotion:
        """Let the loop retrain and promote again after a rollback; raises NotFoundError if it is not held."""
        with self.lease.held():
            return self.succession.release(reason)

    def promote(self, version: int, reason: str) -> Promotion:
        """Make a version live by a person's decision, past the gate; its hash is checked, a hold ends.

        Raises NotFoundError for a version that there is not, or that is live already.
        """
        with self.lease.held():
            return self.succession.appoint(version, reason)

    def live(self) -> Version:
        """The version that is live; raises NotFoundError before ``start``."""
        return self.chronicle.live()

    def first(self) -> Version:
        """The first model, which is never retrained."""
        return self.chronicle.first()

    def reference(self) -> TableProfile:
        """The profile of the rows that the live model was trained on."""
        return self.watch.reference(self.live())

    def _ready(self) -> None:
        """Raise ConfigError for a model or a part that does not fit, before anything is taken in."""
        if not self._rehearsed:
            rehearse(self.policy, self.merges, self.limits, self.models.deciding)
            self.making.ready()
            self._rehearsed = True

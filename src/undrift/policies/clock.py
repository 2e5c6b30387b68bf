"""A calendar that evidence moves: earlier where staying costs, later where training gained nothing."""

from __future__ import annotations

from dataclasses import replace

from undrift.errors import ConfigError
from undrift.policies import Policy, conclude, windows_decided, windows_since_retraining
from undrift.promise import held_to, mean, rise
from undrift.records import Decision, Rule, Score, Situation
from undrift.words.numbers import number, relative
from undrift.words.phrases import count

LONGEST = 4
"""How many times ``every`` the interval may become."""

ENOUGH = 3
"""Scored windows since a training before it is said to have gained nothing."""


class Clock:
    """Retrains every ``every`` windows, earlier where it costs not to, later where it gained nothing.

    Earlier: as soon as the loss above the promise adds up, over the windows scored since the last training,
    to ``price`` windows' worth of the promised loss. Later: where the newest training saved less than
    ``gain`` of the loss of what served before, the next one waits twice as long, at most four times
    ``every``; the same goes for one whose challengers were refused. Without a new score nothing is decided.
    """

    def __init__(
        self,
        every: int = 11,
        price: float = 1.5,
        gain: float = 0.05,
        cooldown: int = 2,
        minimum_rows: int = 100,
        budget: int | None = None,
    ) -> None:
        if every < 1:
            raise ConfigError(f"policy.every = {every} is out of range", "Count windows from 1.")
        if not price > 0:
            raise ConfigError(
                f"policy.price = {price} is out of range", "Give windows' worth of loss, such as 1."
            )
        if gain < 0:
            raise ConfigError(f"policy.gain = {gain} is out of range", "Give the least saving, such as 0.02.")
        self.every = every
        self.price = price
        self.gain = gain
        self.cooldown = cooldown
        self.minimum_rows = minimum_rows
        self.budget = budget

    def decide(self, situation: Situation) -> Decision:
        """Retrain when the interval is over, or what staying has cost reaches the price."""
        cost, due = self._cost(situation), self._due(situation)
        reason = cost if cost.holds or not due.holds else due
        if not cost.holds and not due.holds:
            text = f"{due.text}; {cost.text}"
            reason = Rule("clock", holds=False, text=text, value=due.value, limit=due.limit)
        if situation.fresh is not None and not situation.fresh:
            reason = replace(reason, holds=False, text=f"no score is new: {reason.text}")
        return conclude(situation, (reason,), self.cooldown, self.minimum_rows, self.budget)

    def _cost(self, situation: Situation) -> Rule:
        """What staying has cost since the last training, in windows' worth of the promised loss."""
        live = situation.champion
        scores = _since_training(situation)
        promised = held_to(live, situation.predecessor, situation.scores)[0] if live else None
        if promised is None or not scores:
            return Rule("cost", holds=False, text="no score is newer than the last training")
        cost = sum(max(0.0, rise(score.value, promised)) for score in scores)
        text = (
            f"the loss above the promised {number(promised)} adds up to {number(cost)} windows' worth "
            f"(limit {number(self.price)})"
        )
        return Rule("cost", cost >= self.price, text, cost, self.price, len(scores))

    def _due(self, situation: Situation) -> Rule:
        """Whether the interval is over."""
        interval, why = self._interval(situation)
        since = windows_since_retraining(situation)
        gone = len(windows_decided(situation)) if since is None else since
        event = "the start" if since is None else "the last training"
        text = f"{count(gone, 'window')} since {event}, the interval is {interval}{why}"
        return Rule("clock", gone >= interval, text, gone, interval)

    def _interval(self, situation: Situation) -> tuple[int, str]:
        """How many windows lie between trainings now, and why it is not ``every``."""
        trainings = [p for p, d in enumerate(situation.decisions) if d.action == "retrain"]
        if not trainings:
            return self.every, ""
        gained = _gained(situation)
        if gained is None or gained >= self.gain:
            return self.every, ""
        before = _windows_between(situation, trainings)
        longer = min(LONGEST * self.every, 2 * max(self.every, before))
        what = "was refused" if gained == 0.0 else f"saved {relative(gained)}"
        return longer, f", as the last training {what}"


def _gained(situation: Situation) -> float | None:
    """Which share of the loss of what served before the newest training saves; None while nobody can say.

    A training whose challengers were refused gained nothing.
    """
    live, before = situation.champion, situation.predecessor
    newest = [d for d in situation.decisions if d.action == "retrain"][-1]
    if live is None or live.window != newest.window:
        return 0.0
    mine = {score.window: score for score in situation.scores if score.version == live.number}
    theirs = [s for s in situation.shadow if before and s.version == before.number and s.window in mine]
    if len(theirs) < ENOUGH:
        return None
    stayed, now = mean(theirs), mean([mine[s.window] for s in theirs])
    return 1 - now / stayed if stayed else 0.0


def _since_training(situation: Situation) -> list[Score]:
    """The live model's scores on windows after the last training."""
    trained = [d.index for d in situation.decisions if d.action == "retrain"]
    return [s for s in situation.scores if not trained or s.index > trained[-1]]


def _windows_between(situation: Situation, trainings: list[int]) -> int:
    """Windows from the training before the last one, or from the start, to the last one."""
    first = trainings[-2] + 1 if len(trainings) > 1 else 0
    decided = situation.decisions[first : trainings[-1] + 1]
    return len({d.index for d in decided})


_: type[Policy] = Clock

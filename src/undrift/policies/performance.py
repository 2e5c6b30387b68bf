"""Retrain when the live model has become worse than it was when it was judged."""

from __future__ import annotations

from undrift.errors import ConfigError
from undrift.policies import Policy, conclude
from undrift.promise import DROP, FIRST, OVER, held_to, mean, rise
from undrift.records import Decision, Rule, Score, Situation
from undrift.words.deeds import whose
from undrift.words.numbers import number, relative
from undrift.words.phrases import count
from undrift.words.spans import named


class Performance:
    """Retrains when the mean loss over the last ``over`` scored windows is ``drop`` above the reference.

    The reference is the live model's loss on the held-out rows that it was judged on, or its
    predecessor's where that was lower: a model promoted in the middle of a change was judged on rows that
    nobody fitted yet, and must not make its own error the new normal. A model from elsewhere of which only
    its loss on its own training rows is known is held to the first windows that it served. Only windows that
    the live model itself served count, and without a new one nothing is decided. ``drop = 0.2`` asks for a
    loss 20 % higher.
    """

    def __init__(
        self,
        drop: float = DROP,
        over: int = OVER,
        cooldown: int = 2,
        minimum_rows: int = 100,
        budget: int | None = None,
    ) -> None:
        if drop < 0:
            raise ConfigError(
                f"policy.drop = {drop} is out of range",
                "Give the rise in loss that is too much, such as 0.2.",
            )
        if over < 1:
            raise ConfigError(f"policy.over = {over} is out of range", "Count windows from 1.")
        self.drop = drop
        self.over = over
        self.cooldown = cooldown
        self.minimum_rows = minimum_rows
        self.budget = budget

    def decide(self, situation: Situation) -> Decision:
        """Retrain when the loss has risen too far."""
        return conclude(situation, (self._risen(situation),), self.cooldown, self.minimum_rows, self.budget)

    def _risen(self, situation: Situation) -> Rule:
        live = situation.champion
        if live is None or live.metric is None:
            return Rule("performance", holds=False, text="the live model has no reference score")
        scores = [s for s in situation.scores if s.version == live.number]
        if not scores:
            return Rule("performance", holds=False, text=f"no labels have matured for v{live.number} yet")
        promised, of = held_to(live, situation.predecessor, scores)
        if promised is None:
            few = f"v{live.number} has no reference score: its first {FIRST} scored windows will be it"
            return Rule("performance", holds=False, text=few)
        newest = scores[-self.over :]
        now = mean(newest)
        risen = rise(now, promised)
        text = (
            f"{live.metric} {number(now)} over the last {count(len(newest), 'scored window')}, against "
            f"{number(promised)} {whose(of, live.number)}: {relative(risen)} (limit {relative(self.drop)})"
        )
        known = situation.fresh is not None and not {s.window for s in scores} & {*situation.fresh}
        if known:
            text = f"no score is newer than that of {_days(situation, scores[-1])}: {text}"
        return Rule("performance", risen >= self.drop and not known, text, risen, self.drop, self.over)


def _days(situation: Situation, score: Score) -> str:
    """The days of a scored window, as far as the newest comparisons tell."""
    windows = {c.window.key: c.window for c in situation.comparisons if c.window}
    return named([score.window], windows)


_: type[Policy] = Performance

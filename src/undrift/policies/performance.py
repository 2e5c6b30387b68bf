"""Retrain when the live model has become worse than it was when it was judged."""

from __future__ import annotations

import math
from collections.abc import Sequence

from undrift.errors import ConfigError
from undrift.policies import Policy, conclude
from undrift.promise import FIRST, trusted
from undrift.records import Decision, History, Rule, Score
from undrift.words.numbers import number, signed
from undrift.words.phrases import count


class Performance:
    """Retrains when the mean loss over the last ``over`` scored windows is ``drop`` above the reference.

    The reference is the live model's loss on the held-out rows that it was judged on, or its
    predecessor's where that was lower: a model promoted in the middle of a change was judged on rows that
    nobody fitted yet, and must not make its own error the new normal. A model from elsewhere of which only
    its loss on its own training rows is known is held to the first windows that it served. Only windows that
    the live model itself served count, and without a new one nothing is decided. ``drop = 0.2`` asks for a
    loss 20 % higher.
    """

    def __init__(self, drop: float = 0.2, over: int = 2, cooldown: int = 2, minimum_rows: int = 100) -> None:
        if drop < 0:
            raise ConfigError(f"policy.drop = {drop}", "Give the rise in loss that is too much, such as 0.2.")
        if over < 1:
            raise ConfigError(f"policy.over = {over}", "Count windows from 1.")
        self.drop = drop
        self.over = over
        self.cooldown = cooldown
        self.minimum_rows = minimum_rows

    def decide(self, history: History) -> Decision:
        """Retrain when the loss has risen too far."""
        return conclude(history, (self._risen(history),), self.cooldown, self.minimum_rows)

    def _risen(self, history: History) -> Rule:
        live = history.champion
        if live is None or live.metric is None:
            return Rule("performance", holds=False, text="the live model has no reference score")
        scores = [s for s in history.scores if s.version == live.number]
        if not scores:
            return Rule("performance", holds=False, text=f"no labels have matured for v{live.number} yet")
        reference, of = _reference(history, scores)
        if reference is None:
            few = f"v{live.number} has no reference score: its first {FIRST} scored windows will be it"
            return Rule("performance", holds=False, text=few)
        newest = scores[-self.over :]
        now = _mean(newest)
        rise = _rise(now, reference)
        text = (
            f"{live.metric} {number(now)} over the last {count(len(newest), 'scored window')}, reference "
            f"{number(reference)}{of}: {signed(100 * rise)} %, limit {signed(100 * self.drop)} %"
        )
        known = history.fresh is not None and not {s.window for s in scores} & {*history.fresh}
        if known:
            text = f"nothing new to decide on since the score of {scores[-1].window}: {text}"
        return Rule("performance", rise >= self.drop and not known, text, rise, self.drop)


def _rise(now: float, before: float) -> float:
    """The relative rise of a loss; any loss is infinitely more than none."""
    if before == 0:
        return math.inf if now > 0 else 0.0
    return now / before - 1


def _reference(history: History, scores: Sequence[Score]) -> tuple[float | None, str]:
    """The loss to hold the live model to, and what it is of where that is not its own held-out rows."""
    known = [trusted(v) for v in (history.champion, history.predecessor) if v is not None]
    found = min((score for score in known if score is not None), default=None)
    if found is None and len(scores) >= FIRST:
        return _mean(scores[:FIRST]), f" (its first {FIRST} windows)"
    return found, ""


def _mean(scores: Sequence[Score]) -> float:
    """The mean loss over all rows of some windows."""
    return sum(s.value * s.rows for s in scores) / sum(s.rows for s in scores)


_: type[Policy] = Performance

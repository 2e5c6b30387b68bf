"""Retrain when the data has drifted."""

from __future__ import annotations

from undrift.errors import ConfigError
from undrift.policies import Policy, conclude
from undrift.records import Comparison, Decision, Rule, Situation
from undrift.words.phrases import count


class Drift:
    """Retrains when enough features have drifted in each of the last ``persist`` windows.

    With ``features``, one of those named is enough; else a ``share`` of all compared features. A spike
    of a single window does not retrain.
    """

    def __init__(
        self,
        share: float = 0.3,
        features: tuple[str, ...] = (),
        persist: int = 2,
        cooldown: int = 2,
        minimum_rows: int = 100,
        budget: int | None = None,
    ) -> None:
        if not 0 < share <= 1:
            raise ConfigError(
                f"policy.share = {share} is out of range", "Give a share of features over 0, at most 1."
            )
        if persist < 1:
            raise ConfigError(f"policy.persist = {persist} is out of range", "Count windows from 1.")
        self.share = share
        self.features = features
        self.persist = persist
        self.cooldown = cooldown
        self.minimum_rows = minimum_rows
        self.budget = budget

    def decide(self, situation: Situation) -> Decision:
        """Retrain when drift has persisted."""
        reason = self._named(situation) if self.features else self._enough(situation)
        return conclude(situation, (reason,), self.cooldown, self.minimum_rows, self.budget)

    def _enough(self, situation: Situation) -> Rule:
        shares = [_share(c) for c in situation.comparisons[-self.persist :]]
        least = min(shares, default=0.0)
        holds = len(shares) == self.persist and least >= self.share
        text = (
            f"at least {least:.0%} of features drifted in the last {count(len(shares), 'window')}, "
            f"limit {self.share:.0%} in {self.persist}"
        )
        return Rule("drift", holds, text, least, self.share)

    def _named(self, situation: Situation) -> Rule:
        recent = situation.comparisons[-self.persist :]
        always = [n for n in self.features if all(n in _drifted(c) for c in recent)]
        holds = len(recent) == self.persist and bool(always)
        found = ", ".join(always) if always else f"none of {', '.join(self.features)}"
        text = f"{found} drifted in each of the last {count(len(recent), 'window')}, limit {self.persist}"
        return Rule("drift", holds, text, len(always), 1)


def _drifted(comparison: Comparison) -> set[str]:
    over = {f.name for f in comparison.features if f.verdict == "drift"}
    return over | {*comparison.lost, *comparison.retyped}


def _share(comparison: Comparison) -> float:
    total = len(comparison.features) + len(comparison.lost) + len(comparison.retyped)
    return len(_drifted(comparison)) / total if total else 0.0


_: type[Policy] = Drift

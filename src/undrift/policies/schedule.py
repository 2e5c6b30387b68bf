"""Retrain by the calendar."""

from __future__ import annotations

from undrift.errors import ConfigError
from undrift.policies import Policy, decision, enough, windows_decided, windows_since_retraining
from undrift.records import Decision, Rule, Situation
from undrift.words.phrases import count


class Schedule:
    """Retrains every ``every`` windows, whatever happened; a strong baseline."""

    def __init__(self, every: int = 4, minimum_rows: int = 100) -> None:
        if every < 1:
            raise ConfigError(f"policy.every = {every} is out of range", "Count windows from 1.")
        self.every = every
        self.minimum_rows = minimum_rows

    def decide(self, situation: Situation) -> Decision:
        """Retrain when the interval has passed since the last retraining, or since the start."""
        since = windows_since_retraining(situation)
        since = len(windows_decided(situation)) if since is None else since
        text = f"{count(since, 'window')} since the last retraining, one is due every {self.every}"
        due = Rule("schedule", since >= self.every, text, since, self.every)
        return decision(situation, (due, enough(situation, self.minimum_rows)))


_: type[Policy] = Schedule

"""Watch only."""

from __future__ import annotations

from undrift.policies import Policy, decision
from undrift.records import Decision, History, Rule


class Never:
    """Never retrains: drift and scores are recorded, a person decides."""

    def decide(self, history: History) -> Decision:
        """Keep the model, always."""
        return decision(history, (Rule("never", holds=False, text="the policy is to watch only"),))


_: type[Policy] = Never

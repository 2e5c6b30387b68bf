"""Watch only."""

from __future__ import annotations

from undrift.policies import Policy, decision
from undrift.records import Decision, Rule, Situation


class Never:
    """Never retrains: drift and scores are recorded, a person decides."""

    def decide(self, situation: Situation) -> Decision:
        """Keep the model, always."""
        return decision(situation, (Rule("never", holds=False, text="policy 'never': monitor only"),))


_: type[Policy] = Never

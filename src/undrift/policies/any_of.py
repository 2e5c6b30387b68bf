"""Several policies: retrain as soon as one of them would."""

from __future__ import annotations

from undrift.errors import ConfigError
from undrift.policies import Policy
from undrift.records import Decision, Situation


class AnyOf:
    """Retrains when any of ``policies`` does; each keeps its own cooldown."""

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        if not policies:
            raise ConfigError("policy.policies is empty", "Name at least one policy.")
        if not all(hasattr(policy, "decide") for policy in policies):
            raise ConfigError(
                f"policy.policies = {policies!r} names no policy", 'Write tables such as { use = "drift" }.'
            )
        self.policies = policies

    def decide(self, situation: Situation) -> Decision:
        """The first decision to retrain; else to keep, with the rules and reasons of all."""
        decisions = [policy.decide(situation) for policy in self.policies]
        for found in decisions:
            if found.action == "retrain":
                return found
        rules = tuple(rule for found in decisions for rule in found.rules)
        why = "; ".join(dict.fromkeys(found.why for found in decisions))
        return Decision(situation.window.key, situation.window.index, "keep", why, rules)


_: type[Policy] = AnyOf

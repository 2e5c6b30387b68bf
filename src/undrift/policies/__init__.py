"""Policies: decide, from records alone, whether to retrain, and say why or why not.

A part is a class whose ``rules`` states the conditions under which it would retrain. What every
policy shares stands here: the cooldown, the labelled rows it takes, and how rules become a decision.
"""

from __future__ import annotations

from typing import Protocol

from undrift.records import Decision, History, Rule
from undrift.wording import count


class Policy(Protocol):
    """A retraining policy."""

    def decide(self, history: History) -> Decision:
        """Retrain or keep, with every rule and its numbers."""


def conclude(history: History, reasons: tuple[Rule, ...], cooldown: int, minimum_rows: int) -> Decision:
    """Retrain when every reason holds, the cooldown is over and enough new rows are labelled."""
    return decision(history, (*reasons, cooled(history, cooldown), enough(history, minimum_rows)))


def decision(history: History, rules: tuple[Rule, ...]) -> Decision:
    """Retrain when every rule holds; else the first that does not is the reason to keep."""
    failed = next((rule for rule in rules if not rule.holds), None)
    why = failed.text if failed else rules[0].text
    window = history.window
    return Decision(window.key, window.index, "keep" if failed else "retrain", why, rules)


def cooled(history: History, cooldown: int) -> Rule:
    """Whether enough windows have passed since the last retraining; 1 means the very next may."""
    since = windows_since_retraining(history)
    holds = since is None or since >= cooldown
    ago = "never retrained yet" if since is None else f"{count(since, 'window')} since the last retraining"
    return Rule("cooldown", holds, f"{ago}, the cooldown is {cooldown}", since, cooldown)


def enough(history: History, minimum_rows: int) -> Rule:
    """Whether enough labelled rows have come that the champion was not trained on."""
    have = history.labelled_rows
    text = f"{have:,} labelled rows are new to the live model, {minimum_rows:,} are asked for"
    return Rule("labelled rows", have >= minimum_rows, text, have, minimum_rows)


def windows_since_retraining(history: History) -> int | None:
    """Windows decided since the last retraining, the present one included; None if there was none."""
    actions = [d.action for d in history.decisions]
    if "retrain" not in actions:
        return None
    return actions[::-1].index("retrain") + 1

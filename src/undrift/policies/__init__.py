"""Policies: decide, from records alone, whether to retrain, and say why or why not.

A part is a class whose ``rules`` states the conditions under which it would retrain. What every
policy shares stands here: the cooldown, the labelled rows it takes, and how rules become a decision.
"""

from __future__ import annotations

from typing import Protocol

from undrift.records import Decision, Rule, Situation
from undrift.words.phrases import count


class Policy(Protocol):
    """A retraining policy."""

    def decide(self, situation: Situation) -> Decision:
        """Retrain or keep, with every rule and its numbers."""


YEAR = 52
"""Windows over which a budget of retrainings is counted."""


def conclude(
    situation: Situation,
    reasons: tuple[Rule, ...],
    cooldown: int,
    minimum_rows: int,
    budget: int | None = None,
) -> Decision:
    """Retrain when every reason holds, the cooldown is over, and rows and budget suffice."""
    shared = (cooled(situation, cooldown), enough(situation, minimum_rows))
    paid = () if budget is None else (affordable(situation, budget),)
    return decision(situation, (*reasons, *shared, *paid))


def decision(situation: Situation, rules: tuple[Rule, ...]) -> Decision:
    """Retrain when every rule holds; else the first that does not is the reason to keep."""
    failed = next((rule for rule in rules if not rule.holds), None)
    why = failed.text if failed else rules[0].text
    window = situation.window
    return Decision(window.key, window.index, "keep" if failed else "retrain", why, rules)


def cooled(situation: Situation, cooldown: int) -> Rule:
    """Whether enough windows have passed since the last retraining; 1 means the very next may."""
    since = windows_since_retraining(situation)
    holds = since is None or since >= cooldown
    ago = "never retrained yet" if since is None else f"{count(since, 'window')} since the last retraining"
    return Rule("cooldown", holds, f"{ago}, the cooldown is {cooldown}", since, cooldown)


def enough(situation: Situation, minimum_rows: int) -> Rule:
    """Whether enough labelled rows can be trained on that the champion was not trained on."""
    have = situation.labelled_rows
    text = f"{have:,} labelled rows are new to the live model, {minimum_rows:,} are needed"
    return Rule("labelled rows", have >= minimum_rows, text, have, minimum_rows)


def affordable(situation: Situation, budget: int) -> Rule:
    """Whether fewer than ``budget`` retrainings came after the newest 52 windows, this one included."""
    windows = sorted(windows_decided(situation))[-YEAR:]
    spent = sum(d.action == "retrain" and d.index >= windows[0] for d in situation.decisions)
    text = f"{count(spent, 'retraining')} in the last {count(len(windows), 'window')}, the budget is {budget}"
    return Rule("budget", spent < budget, text, spent, budget, YEAR)


def windows_since_retraining(situation: Situation) -> int | None:
    """Windows decided on since the last retraining, the present one included; None if there was none.

    0 means that it was after this very window: a window is decided on again when scores come after it.
    """
    actions = [d.action for d in situation.decisions]
    if "retrain" not in actions:
        return None
    last = len(actions) - 1 - actions[::-1].index("retrain")
    return len(windows_decided(situation, last + 1) - {situation.decisions[last].index})


def windows_decided(situation: Situation, first: int = 0) -> set[int]:
    """The windows that decisions from the ``first`` on were about, and the present one."""
    return {d.index for d in situation.decisions[first:]} | {situation.window.index}

"""How the model and the data are, in words."""

from __future__ import annotations

from undrift.records import Comparison, Decision, Outcome, Promotion, Rule, Score, Verdict
from undrift.words.deeds import chosen, held
from undrift.words.moves import drifted
from undrift.words.numbers import number
from undrift.words.phrases import count, model

STATES: dict[Verdict, str] = {
    "drift": "Drifting",
    "watch": "Worth watching",
    "stable": "Stable",
    "insufficient": "Too few rows to say",
}


UNRELIABLE = "Unreliable"
"""What is said of a model whose loss is over its limit, whatever the features do."""


def unreliable(record: Decision) -> Rule | None:
    """The rule that found the loss over its limit, whether or not that led to a retraining."""
    return next(
        (
            rule
            for rule in record.rules
            if rule.name == "performance"
            and rule.value is not None
            and rule.limit is not None
            and rule.value >= rule.limit
        ),
        None,
    )


def status(
    live: int,
    since: str,
    comparison: Comparison | None,
    promoted: Outcome | None,
    score: Score | None,
    held_by: Promotion | None = None,
    loss: Rule | None = None,
    failed: str = "",
) -> str:
    """The state of a workspace, from its newest records."""
    if comparison is None or comparison.window is None:
        return f"{model(live)} is live since {since}; no window is complete yet." + _held(held_by)
    over = drifted(comparison)
    total = len(comparison.features) + len(comparison.lost) + len(comparison.retyped)
    state = UNRELIABLE if loss else STATES[comparison.verdict]
    parts = [f"{state}: {model(live)} is live since {since}"]
    if over:
        verb = "drifts" if len(over) == 1 else "drift"
        parts.append(f"{len(over)} of {count(total, 'feature')} {verb} in window {comparison.window.key}")
    text = "; ".join(parts) + "."
    if promoted is not None:
        best = chosen(promoted)
        rows, before, after = count(promoted.rows, "row"), number(promoted.champion_loss), number(best.loss)
        text += f" On the same {rows}, {promoted.loss} was {before} with v{promoted.champion}"
        text += f" and {after} with v{live}."
    if score is not None:
        text += f" Last labelled window {score.window}: {score.metric} {number(score.value)}."
    if loss is not None:
        text += f" Its loss is over the limit: {loss.text}."
    if failed:
        text += f" It could not predict window {comparison.window.key}: {failed.rstrip('. ')}."
    return text + _held(held_by)


def _held(by: Promotion | None) -> str:
    """That the loop is held, and how that ends; empty where it is not."""
    if by is None:
        return ""
    return f" H{held(by)[1:]}. `undrift release` lets it retrain again."

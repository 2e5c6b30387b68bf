"""How the model is and how the data is: two states, never one for both."""

from __future__ import annotations

from collections.abc import Sequence

from undrift.records import (
    Comparison,
    Decision,
    Outcome,
    Promotion,
    Rule,
    Score,
    Standing,
    State,
    Verdict,
    Window,
)
from undrift.words.deeds import chosen, held, whose
from undrift.words.moves import drifted, total
from undrift.words.numbers import number, relative
from undrift.words.phrases import count, model
from undrift.words.spans import days, during, whole

MODEL: dict[State, str] = {"as promised": "as promised", "worse": "worse than promised", "unknown": "unknown"}
"""What is said of a model's state."""

MODEL_ICONS: dict[State, str] = {"as promised": "✓", "worse": "✗", "unknown": "?"}

BROKEN = "broken"
"""What is said of a live model that cannot predict: its artifact is not what was stored, or it fails."""


def data(record: Comparison | None) -> str:
    """The state of the data, with how many features are in it: "drift, 2 of 11 features"."""
    if record is None:
        return "no window is complete yet"
    every = f"of {count(total(record), 'feature')}"
    over = drifted(record)
    watched = sum(f.verdict == "watch" for f in record.features)
    verdicts: dict[Verdict, str] = {
        "drift": f"drift, {len(over)} {every}" if over else "drift",
        "watch": f"watch, {watched} {every}" if watched else "watch",
        "stable": "stable",
        "insufficient": "too few rows to judge",
    }
    return verdicts[record.verdict]


def kept(standing: Standing, windows: Sequence[Window], since: str) -> str:
    """The state of the live model and the numbers behind it, in one sentence; ``windows`` were scored."""
    name, word = model(standing.version), MODEL[standing.state]
    if standing.value is None:
        return f"Model {word}: {name} is live since {since} and has no score yet."
    return f"Model {word}: {name}, live since {since}, had {held_up(standing, windows)}."


def held_up(standing: Standing, windows: Sequence[Window]) -> str:
    """The live model's loss beside what it is held to, without its name."""
    if standing.value is None:
        promised = f"; {number(standing.promise)} is promised" if standing.promise is not None else ""
        return f"{model(standing.version)} has no score yet{promised}"
    had = f"{standing.metric} {number(standing.value)} {whole(windows)}"
    if standing.promise is None:
        return f"{had}; there is no promise yet to hold it to"
    promise = f"{number(standing.promise)} {whose(standing.of, standing.version)}"
    return f"{had}, against {promise}: {relative(standing.rise or 0.0)} (limit {relative(standing.limit)})"


def judged(standing: Standing, windows: Sequence[Window]) -> str:
    """How the model that served a window did, up to there."""
    return f"Model {MODEL[standing.state]}: {model(standing.version)} had {held_up(standing, windows)}."


def waiting(windows: Sequence[Window]) -> str:
    """How many windows wait for labels, and since when."""
    if not windows:
        return "complete"
    wait = "waits" if len(windows) == 1 else "wait"
    oldest = f", the oldest {days(windows[0])}" if len(windows) > 1 else f": {days(windows[0])}"
    return f"{count(len(windows), 'window')} {wait} for labels{oldest}"


def broken(live: int, problem: str) -> str:
    """That the live model cannot predict, and why."""
    return f"Model {BROKEN}: {model(live)} is live and cannot predict: {problem.rstrip('. ')}."


def predecessor(score: Score, window: Window) -> str:
    """The newest score where it is not the live model's."""
    return f"{model(score.version)} before it had {score.metric} {number(score.value)} {during(window)}."


def replaced(promoted: Outcome) -> str:
    """What the gate found when the live model was promoted."""
    best = chosen(promoted)
    before, after = number(promoted.champion_loss), number(best.loss)
    return (
        f"On the same {count(promoted.rows, 'row')}, {promoted.loss} was {before} with v{promoted.champion} "
        f"and {after} with v{best.version}."
    )


def drifting(record: Comparison) -> str:
    """The state of the data in one sentence."""
    when = f" {during(record.window)}" if record.window else ""
    return f"Data: {data(record)}{when}."


def holding(by: Promotion | None) -> str:
    """That the loop is held, and how that ends; empty where it is not."""
    return f"H{held(by)[1:]}. `undrift release` lets it retrain again." if by else ""


def unreliable(record: Decision) -> Rule | None:
    """The rule that found the loss over its limit, whether or not that led to a retraining."""
    return next(
        (
            rule
            for rule in record.rules
            if rule.name in ("performance", "cost")
            and rule.value is not None
            and rule.limit is not None
            and rule.value >= rule.limit
        ),
        None,
    )

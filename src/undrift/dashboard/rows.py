"""Stored records as plain rows for charts and tables: names are values here, never field names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from undrift.records import FeatureComparison, Outcome, Trial, Window
from undrift.words.deeds import chosen, estimate
from undrift.words.deeds import guard as guard_in_words
from undrift.words.moves import deciding, drifted, finding, gone, times_limit
from undrift.words.numbers import bounds, number
from undrift.words.phrases import count
from undrift.words.spans import days
from undrift.workspace.lines import Line
from undrift.workspace.overview import Overview

Row = dict[str, Any]

LIVE, FIRST = "live model", "first model, never retrained"
"""What the two lines of the performance chart are called."""

ESTIMATED = "estimated, labels are to come"
"""What stands for windows without labels, apart from the scores."""

PROMOTED, REJECTED, ROLLED_BACK = "new model live", "challenger rejected", "rolled back"
"""What the loop did, as the legend names it."""

HOLDS, BREAKS = "not surely worse than its limit", "surely worse"
"""What was found of a segment that the gate guards."""

QUIET = ("under the limit", "1–2 × the limit, ordinary", "2–5 × the limit, ordinary", "over 5 ×, ordinary")
"""Colour bands of the heatmap for what does not drift, by its size in multiples of the limit."""

WATCHED = "watch"
"""Cells that somebody should look at."""

DRIFTS = ("drift", "drift, over 5 × the limit")
"""Colour bands for what drifts, by its size."""

CROWDED = 8
"""With more promotions than this their labels are the version alone; the legend says what it is."""

GONE, FEW = "gone or retyped", "too few rows"
"""Cells of the heatmap that have no effect to show."""

MARKS = {GONE: "✕", FEW: "/"}
"""What stands in cells that have no colour of a verdict."""

CUTS = (1.0, 2.0, 5.0)
"""Where one band ends and the next begins, in multiples of the limit."""


def timed(lines: Sequence[Line]) -> bool:
    """Whether windows are stretches of time rather than counts of rows."""
    return all(line.window.start is not None and line.window.end is not None for line in lines)


def scores(lines: Sequence[Line]) -> list[Row]:
    """One row per score of the live model, and of the first one where it is another."""
    return [
        {
            "at": begin(line.window),
            "window": line.window.key,
            "days": days(line.window),
            "model": model,
            "version": f"v{score.version}",
            "metric": score.metric,
            "score": score.value,
            "text": f"{score.metric} {number(score.value)} on {count(score.rows, 'row')}",
        }
        for line in lines
        for model, score in ((LIVE, line.live), (FIRST, line.first))
        if score and math.isfinite(score.value) and (model == LIVE or was_replaced(lines))
    ]


def estimates(lines: Sequence[Line]) -> list[Row]:
    """One row per window whose loss is estimated and not known yet, with its band."""
    return [
        {
            "at": begin(line.window),
            "days": days(line.window),
            "version": f"v{found.version}",
            "metric": found.metric,
            "score": found.value,
            "lower": found.lower,
            "upper": found.upper,
            "text": estimate(found),
        }
        for line in lines
        if (found := line.estimate) and not line.live
    ]


def was_replaced(lines: Sequence[Line]) -> bool:
    """Whether another than the first model has a score, so that there are two lines to draw."""
    return any(line.live and line.first and line.live.version != line.first.version for line in lines)


def events(overview: Overview) -> list[Row]:
    """Promotions, rejections and rollbacks, each at the end of the window after which it came."""
    return sorted([*_judged(overview.lines), *_by_hand(overview)], key=lambda row: row["at"])


def _judged(lines: Sequence[Line]) -> Iterator[Row]:
    acts = [(line, act.outcome) for line in lines for act in line.acts]
    crowded = sum(bool(outcome and outcome.promoted is not None) for _, outcome in acts) > CROWDED
    for line, outcome in acts:
        if outcome and outcome.trials:
            version = f"v{chosen(outcome).version}"
            promoted = outcome.promoted is not None
            yield {
                "at": end(line.window),
                "window": line.window.key,
                "event": PROMOTED if promoted else REJECTED,
                "label": "" if not promoted else version if crowded else f"{version} live",
                "text": outcome.why,
            }


def _by_hand(overview: Overview) -> Iterator[Row]:
    windows = {line.window.key: line.window for line in overview.lines}
    for change in overview.by_hand:
        promotion = change.promotion
        if promotion.action != "release" and promotion.window in windows:
            back = promotion.action == "rollback"
            yield {
                "at": end(windows[promotion.window]),
                "window": promotion.window,
                "event": ROLLED_BACK if back else PROMOTED,
                "label": f"back to v{promotion.version}" if back else f"v{promotion.version} by hand",
                "text": f"{change.at:%Y-%m-%d %H:%M} UTC: {promotion.reason}",
            }


def cells(lines: Sequence[Line], features: Sequence[str]) -> list[Row]:
    """One row per feature and window: its verdict, and how far it is in multiples of its limit."""
    wanted = set(features)
    return [
        {"window": line.window.key, "days": days(line.window), "mark": MARKS.get(cell["band"], ""), **cell}
        for line in lines
        for cell in _cells(line)
        if cell["feature"] in wanted
    ]


def _cells(line: Line) -> Iterator[Row]:
    for name, effect in gone(line.comparison).items():
        yield {
            "feature": name,
            "band": GONE,
            "verdict": "drift",
            "value": "–",
            "effect": effect,
        }
    for feature in line.comparison.features:
        yield {
            "feature": feature.name,
            "band": band(feature),
            "verdict": feature.verdict,
            "value": finding(deciding(feature.findings)) if feature.findings else "–",
            "effect": feature.effect,
        }


def band(feature: FeatureComparison) -> str:
    """The colour band of a feature in one window."""
    if feature.verdict == "insufficient" or not feature.findings:
        return FEW
    far = times_limit(deciding(feature.findings))
    if feature.verdict == "drift":
        return DRIFTS[far >= CUTS[-1]]
    return WATCHED if feature.verdict == "watch" else QUIET[sum(far >= cut for cut in CUTS)]


def ranked(lines: Sequence[Line]) -> list[str]:
    """Names of all features: those that drift most often first, then those that went furthest."""
    often: dict[str, int] = {}
    furthest: dict[str, float] = {}
    for line in lines:
        for name in drifted(line.comparison):
            often[name] = often.get(name, 0) + 1
            furthest.setdefault(name, 0.0)
        for feature in line.comparison.features:
            far = times_limit(deciding(feature.findings)) if feature.findings else 0.0
            furthest[feature.name] = max(furthest.get(feature.name, 0.0), far)
    return sorted(furthest, key=lambda name: (-often.get(name, 0), -furthest[name], name))


def trials(outcome: Outcome) -> list[Row]:
    """One row per challenger of one retraining."""
    return [_trial(outcome, trial, f"v{trial.version} · {trial.merge}") for trial in outcome.trials]


def segments(outcome: Outcome) -> list[Row]:
    """One row per segment that the gate guards, of the challenger that came first."""
    best = chosen(outcome)
    return [
        {
            "challenger": guard.name,
            "difference": guard.value,
            "lower": guard.lower,
            "upper": guard.upper,
            "event": HOLDS if guard.holds else BREAKS,
            "text": f"limit {number(guard.limit)}",
            "bounds": guard_in_words(guard)[1],
            "rows": guard.rows,
        }
        for guard in best.guards
        if guard.lower is not None and guard.name != "calibration"
    ]


def verdicts(lines: Sequence[Line]) -> list[Row]:
    """One row per retraining, newest first: its best challenger."""
    outcomes = retrainings(lines).values()
    return [_trial(o, best, f"{o.window} · v{best.version}") for o in outcomes for best in [chosen(o)]]


def retrainings(lines: Sequence[Line]) -> dict[str, Outcome]:
    """What the gate found at every retraining, newest first, each under a name of its own."""
    outcomes = [act.outcome for line in reversed(lines) for act in reversed(line.acts) if act.outcome]
    return {f"{o.window}/{o.on}".rstrip("/"): o for o in outcomes if o.trials}


def _trial(outcome: Outcome, trial: Trial, name: str) -> Row:
    before, after = number(outcome.champion_loss), number(trial.loss)
    return {
        "challenger": name,
        "difference": trial.difference,
        "lower": trial.lower,
        "upper": trial.upper,
        "event": PROMOTED if trial.version == outcome.promoted else REJECTED,
        "text": f"{outcome.loss} {before} (v{outcome.champion}) → {after}",
        "bounds": bounds(trial),
        "rows": outcome.rows,
    }


def begin(window: Window) -> float:
    """Where a window begins on the axis: milliseconds since 1970 (UTC), or its number."""
    return window.start.timestamp() * 1000 if window.start else float(window.index)


def end(window: Window) -> float:
    """Where a window ends on the axis."""
    return window.end.timestamp() * 1000 if window.end else float(window.index + 1)

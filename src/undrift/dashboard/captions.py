"""What each chart shows, in words: its alternative text, and the lines around it."""

from __future__ import annotations

from collections.abc import Sequence

from undrift.dashboard.rows import FIRST, LIVE, PROMOTED, Row
from undrift.profiles.effects import outside
from undrift.profiles.feature import AnyProfile
from undrift.records import Outcome
from undrift.words.deeds import chosen
from undrift.words.numbers import number, percent
from undrift.words.phrases import count


def performance(scores: Sequence[Row], events: Sequence[Row], estimates: Sequence[Row]) -> str:
    """The performance chart in words."""
    newest = {row["model"]: row for row in scores}
    parts = [
        f"{name}: {row['metric']} {number(row['score'])} , {row['version']} on {row['days']}"
        for name in (LIVE, FIRST)
        if (row := newest.get(name))
    ]
    live = count(sum(row["event"] == PROMOTED for row in events), "promotion")
    guessed = f" {count(len(estimates), 'window')} estimated, labels are to come." if estimates else ""
    newest_ones = f" Newest: {'; '.join(parts)}." if parts else ""
    return f"Line chart over {count(_windows(scores), 'window')}.{newest_ones} {live}.{guessed}"


def heatmap(cells: Sequence[Row], features: Sequence[str]) -> str:
    """The heatmap in words."""
    over = sum(cell["verdict"] == "drift" for cell in cells)
    return (
        f"Heatmap of {count(len(features), 'feature')} over {count(_windows(cells), 'window')}: "
        f"{over:,} of {count(len(cells), 'cell')} drift. Most often: {', '.join(features[:3])}."
    )


def forest(trials: Sequence[Row]) -> str:
    """A forest plot in words."""
    rows = [f"{row['challenger']}: {row['bounds']}, {row['event']}" for row in trials[:10]]
    return f"Difference to the champion with its interval. {'; '.join(rows)}."


def retraining(outcome: Outcome) -> str:
    """A retraining as one line of a list to choose from."""
    best = chosen(outcome)
    verb = "promoted" if outcome.promoted is not None else "rejected"
    change = f"{number(outcome.champion_loss)} → {number(best.loss)}"
    return f"{outcome.window} · v{best.version} {verb} · {outcome.loss} {change}"


def grounds(outcome: Outcome) -> str:
    """What a retraining was judged on."""
    windows = ", ".join(outcome.held_out)
    noun = "window" if len(outcome.held_out) == 1 else "windows"
    return (
        f"Judged on the same {count(outcome.rows, 'row')} for every model: held-out {noun} {windows}, "
        f"in {count(outcome.blocks, 'block')}. Each bound holds with {outcome.confidence:.1%} confidence."
    )


def reference(version: int | None) -> str:
    """What a window was compared with."""
    return (
        f"Reference: the rows that v{version} was trained on."
        if version
        else "Reference: the rows at the start."
    )


def beyond(reference: AnyProfile, window: AnyProfile) -> str:
    """What of a window cannot be drawn within the reference's range, or at all; empty where all can."""
    parts = [outside(reference, window)]
    if reference.missing or window.missing:
        before, now = (p.missing / max(p.rows, 1) for p in (reference, window))
        parts.append(f"missing: {percent(before)} → {percent(now)}")
    said = "; ".join(part for part in parts if part)
    return f"{said}." if said else ""


def _windows(rows: Sequence[Row]) -> int:
    return len({row["window"] for row in rows})

"""The line that a settled window prints, in the demo and after a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from undrift.cli._shell import ended
from undrift.comparison import feature_dict
from undrift.loop import Report, Settled
from undrift.records import Score, encode
from undrift.words.moves import ICONS, drifted, movers, watched
from undrift.words.numbers import number
from undrift.words.phrases import count, cut

EFFECT_WIDTH = 58


def lines(settled: Settled, first: int) -> list[str]:
    """A line on the window, one for every earlier one that was scored since, and one on the retraining."""
    own = [s for s in settled.scores if s.index == settled.window.index and not settled.decision.on]
    earlier = [s for s in settled.scores if s not in own]
    out = [f"{key}  labels came: {_scored(share, first)}" for key, share in by_window(earlier).items()]
    if not settled.decision.on:
        beside = _scored(own, first) if own else f"{count(settled.window.rows, 'row')}, labels to come"
        out.append(f"{_found(settled)}  {beside}".rstrip())
    return [*out, *acted(settled)]


def _found(settled: Settled) -> str:
    """The window, its verdict and what moved."""
    found = settled.comparison
    what = cut(movers(found) or watched(found) or "no feature drifts", EFFECT_WIDTH)
    mark = f"{ICONS[found.verdict]} {found.verdict}"
    over = f"{len(drifted(found))}/{len(found.features)}"
    return f"{settled.window.key}  {mark:<14}{over:>6}  {what:<{EFFECT_WIDTH}}"


def acted(settled: Settled) -> list[str]:
    """A line on the retraining, if there was one."""
    if settled.outcome is None:
        return []
    icon = "↑" if settled.step.action == "promote" else "×"
    return [f"{'':10}  {icon} retrained: {settled.step.why}"]


def by_window(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """Scores by the name of their window."""
    shares: dict[str, list[Score]] = {}
    for score in scores:
        shares.setdefault(score.window, []).append(score)
    return shares


def code(report: Report) -> int:
    """The detailed exit code of what was done at last; 0 where nothing was."""
    if not report.settled:
        return 0
    last = report.settled[-1]
    return ended(last.comparison.verdict, last.step.action, last.decision)


def settled_dict(settled: Settled) -> dict[str, Any]:
    """The JSON form of a settled window."""
    return {
        "window": encode(settled.window),
        "verdict": settled.comparison.verdict,
        "features": [feature_dict(f) for f in settled.comparison.features],
        "scores": [encode(s) for s in settled.scores],
        "decision": encode(settled.decision),
        "outcome": encode(settled.outcome) if settled.outcome else None,
        "action": settled.step.action,
        "why": settled.step.why,
        "live": settled.step.live,
    }


def _scored(scores: Sequence[Score], first: int) -> str:
    """The score of the live model in one window, beside that of the first."""
    live = next((s for s in scores if s.version != first), scores[0])
    base = next((s for s in scores if s.version == first), live)
    beside = f" (first model {number(base.value)})" if base is not live else ""
    return f"{live.metric} {number(live.value)}{beside}"

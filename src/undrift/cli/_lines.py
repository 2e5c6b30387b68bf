"""The line that a settled window prints, in the demo and after a run."""

from __future__ import annotations

from typing import Any

from undrift.comparison import feature_dict
from undrift.loop import Settled
from undrift.records import encode
from undrift.wording import ICONS, count, drifted, movers, number, watched

EFFECT_WIDTH = 58


def lines(settled: Settled, first: int) -> list[str]:
    """A line on the window, and one more on the retraining if there was one."""
    found = settled.comparison
    what = movers(found) or watched(found) or "no feature drifts"
    what = what if len(what) <= EFFECT_WIDTH else what[: EFFECT_WIDTH - 1] + "…"
    mark = f"{ICONS[found.verdict]} {found.verdict}"
    over = f"{len(drifted(found))}/{len(found.features)}"
    text = f"{settled.window.key}  {mark:<14}{over:>6}  {what:<{EFFECT_WIDTH}}  {_scored(settled, first)}"
    out = [text.rstrip()]
    if settled.outcome is not None:
        icon = "↑" if settled.step.action == "promote" else "×"
        out.append(f"{'':10}  {icon} retrained: {settled.outcome.why}")
    return out


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


def _scored(settled: Settled, first: int) -> str:
    """The newest score that has matured, of the live model beside the first."""
    if not settled.scores:
        return f"{count(settled.window.rows, 'row')}, labels to come"
    newest = max(s.index for s in settled.scores)
    scores = [s for s in settled.scores if s.index == newest]
    base = next((s for s in scores if s.version == first), None)
    beside = f" (first model {number(base.value)})" if base and base is not scores[0] else ""
    return f"{scores[0].window}: {scores[0].metric} {number(scores[0].value)}{beside}"

"""A settled window: the line that the demo and a run print, and its JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from undrift.cli._print import GAP, NARROWEST, cut, room, wide
from undrift.cli._shell import ended
from undrift.records import Score, Window, encode
from undrift.words.forms import act_dict, comparison_dict, scores_dict, window_dict
from undrift.words.moves import ICONS, drifted, movers, total, watched
from undrift.words.numbers import number
from undrift.words.phrases import count, model
from undrift.words.spans import days
from undrift.words.states import unreliable
from undrift.workspace.lines import Line
from undrift.workspace.settled import Report, Settled

NAME, EFFECT = 20, 46
"""Columns of the terminal for the days of a window, and for what moved in it."""

Named = Mapping[str, Window]


def lines(settled: Settled, first: int, windows: Named, margin: int = 0) -> list[str]:
    """A line on the window, one for every earlier one that was scored since, and one on the retraining.

    ``windows`` holds those of the scores by their keys, where they are known; ``margin`` columns of the
    terminal are taken already.
    """
    windows = {**windows, settled.window.key: settled.window}
    own = [s for s in settled.scores if s.index == settled.window.index and not settled.decision.on]
    earlier = by_window(s for s in settled.scores if s not in own)
    out = [f"{_name(key, windows)}  labels came: {_scored(share, first)}" for key, share in earlier.items()]
    if not settled.decision.on:
        beside = _scored(own, first) if own else f"{count(settled.window.rows, 'row')}, labels to come"
        out.append(f"{_name(settled.window.key, windows)}  {_found(settled, beside, margin)}")
    return [*out, *acted(settled)]


def _name(key: str, windows: Named) -> str:
    """The days of a window; its key where no more is known."""
    return f"{days(windows[key]) if key in windows else key:<{NAME}}"


def _found(settled: Settled, beside: str, margin: int) -> str:
    """The verdict, what moved, and what belongs beside it, as wide as there is room."""
    found = settled.comparison
    what = movers(found) or watched(found) or "no feature drifts"
    mark = f"{ICONS[found.verdict]} {found.verdict}"
    head = f"{mark:<14}{f'{len(drifted(found))}/{total(found)}':>6}  "
    width = room()
    left = EFFECT if width is None else min(EFFECT, width - margin - NAME - 2 - wide(head) - 2 - wide(beside))
    if left < -len(GAP):
        return f"{head}{beside.rpartition(', ')[2]}"
    if left < NARROWEST:
        return f"{head}{beside}"
    what = cut(what, left)
    return f"{head}{what}{' ' * (left - wide(what))}  {beside}"


def acted(settled: Settled) -> list[str]:
    """A line on the retraining, if there was one."""
    if settled.outcome is None:
        return []
    icon = "↑" if settled.step.action == "promote" else "×"
    return [f"  {icon} retrained: {settled.step.why}"]


def known(windows: Iterable[Window]) -> dict[str, Window]:
    """Windows by their keys."""
    return {window.key: window for window in windows}


def happened(report: Report) -> dict[str, bool]:
    """What a call brought, each by itself: one exit code cannot say several."""
    verdicts = [s.comparison.verdict for s in report.settled if not s.decision.on]
    actions = [s.step.action for s in report.settled]
    return {
        "drift": "drift" in verdicts,
        "worse": any(unreliable(s.decision) for s in report.settled),
        "rejection": "reject" in actions,
        "promotion": "promote" in actions,
        "judged": any(verdict != "insufficient" for verdict in verdicts),
    }


def by_window(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """Scores by the name of their window."""
    shares: dict[str, list[Score]] = {}
    for score in scores:
        shares.setdefault(score.window, []).append(score)
    return shares


def code(report: Report, *, worse: bool) -> int:
    """The detailed exit code of what was done at last; 0 where nothing was."""
    if not report.settled:
        return 0
    last = report.settled[-1]
    return ended(last.comparison.verdict, last.step.action, worse=worse)


def settled_dict(settled: Settled) -> dict[str, Any]:
    """The JSON form of what a call settled; ``fresh`` are the scores that it saw first."""
    return {
        **window_dict(settled.window, settled.comparison.verdict, settled.comparison),
        "comparison": comparison_dict(settled.comparison),
        "fresh": [encode(score) for score in settled.scores],
        **act_dict(settled.decision, settled.outcome, settled.step),
    }


def line_dict(line: Line) -> dict[str, Any]:
    """The JSON form of a settled window, with the scores that came since and what was decided on them."""
    return {
        **window_dict(line.window, line.verdict, line.comparison),
        "served": line.served,
        "model": encode(line.model) if line.model else None,
        "estimate": encode(line.estimate) if line.estimate else None,
        "scores": scores_dict(
            line.live, line.first, line.earlier, line.unscored, line.one_class, line.unseen
        ),
        **act_dict(line.decision, line.outcome, line.step),
        "later": [act_dict(act.decision, act.outcome, act.step) for act in line.later],
    }


def _scored(scores: Sequence[Score], first: int) -> str:
    """The score of the live model in one window with its version, beside that of the first."""
    live = next((s for s in scores if s.version != first), scores[0])
    base = next((s for s in scores if s.version == first), live)
    beside = f"; first model {number(base.value)}" if base is not live else ""
    return f"{live.metric} {number(live.value)} ({model(live.version)}{beside})"

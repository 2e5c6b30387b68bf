"""What kind of change stands behind a window, as far as its records tell."""

from __future__ import annotations

from collections.abc import Sequence

from undrift.promise import rise
from undrift.records import Comparison, Estimate, Score, TargetComparison
from undrift.tasks import CONFIDENCE, OUTPUT

NAMED = 3
"""Features that are named in a diagnosis, at most."""


def diagnosis(
    comparison: Comparison,
    target: TargetComparison | None,
    score: Score | None,
    promised: float | None,
    estimate: Estimate | None,
    limit: float,
) -> tuple[str, ...]:
    """The kinds of change that the records show: bad data, covariate drift, label shift, concept drift.

    The loss rose more than the inputs explain where it lies above the band that was estimated from them;
    where there is no estimate, where it is over its ``limit`` although neither features nor labels drifted.
    """
    found = []
    if comparison.faults:
        columns = list(dict.fromkeys(fault.column for fault in comparison.faults))
        found.append(f"bad data ({_some(columns)})")
    moved = [
        f.name for f in comparison.features if f.verdict == "drift" and f.name not in (OUTPUT, CONFIDENCE)
    ]
    if moved:
        found.append(f"covariate drift ({_some(moved)})")
    shifted = target is not None and target.feature.verdict == "drift"
    if shifted:
        found.append("label shift")
    if score is None:
        return tuple(found)
    if estimate is not None:
        if score.value > estimate.upper:
            found.append("concept drift (the loss is above what the inputs explain)")
    elif (
        promised is not None
        and rise(score.value, promised) >= limit
        and not (moved or shifted or comparison.faults)
    ):
        found.append("concept drift (the loss rose, features and labels did not move)")
    return tuple(found)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"

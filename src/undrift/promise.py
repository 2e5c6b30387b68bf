"""What a version promises for rows that it has not seen, and whether it keeps to that."""

from __future__ import annotations

import math
from collections.abc import Sequence

from undrift.records import Promise, Score, Standing, State, Version

FIRST = 2
"""Scored windows that stand for the reference score where there is none to trust."""

DROP, OVER = 0.2, 2
"""The rise of the loss that is too much, and over how many scored windows, where no policy says otherwise."""

WORDS: dict[Promise, str] = {
    "held out": "on held-out rows",
    "cross-fitted": "by cross-fitting: on each part of these rows by a clone fitted on the others",
    "logged": "by the predictions that came with these rows",
    "first windows": f"unknown until its first {FIRST} windows are scored: no clone of it could be fitted",
    "in sample": "on rows that it was trained on",
}


def promise(version: Version) -> Promise:
    """How the reference score was got; records of undrift 0.1.0 do not say, but it follows from them.

    >>> promise(Version(1, "0009", "adopted", "Pipeline", "", "skops", 10, 9, reference_score=65.6))
    'in sample'
    """
    if version.promise:
        return version.promise
    if version.number == 0:
        return "logged"
    return "in sample" if version.merge == "adopted" else "held out"


def trusted(version: Version) -> float | None:
    """The reference score, where it was not got on rows that the model was trained on."""
    return version.reference_score if promise(version) not in ("in sample", "first windows") else None


def held_to(
    live: Version, before: Version | None, scores: Sequence[Score]
) -> tuple[float | None, int | None]:
    """The loss that the live model is held to, and the version that showed it; None for its first windows.

    That is its own promise or that of the version ``before`` that it beat, whichever is lower: a model
    that was promoted in the middle of a change must not make its own error the new normal.
    """
    known = [(trusted(v), v.number) for v in (live, before) if v is not None]
    found = min(((value, number) for value, number in known if value is not None), default=None)
    if found is not None:
        return found
    return (mean(scores[:FIRST]), None) if len(scores) >= FIRST else (None, None)


def standing(
    live: Version, before: Version | None, scores: Sequence[Score], limit: float = DROP, over: int = OVER
) -> Standing:
    """Whether a version does as it promised, from its scores since it went live, oldest first.

    >>> live = Version(2, "0009", "recent", "Ridge", "", "skops", 1, 9, metric="MAE", reference_score=10.0)
    >>> standing(live, None, [Score("0010", 10, 2, "MAE", 13.0, 100, 1.0)]).state
    'worse'
    """
    promised, of = held_to(live, before, scores)
    newest = scores[-over:]
    if not newest:
        return Standing("unknown", live.number, limit, live.metric, promise=promised, of=of)
    value, windows = mean(newest), tuple(score.window for score in newest)
    if promised is None or (of is None and len(scores) <= FIRST):
        return Standing("unknown", live.number, limit, newest[-1].metric, windows, value)
    risen = rise(value, promised)
    state: State = "worse" if risen >= limit else "as promised"
    return Standing(state, live.number, limit, newest[-1].metric, windows, value, promised, of, risen)


def rise(now: float, before: float) -> float:
    """The relative rise of a loss; any loss is infinitely more than none."""
    if before == 0:
        return math.inf if now > 0 else 0.0
    return (now - before) / abs(before)


def mean(scores: Sequence[Score]) -> float:
    """The mean loss over all rows of some windows."""
    return sum(s.value * s.rows for s in scores) / sum(s.rows for s in scores)

"""Evidence for rows that are independent draws: one test of the values, missing and new ones beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undrift.calibration import Evidence, Judgement
from undrift.profiles.bins import BINS, common, merged_to
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.effects import met_once, unseen
from undrift.profiles.feature import AnyProfile
from undrift.profiles.table import TableProfile
from undrift.statistics.tails import at_least, chi_square, two_counts

EXPECTED = 5
"""Rows that a bin should be expected to hold for chi-square to be a good approximation (Cochran 1954)."""

SHARE = {"values": 0.8, "missing": 0.1, "unseen": 0.1}
"""How the error rate is shared out (Bonferroni); parts without a row leave theirs to the values."""

ASSUMES = "rows are independent: no seasons, no ordinary differences from day to day"

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Tested:
    """The p-value of a test of values, with the component that speaks loudest and where it went."""

    p_value: float
    component: str = "distribution"
    direction: str = ""


Test = Callable[[AnyProfile, AnyProfile], Tested]


def independent(ref: TableProfile, cur: TableProfile, names: Sequence[str], test: Test) -> Judgement:
    """The evidence for each feature by some test of its values."""
    return Judgement(ASSUMES, {n: _evidence(ref.features[n], cur.features[n], test) for n in names})


def pearson(ref: AnyProfile, cur: AnyProfile) -> Tested:
    """Pearson's chi-square for two samples, over bins merged until they hold enough rows.

    >>> few = CategoricalProfile(counts={"a": 50, "b": 50})
    >>> round(pearson(few, CategoricalProfile(counts={"a": 40, "b": 60})).p_value, 3)
    0.155
    """
    before, now = enough(ref, cur)
    return Tested(chi_square(float(np.sum(deviations(before, now) ** 2)), len(before) - 1))


def enough(ref: AnyProfile, cur: AnyProfile, bins: int = BINS) -> tuple[Counts, Counts]:
    """Counts over the same bins, neighbours merged until each side may expect enough rows in every one."""
    before, now = common(ref, cur, bins)
    both = before + now
    smaller = min(int(before.sum()), int(now.sum())) / max(int(both.sum()), 1)
    group = merged_to(np.asarray(both * smaller, np.float64), EXPECTED)
    if not len(group):
        return before, now
    return np.bincount(group, before).astype(np.int64), np.bincount(group, now).astype(np.int64)


def deviations(ref: Counts, cur: Counts) -> NDArray[np.float64]:
    """Each bin's part of the chi-square of two samples, with its sign: + where the second has more."""
    n, m = float(ref.sum()), float(cur.sum())
    both = ref + cur
    if not n or not m:
        return np.zeros(len(both))
    gap = np.sqrt(n / m) * cur - np.sqrt(m / n) * ref
    return np.asarray(np.where(both > 0, gap / np.sqrt(np.maximum(both, 1)), 0.0))


def _evidence(ref: AnyProfile, cur: AnyProfile, test: Test) -> Evidence:
    tested = test(ref, cur)
    found = {"values": tested.p_value, "missing": _missing(ref, cur), "unseen": _unseen(ref, cur)}
    used = {"values", *(part for part, p in found.items() if p < 1)}
    total = sum(SHARE[part] for part in used)
    loudest = min(found, key=lambda part: found[part] / SHARE[part])
    parts = {part: min(1.0, p * total / SHARE[part]) for part, p in found.items()}
    if loudest == "values":
        return Evidence(parts, tested.component, tested.direction)
    return Evidence(parts, loudest, "up" if loudest == "unseen" or _more_missing(ref, cur) else "down")


def _missing(ref: AnyProfile, cur: AnyProfile) -> float:
    if not (ref.missing or cur.missing):
        return 1.0
    return two_counts(*(np.array([side.missing, side.rows - side.missing]) for side in (ref, cur)))


def _more_missing(ref: AnyProfile, cur: AnyProfile) -> bool:
    return cur.missing * ref.rows > ref.missing * cur.rows


def _unseen(ref: AnyProfile, cur: AnyProfile) -> float:
    """Chance of labels so new to the reference: of so many rows in all, or of so many with one label.

    As many rows with labels not met before are due as the reference has labels met once (Good 1953,
    Biometrika 40); rows of one label come together, so groups of their mean size are counted. That all
    rows of a label fall to one side is a chance in itself. Both are told by the labels that both sides name.
    """
    if not (isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile)) or not ref.valid:
        return 1.0
    new = list(unseen(ref, cur).values())
    if not new:
        return 1.0
    size = sum(rows * rows for rows in new) / sum(new)
    once = round(met_once(ref, cur) / size)
    together = at_least(round(sum(new) / size), once, cur.valid / ref.valid)
    alone = (len(ref.labelled) + len(new)) * (cur.valid / (ref.valid + cur.valid)) ** max(new)
    return min(1.0, 2 * min(together, alone))

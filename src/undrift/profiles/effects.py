"""What changed between two profiles of a feature, in words a person understands."""

from __future__ import annotations

import math

import numpy as np

from undrift.profiles import bins, places, shapes
from undrift.profiles.categorical import CategoricalProfile, label_hash
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.words.numbers import minus, number, percent
from undrift.words.phrases import cut

NOTEWORTHY = 0.05
"""Change of a decile's share from which on it is named."""

SHOWN = 3
"""Labels named in a sentence; the rest are counted."""

TOLD = " (of those that can be told apart)"
"""Said of new labels where there are more labels than are named."""


def effect(ref: AnyProfile, cur: AnyProfile) -> str:
    """One line: missing values first, then new labels, or the shift of the mean and of the decile most moved.

    >>> effect(CategoricalProfile(counts={"a": 9}), CategoricalProfile(counts={"b": 9}))
    'new labels: b; a 100 % → 0 %'
    """
    parts = [_missing(ref, cur)]
    if isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile):
        parts += [_infinite(ref, cur), _mean(ref, cur), _decile(ref, cur)]
    elif isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        parts += [_unseen(ref, cur), _largest(ref, cur)]
    return "; ".join(part for part in parts if part) or "as before"


def outside(ref: AnyProfile, cur: AnyProfile) -> str:
    """What share of the numbers lies outside all that the reference had; empty where none does."""
    if not (isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile) and cur.ordered.sum()):
        return ""
    if ref.minimum is None:
        return ""
    below, above = (float(cur.ordered[i] / cur.ordered.sum()) for i in (0, -1))
    found = (
        (below, "below the reference's lowest", ref.minimum),
        (above, "above the reference's highest", ref.maximum),
    )
    return "; ".join(
        f"{percent(part)} of the rows now lie {where}, {number(limit)}"
        for part, where, limit in found
        if part
    )


def unseen(ref: CategoricalProfile, cur: CategoricalProfile) -> dict[str, int]:
    """Rows of each label that the reference never had, most frequent first, as far as one can tell."""
    seen = ref.labelled
    new = {label: rows for label, rows in _told_apart(ref, cur).items() if label not in seen}
    return dict(sorted(new.items(), key=lambda item: (-item[1], item[0])))


def unseen_share(ref: CategoricalProfile, cur: CategoricalProfile) -> float:
    """Share of labelled rows whose label the reference never had.

    Where a side has more labels than it names, this is told from those that both name if they have
    them: a fair sample of the labels outside the reference's vocabulary, chosen by hash.
    """
    told = sum(_told_apart(ref, cur).values())
    now = cur.labelled
    outside = cur.valid - sum(now.get(label, 0) for label, rows in ref.counts.items() if rows)
    return _share(sum(unseen(ref, cur).values()), told) * _share(outside, cur.valid)


def unseen_due(ref: CategoricalProfile) -> float:
    """Share of rows with labels never met that is due by chance: that of labels met once (Good 1953).

    Of labels that are not named those in ``others`` are a fair sample.
    """
    named_ = sum(1 for rows in ref.counts.values() if rows == 1)
    apart = _share(sum(1 for rows in ref.others.values() if rows == 1), sum(ref.others.values()))
    return _share(named_, ref.valid) + apart * _share(ref.outside, ref.valid)


def met_once(ref: CategoricalProfile, cur: CategoricalProfile) -> int:
    """Labels that the reference met once, among those that both sides would name wherever they stand."""
    horizon = _horizon(ref, cur)
    return sum(1 for label, rows in ref.labelled.items() if rows == 1 and _tells(label, horizon))


def tell_all(ref: CategoricalProfile, cur: CategoricalProfile) -> bool:
    """Whether every label of either side can be told from every other one."""
    return _horizon(ref, cur) is None


def _horizon(ref: CategoricalProfile, cur: CategoricalProfile) -> tuple[int, str] | None:
    """The hash up to which both sides name every label; None where they name all."""
    return min((h for h in (ref.horizon, cur.horizon) if h is not None), default=None)


def _tells(label: str, horizon: tuple[int, str] | None) -> bool:
    return horizon is None or label_hash(label) <= horizon


def _told_apart(ref: CategoricalProfile, cur: CategoricalProfile) -> dict[str, int]:
    """Current rows of the labels outside the vocabulary that the reference would name if it had them."""
    horizon = _horizon(ref, cur)
    outside = {label: rows for label, rows in cur.labelled.items() if not ref.counts.get(label)}
    return {label: rows for label, rows in outside.items() if _tells(label, horizon)}


def constant(profile: AnyProfile) -> str | None:
    """The only value of a column that has no other one, nulls aside; None where there are more, or none.

    Two different numbers are never written alike, and two that differ by rounding always are.
    """
    if isinstance(profile, CategoricalProfile):
        only = list(profile.labelled)
        return only[0] if len(only) == 1 and not profile.rest else None
    if profile.only is None or profile.infinite:
        return None
    only_ = profile.only + 0.0  # one zero
    short = f"{only_:.10g}"
    return short if float(short) == only_ else repr(only_)


def named(labels: list[str]) -> str:
    """The first few labels, and how many more there are."""
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return ", ".join(map(cut, labels[:SHOWN])) + more


def _missing(ref: AnyProfile, cur: AnyProfile) -> str:
    before, now = _share(ref.missing, ref.rows), _share(cur.missing, cur.rows)
    return f"nulls {percent(before)} → {percent(now)}" if abs(now - before) >= 0.01 else ""


def _infinite(ref: NumericProfile, cur: NumericProfile) -> str:
    return f"{cur.infinite} infinite" if cur.infinite > ref.infinite else ""


def _mean(ref: NumericProfile, cur: NumericProfile) -> str:
    if not (math.isfinite(ref.mean) and math.isfinite(cur.mean)):
        return ""  # no number on one side, or such as overflow
    shift = cur.mean - ref.mean
    if ref.deviation > 0:
        before, now = (rounded(mean, ref.deviation) for mean in (ref.mean, cur.mean))
        sd = _in_deviations(shift / ref.deviation)
        return f"mean {before} → {now}{sd}" if before != now or sd else "mean unchanged"
    return minus(f"mean {ref.mean:.4g} → {cur.mean:.4g}") if places.shift(ref, cur) else ""


def _decile(ref: NumericProfile, cur: NumericProfile) -> str:
    """The tenth of the reference whose share changed most, where that is worth saying."""
    before, now = bins.shares(*bins.common(ref, cur))
    if len(before) < 2 or np.max(np.abs(now - before)) < NOTEWORTHY:
        return ""
    tenths = shapes.ranges(ref, cur)
    most = max(tenths, key=lambda tenth: abs(tenth.window - tenth.reference))
    ends = {0: "lowest decile", len(tenths) - 1: "top decile"} if most.reference < 2 / bins.BINS else {}
    name = ends.get(tenths.index(most)) or _values(most.name)
    return f"{name}: {percent(most.reference)} → {percent(most.window)} of rows"


def _values(range_: str) -> str:
    """A range of numbers as the beginning of a sentence.

    >>> _values("50.3 – 140"), _values("−3 – 2"), _values("7"), _values("under 5")
    ('values of 50.3–140', 'values of −3 to 2', 'value 7', 'values under 5')
    """
    low, dash, high = range_.partition(" – ")
    if dash:
        return f"values of {low} to {high}" if "−" in range_ else f"values of {low}–{high}"
    return f"values {range_}" if " " in range_ else f"value {range_}"


def rounded(value: float, deviation: float) -> str:
    """A value to two digits of its standard deviation; powers of ten where it is far from ordinary sizes.

    >>> rounded(12.3456, 1.0), rounded(1234.5, 700.0), rounded(0.00012, 0.00005)
    ('12.3', '1,234', '0.000120')
    """
    digits = 1 - math.floor(math.log10(deviation)) if 1e-9 < deviation < 1e12 else 99
    if digits > 9 or abs(value) >= 1e12:
        return minus(f"{value:.4g}")
    text = f"{abs(value):,.{max(digits, 0)}f}"
    return f"−{text}" if value < 0 and text.strip("0.") else text


def _in_deviations(shift: float) -> str:
    """A shift to one decimal, with a true minus sign; nothing where it rounds to 0 or cannot be said."""
    size = f"{abs(shift):.1f}" if abs(shift) < 1000 else number(abs(shift))
    return "" if size == "0.0" or not math.isfinite(shift) else f" ({'−' if shift < 0 else '+'}{size} sd)"


def _unseen(ref: CategoricalProfile, cur: CategoricalProfile) -> str:
    names = list(unseen(ref, cur))
    return f"new labels{'' if tell_all(ref, cur) else TOLD}: {named(names)}" if names else ""


def _largest(ref: CategoricalProfile, cur: CategoricalProfile) -> str:
    """The known label whose share moved most."""
    if not ref.counts or not cur.valid:
        return ""
    now = cur.labelled
    moved = {n: _share(now.get(n, 0), cur.valid) - _share(c, ref.valid) for n, c in ref.counts.items()}
    name = max(moved, key=lambda n: abs(moved[n]))
    before = _share(ref.counts[name], ref.valid)
    return _moved(name, before, max(0.0, before + moved[name]))


def _moved(name: str, before: float, now: float) -> str:
    """How a share changed; a name that could be taken for a number is set off."""
    return f"{cut(name)}{'' if name[:1].isalpha() else ':'} {percent(before)} → {percent(now)}"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

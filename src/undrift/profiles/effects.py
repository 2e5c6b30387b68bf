"""What changed between two profiles of a feature, in words a person understands."""

from __future__ import annotations

from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import AnyProfile

SHOWN = 3
"""Labels named in a sentence; the rest are counted."""


def effect(ref: AnyProfile, cur: AnyProfile) -> str:
    """One line: missing values first, then new labels or the shift of the mean, in sd of the reference.

    >>> effect(CategoricalProfile(counts={"a": 9}), CategoricalProfile(counts={"b": 9}))
    'new labels: b; a 100 % → 0 %'
    """
    parts = [_missing(ref, cur)]
    if isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile):
        parts += [_infinite(ref, cur), _mean(ref, cur)]
    elif isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        parts += [_unseen(ref, cur), _largest(ref, cur)]
    return "; ".join(part for part in parts if part) or "as before"


def unseen(ref: CategoricalProfile, cur: CategoricalProfile) -> list[str]:
    """Labels of the current rows that the reference never had, most frequent first."""
    return sorted((n for n in cur.counts if n not in ref.counts), key=lambda n: (-cur.counts[n], n))


def _missing(ref: AnyProfile, cur: AnyProfile) -> str:
    before, now = _share(ref.missing, ref.rows), _share(cur.missing, cur.rows)
    return f"nulls {before:.0%} → {now:.0%}".replace("%", " %") if abs(now - before) >= 0.01 else ""


def _infinite(ref: NumericProfile, cur: NumericProfile) -> str:
    return f"{cur.infinite} infinite" if cur.infinite > ref.infinite else ""


def _mean(ref: NumericProfile, cur: NumericProfile) -> str:
    if not ref.finite or not cur.finite:
        return ""
    shift = cur.mean - ref.mean
    if ref.deviation > 0:
        return f"mean {ref.mean:.4g} → {cur.mean:.4g} ({_signed(shift / ref.deviation)} sd)"
    return f"mean {ref.mean:.4g} → {cur.mean:.4g}" if shift else ""


def _signed(shift: float) -> str:
    """A shift to one decimal, with a true minus sign and no negative zero."""
    rounded = round(shift, 1)
    return f"{'−' if rounded < 0 else '+'}{abs(rounded):.1f}"


def _unseen(ref: CategoricalProfile, cur: CategoricalProfile) -> str:
    names = unseen(ref, cur)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"new labels: {', '.join(names[:SHOWN])}{more}" if names else ""


def _largest(ref: CategoricalProfile, cur: CategoricalProfile) -> str:
    """The known label whose share moved most."""
    valid_ref, valid_cur = sum(ref.counts.values()), sum(cur.counts.values())
    if not ref.counts or not valid_cur:
        return ""
    moved = {n: _share(cur.counts.get(n, 0), valid_cur) - _share(c, valid_ref) for n, c in ref.counts.items()}
    name = max(moved, key=lambda n: abs(moved[n]))
    before = _share(ref.counts[name], valid_ref)
    return f"{name} {before:.0%} → {before + moved[name]:.0%}".replace("%", " %")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

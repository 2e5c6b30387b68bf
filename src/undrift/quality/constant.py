"""A column that varied and does not any more, or the other way round."""

from __future__ import annotations

from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.effects import constant as value_of
from undrift.profiles.feature import AnyProfile
from undrift.quality._chance import beyond_chance
from undrift.words.phrases import cut


def constant(ref: AnyProfile, cur: AnyProfile) -> str:
    """Say which one value there is only, where so many rows would have shown another one.

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> constant(CategoricalProfile(counts={"a": 50, "b": 50}), CategoricalProfile(counts={"b": 99}))
    'always b'
    """
    before, now = value_of(ref), value_of(cur)
    if before is not None and now is not None:
        return "" if before == now else f"always {cut(now)}, was always {cut(before)}"
    if now is not None:
        return f"always {cut(now)}" if _others_are_due(ref, cur) else ""
    if before is not None and cur.rows > cur.missing:
        return f"was always {cut(before)}, now varies" if _others_are_due(cur, ref) else ""
    return ""


def _others_are_due(varied: AnyProfile, single: AnyProfile) -> bool:
    """Whether rows without any other value than one are no accident beside a profile that has some."""
    if isinstance(varied, CategoricalProfile) and isinstance(single, CategoricalProfile):
        others = varied.valid - varied.labelled.get(next(iter(single.labelled)), 0)
        return beyond_chance(others, varied.valid, 0, single.valid)
    same = varied.ordered[single.ordered > 0].sum()  # type: ignore[union-attr]  # both are numeric
    rows = int(varied.ordered.sum())  # type: ignore[union-attr]
    return beyond_chance(rows - int(same), rows, 0, single.rows - single.missing)

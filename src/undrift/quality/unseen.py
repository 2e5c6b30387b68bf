"""Labels that the reference never had."""

from __future__ import annotations

from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.effects import TOLD, named, tell_all, unseen_due, unseen_share
from undrift.profiles.effects import unseen as unseen_labels
from undrift.profiles.feature import AnyProfile
from undrift.quality._chance import beyond_chance
from undrift.words.numbers import percent


def unseen(ref: AnyProfile, cur: AnyProfile) -> str:
    """Say which labels are new, and what share of rows has them.

    >>> unseen(CategoricalProfile(counts={"a": 50}), CategoricalProfile(counts={"a": 3, "b": 1}))
    'new labels: b (25 % of rows)'
    """
    if not (isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile)):
        return ""
    share = unseen_share(ref, cur)
    if not share or _is_due(ref, cur, share):
        return ""
    caveat = "" if tell_all(ref, cur) else TOLD
    return f"new labels{caveat}: {named(list(unseen_labels(ref, cur)))} ({percent(share)} of rows)"


def _is_due(ref: CategoricalProfile, cur: CategoricalProfile, share: float) -> bool:
    """Whether rows of labels never seen are due: about as many as of labels seen once (Good 1953)."""
    due = round(unseen_due(ref) * ref.valid)
    new = round(share * cur.valid)
    return due * cur.valid >= new * ref.valid or (
        due > 0 and not beyond_chance(due, ref.valid, new, cur.valid)
    )

"""Values that are not there any more."""

from __future__ import annotations

from undrift.profiles.embedding import Embedding
from undrift.profiles.feature import AnyProfile
from undrift.quality._chance import beyond_chance
from undrift.words.numbers import percent

NOTEWORTHY = 0.01
"""A rise of the share of missing values from which on it is said."""


def missing(ref: AnyProfile | Embedding, cur: AnyProfile | Embedding) -> str:
    """Say how the share of null and NaN rose, or of rows without a list like the reference's.

    >>> from undrift.profiles.categorical import CategoricalProfile
    >>> missing(CategoricalProfile(counts={"a": 50}), CategoricalProfile(counts={"a": 59}, null=41))
    'missing 0 % → 41 %'
    """
    before, now = ref.missing / ref.rows, cur.missing / cur.rows
    if now - before < NOTEWORTHY or not beyond_chance(ref.missing, ref.rows, cur.missing, cur.rows):
        return ""
    return f"missing {percent(before)} → {percent(now)}"

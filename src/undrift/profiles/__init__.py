"""Profiles: small, frozen, mergeable summaries of a window of rows.

The contract of every profile, of a feature and of a table: ``a.merge(b)`` is the profile of both
stretches of rows together, in any order; an empty profile is neutral; unlike grids are refused.
Everything about drift is a pure function of two profiles.
"""

from __future__ import annotations

from typing import Protocol, Self

from undrift.records import Kind


class FeatureProfile(Protocol):
    """The summary of one column."""

    @property
    def kind(self) -> Kind:
        """How the column is compared."""

    @property
    def rows(self) -> int:
        """All rows seen, missing ones included."""

    @property
    def missing(self) -> int:
        """Rows without a usable value: null or NaN."""

    def merge(self, other: Self) -> Self:
        """The profile of the rows of both."""

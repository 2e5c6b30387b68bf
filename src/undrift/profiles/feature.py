"""The profile of one feature, of either kind."""

from __future__ import annotations

from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.numeric import NumericProfile

AnyProfile = NumericProfile | CategoricalProfile


def merged(mine: AnyProfile, theirs: AnyProfile) -> AnyProfile:
    """The profile of the rows of both; raises MergeError when they were not counted alike."""
    return mine.merge(theirs)  # type: ignore[arg-type]  # unlike kinds are refused there

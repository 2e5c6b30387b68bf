"""Profiles: small, frozen, mergeable summaries of a window of rows.

The contract of every profile, of a feature and of a table: ``a.merge(b)`` is the profile of both
stretches of rows together, in any order; an empty profile is neutral; unlike grids are refused.
``undrift.testing.laws.check_profile`` holds a profile to it. Everything about drift is a pure function of
two profiles.
"""

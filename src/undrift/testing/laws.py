"""Laws of profiles and metrics: true of every input, whoever wrote the part."""

# ruff: noqa: S101 - an assertion is what a law is made of

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from undrift.errors import MergeError
from undrift.metrics import Metric
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.codec import dumps, loads
from undrift.profiles.feature import AnyProfile
from undrift.profiles.grid import Grid
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile, profile

TINY = 1e-9
"""Rounding that a law forgives."""


def check_metric(metric: Metric, ref: AnyProfile, cur: AnyProfile, parts: Sequence[AnyProfile] = ()) -> None:
    """Every law that one metric must obey on two profiles of a feature over the same grid.

    ``parts``, where given, are profiles of pieces of the current rows: merged, they must give the
    same value as the whole.

    >>> from undrift.plugins import find
    >>> rows = profile({"x": [1.0, 2.0, 2.0]}).features["x"]
    >>> check_metric(find("metrics", "ks"), rows, rows)
    """
    if not metric.understands(ref.kind):
        return
    for one in (ref, cur, ref.empty()):
        assert abs(metric(one, one)) <= TINY, f"{metric.name}(p, p) = {metric(one, one)}, not 0"
        _in_range(metric, one, cur)
        _in_range(metric, cur, one)
        _noise_shrinks(metric, one, cur)
    if metric.symmetric:
        there, back = metric(ref, cur), metric(cur, ref)
        assert math.isclose(there, back, rel_tol=TINY, abs_tol=TINY), f"{metric.name} is not symmetric"
    if parts:
        whole, merged = metric(ref, cur), metric(ref, reduce(_merged, parts))
        assert math.isclose(whole, merged, rel_tol=TINY, abs_tol=TINY), f"{metric.name}: merged is not whole"


def check_size(
    metric: Metric, ref: AnyProfile, cur: AnyProfile, times: int = 16, tolerance: float = 0.02
) -> None:
    """An effect size does not grow with the number of rows: the same shares give the same value.

    Both profiles should have many rows in every bin, for a prior fades as rows come in.
    """
    if not metric.understands(ref.kind):
        return
    once, often = metric(ref, cur), metric(replicated(ref, times), replicated(cur, times))
    assert abs(once - often) <= tolerance * max(once, metric.threshold), (
        f"{metric.name} goes from {once} to {often} when every row is counted {times} times"
    )


def check_profile(rows: pa.Table, *cuts: int, **how: Any) -> None:
    """Merging, the neutral element, the serial form and the refusals of a table's profile.

    ``cuts`` are the row numbers between which the table is profiled in pieces; ``how`` are settings of
    ``profile``.

    >>> check_profile(pa.table({"x": [1.0, 2.0, None], "c": ["a", "b", "a"]}), 1)
    """
    whole = profile(rows, **how)
    for name, feature in whole.features.items():
        assert feature.rows == rows.num_rows, f"{name}: {feature.rows} rows counted of {rows.num_rows}"
    ends = [0, *sorted(cuts), rows.num_rows]
    parts = [profile(rows[a:b], like=whole) for a, b in pairwise(ends)]
    same(reduce(_merged_tables, parts), whole)
    same(reduce(_merged_tables, reversed(parts)), whole)
    same(whole.merge(whole.empty()), whole)
    same(whole.empty().merge(whole), whole)
    assert dumps(loads(dumps(whole))) == dumps(whole), "the serial form does not round-trip"
    same(loads(dumps(whole)), whole)
    for feature in whole.features.values():
        _refuses_unlike(feature)
    with pytest.raises(MergeError, match="like="):
        whole.merge(TableProfile())


def same(found: TableProfile, expected: TableProfile) -> None:
    """Assert that two table profiles are of the same rows: counts exactly, sums but for rounding."""
    assert (found.rows, list(found.features)) == (expected.rows, list(expected.features))
    assert (found.by, list(found.segments)) == (expected.by, list(expected.segments))
    assert found.history == expected.history, "the histories differ"
    for label, segment in found.segments.items():
        same(segment, expected.segments[label])
    for name, mine in found.features.items():
        theirs = expected.features[name]
        if isinstance(mine, NumericProfile) and isinstance(theirs, NumericProfile):
            _same_numbers(mine, theirs)
        else:
            assert mine == theirs, f"feature {name!r} differs: {mine} and {theirs}"


def replicated(feature: AnyProfile, times: int) -> AnyProfile:
    """The profile of the same rows, each counted ``times`` times."""
    if times == 1:
        return feature
    half = replicated(feature, times // 2)
    twice = _merged(half, half)
    return _merged(twice, feature) if times % 2 else twice


def _in_range(metric: Metric, ref: AnyProfile, cur: AnyProfile) -> None:
    value = metric(ref, cur)
    assert math.isfinite(value), f"{metric.name} = {value}"
    assert 0 <= value <= metric.upper + TINY, f"{metric.name} = {value} is not in [0, {metric.upper}]"


def _noise_shrinks(metric: Metric, ref: AnyProfile, cur: AnyProfile) -> None:
    once = metric.noise(ref, cur)
    often = metric.noise(replicated(ref, 3), replicated(cur, 3))
    assert 0 <= often <= once * (1 + TINY), f"{metric.name}: noise {once}, {often} with three times the rows"


def _refuses_unlike(feature: AnyProfile) -> None:
    """Another grid, or another kind, is refused with its remedy."""
    other: AnyProfile
    if isinstance(feature, NumericProfile):
        grid = feature.grid
        other = NumericProfile.over(Grid(np.append(grid.edges, np.inf), grid.centre))
        shifted = replace(feature, grid=Grid(grid.edges, 1.0 if grid.centre == 0 else grid.centre / 2))
        with pytest.raises(MergeError, match="like="):
            feature.merge(shifted)
    else:
        other = CategoricalProfile("boolean" if feature.kind == "categorical" else "categorical")
    with pytest.raises(MergeError, match="like="):
        _merged(feature, other)


def _same_numbers(mine: NumericProfile, theirs: NumericProfile) -> None:
    assert mine.grid == theirs.grid
    for name in ("counts", "below", "above"):
        assert getattr(mine, name).tolist() == getattr(theirs, name).tolist(), f"{name} differ"
    for name in ("null", "nan", "negative_infinite", "positive_infinite", "minimum", "maximum"):
        assert getattr(mine, name) == getattr(theirs, name), f"{name} differs"
    ends = [x for x in (mine.minimum, mine.maximum) if x is not None]
    extent = max((abs(x - mine.grid.centre) for x in ends), default=0.0)
    if math.isfinite(mine.squares) and math.isfinite(theirs.squares):
        slack = TINY * max(mine.rows, 1)
        assert abs(mine.total - theirs.total) <= slack * extent
        assert abs(mine.squares - theirs.squares) <= slack * extent**2


def _merged(one: AnyProfile, other: AnyProfile) -> AnyProfile:
    return one.merge(other)  # type: ignore[arg-type]  # unlike kinds are part of what is tried


def _merged_tables(one: TableProfile, other: TableProfile) -> TableProfile:
    return one.merge(other)

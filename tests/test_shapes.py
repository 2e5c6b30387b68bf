"""Two profiles as shapes over each other: always something that can be drawn, or nothing."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from undrift.profiles import shapes
from undrift.profiles.numeric import NumericProfile

EXTREMES = {
    "one value": [5.0] * 50,
    "one huge value": [1e308] * 50,
    "one value to which 1 cannot be added": [1e17] * 50,
    "wider than the largest float": [-1.7e308, 0.0, 1.7e308] * 20,
    "infinities among numbers": [math.inf, -math.inf, 1.0, 2.0] * 20,
    "too small to divide by": [5e-324, 1e-320, 0.0] * 20,
}


@pytest.mark.parametrize("values", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("others", EXTREMES.values(), ids=EXTREMES)
def test_extreme_numbers_are_drawn_finite_or_not_at_all(values, others):
    reference = _numbers(values, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = shapes.steps(reference, _numbers(others, reference))
    if drawn is not None:
        assert np.isfinite([*drawn.edges, *drawn.reference, *drawn.window, drawn.width]).all()
        assert (np.diff(drawn.edges) > 0).all()
        assert math.isfinite(drawn.edges[-1] - drawn.edges[0])


def test_a_single_huge_value_is_drawn_as_one_step():
    reference = _numbers([1e17] * 50, None)
    drawn = shapes.steps(reference, reference)
    assert drawn
    assert drawn.reference.tolist() == [1.0]


def _numbers(values: list[float], like: NumericProfile | None) -> NumericProfile:
    return NumericProfile.of(np.array(values), 0, like.grid if like else None)


def test_no_step_claims_more_than_all_rows_and_an_outlier_does_not_flatten_the_rest():
    rng = np.random.default_rng(0)
    reference = _numbers([*rng.normal(100, 30, 20_000), 5400.0], None)
    drawn = shapes.steps(reference, _numbers([*rng.normal(120, 45, 20_000), 6000.0], reference))
    assert drawn
    assert drawn.edges[-1] < 600
    assert np.sum(drawn.reference > 0.02) > 10
    lone = _numbers([*rng.uniform(0, 1, 5000), *[0.4142] * 20_000], None)
    spiked = shapes.steps(lone, lone)
    assert spiked
    assert 0.5 < spiked.reference.max() <= 1
    assert (spiked.reference * np.diff(spiked.edges)).sum() == pytest.approx(spiked.width)


def test_ranges_of_separate_values_are_called_by_the_values():
    reference = _numbers([0.0] * 60 + [1.0] * 25 + [2.0] * 5 + [5.0] * 10, None)
    window = _numbers([-1.0] * 10 + [0.0] * 40 + [0.5] * 30 + [7.0] * 20, reference)
    shares = [(s.name, s.reference, s.window) for s in shapes.ranges(reference, window)]
    assert shares == [
        ("under 0", 0, 0.1),
        ("0", 0.6, 0.4),
        ("0 – 1", 0, 0.3),
        ("1", 0.25, 0),
        ("2", 0.05, 0),
        ("5 and over", 0.1, 0.2),
    ]

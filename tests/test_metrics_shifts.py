"""Shifts of means, medians, quantiles and deviations, and rows out of range: by hand and by simulation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from conftest import numbers
from undrift.metrics._noise import HALF_NORMAL, largest
from undrift.metrics.deviation_shift import deviation_shift
from undrift.metrics.mean_shift import mean_shift
from undrift.metrics.median_shift import median_shift
from undrift.metrics.out_of_range import out_of_range
from undrift.metrics.quantile_shift import LEVELS, quantile_shift
from undrift.metrics.wasserstein import wasserstein
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.places import FAR, cells, deviation, quantiles

SHIFTS = (mean_shift, median_shift, quantile_shift, deviation_shift)
PLACES = (mean_shift, median_shift, quantile_shift)


# By hand --------------------------------------------------------------------------------------


def test_shifts_by_hand():
    ref = numbers([1, 1, 3, 3])  # sd 1
    assert mean_shift(ref, numbers([1, 3, 3, 3], ref)) == pytest.approx(0.5)
    assert mean_shift(ref, numbers([0, 1], ref)) == pytest.approx(1.5)
    assert median_shift(ref, numbers([3, 3, 3], ref)) == pytest.approx(2)
    assert quantile_shift(ref, numbers([1, 1, 1, 1], ref)) == pytest.approx(2)
    assert deviation_shift(ref, numbers([0, 0, 10, 10], ref)) == pytest.approx(0.8)
    assert deviation_shift(ref, numbers([1, 1, 1, 3], ref)) == pytest.approx(1 - math.sqrt(3) / 2)


def test_out_of_range_by_hand():
    ref = numbers([1, 2, 3, 4])
    assert out_of_range(ref, numbers([0.999, 1, 2.5, 4], ref)) == 0.25
    assert out_of_range(ref, numbers([4.00001, -1e308, 3, 4], ref)) == 0.5
    assert out_of_range(ref, numbers([float("inf"), float("-inf"), float("nan")], ref)) == 1
    assert out_of_range(ref, ref) == 0
    known = numbers([1, 2, 3, float("inf")])
    assert out_of_range(known, numbers([1, 2, 3, float("inf")], known)) == 0, "it had infinities before"


# Closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("shift", "width"), [(0.3, 1.0), (0.0, 1.5), (1.0, 0.5)])
def test_two_normals(shift, width):
    rows = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    ref = numbers(rows)
    cur = numbers(shift + width * rows, ref)
    assert mean_shift(ref, cur) == pytest.approx(shift, abs=1e-3)
    assert median_shift(ref, cur) == pytest.approx(shift, abs=0.02)
    exact = np.abs(shift + (width - 1) * stats.norm.ppf(LEVELS)).max()
    assert quantile_shift(ref, cur) == pytest.approx(exact, abs=0.03)
    assert deviation_shift(ref, cur) == pytest.approx(1 - min(width, 1 / width), abs=1e-6)


def test_two_uniforms():
    rows = (np.arange(50_000) + 0.5) / 50_000
    ref = numbers(rows)
    cur = numbers(2 * rows - 0.25, ref)
    assert mean_shift(ref, cur) == pytest.approx(0.25 * math.sqrt(12), rel=1e-3)
    assert median_shift(ref, cur) == pytest.approx(0.25 * math.sqrt(12), rel=1e-2)
    assert quantile_shift(ref, cur) == pytest.approx(0.7 * math.sqrt(12), rel=1e-2)
    assert deviation_shift(ref, cur) == pytest.approx(0.5, rel=1e-3)
    assert out_of_range(ref, cur) == pytest.approx(0.5, abs=1e-3)


def test_the_threshold_of_deviation_shift_is_where_jeffreys_divergence_is_a_tenth():
    grown = 1 / (1 - deviation_shift.threshold)
    assert grown == 1.25
    assert (grown**2 + grown**-2) / 2 - 1 == pytest.approx(0.1, abs=2e-3)


# Against exact quantiles ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_quantiles_are_exact_where_every_value_has_its_own_cell(seed):
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, random.integers(2, 257))
    a, b = np.concatenate([values, random.choice(values, 2000)]), random.choice(values, 501)
    ref = numbers(a)
    cur = numbers(b, ref)
    before, now = (np.quantile(x, LEVELS, method="inverted_cdf") for x in (a, b))
    assert median_shift(ref, cur) == pytest.approx(abs(now - before)[2] / a.std(), abs=1e-9)
    assert quantile_shift(ref, cur) == pytest.approx(abs(now - before).max() / a.std(), abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_quantiles_of_continuous_data_lie_within_their_cells(seed):
    random = np.random.default_rng(seed)
    a, b = random.gamma(2, 1, 20_000), random.gamma(2, 1.2, 3000)
    ref = numbers(a)
    ends, *counts = cells(ref, numbers(b, ref))
    for sample, held in zip((a, b), counts, strict=True):
        exact = (np.quantile(sample, LEVELS, method="inverted_cdf") - a.min()) / a.std()
        cell = np.searchsorted(ends, exact + 1e-9, side="right")
        found = quantiles(ends, held, LEVELS)
        assert np.all((ends[cell - 1] <= found) & (found <= ends[cell]))


def test_a_larger_share_never_has_a_smaller_quantile_not_even_by_rounding():
    ref = numbers([0.0, -3.0])
    ends, _, counts = cells(ref, numbers([0.0] * 6 + [-1.0] * 2, ref))
    assert np.all(np.diff(quantiles(ends, counts, np.linspace(0, 1, 1001))) >= 0)


# Numbers at the ends of what floats hold ------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_from_a_constant_reference_every_move_is_by_one_deviation():
    ref = numbers([3.0] * 1000)
    for value in (3.000001, 2.0, 1e308):
        cur = numbers([value] * 100 + [3.0] * 900, ref)
        assert mean_shift(ref, cur) == pytest.approx(0.1), "the share of rows that left"
        assert median_shift(ref, cur) == 0
        assert deviation_shift(ref, cur) == 1
        cur = numbers([value] * 1000, ref)
        assert mean_shift(ref, cur) == median_shift(ref, cur) == quantile_shift(ref, cur) == 1
        assert deviation_shift(ref, cur) == 0
    assert {one.noise(ref, cur) for one in SHIFTS} == {0}


@pytest.mark.filterwarnings("error")
def test_huge_numbers_leave_shifts_finite():
    ref = numbers(np.arange(100.0))
    for values in ([1e308] * 3, [1e308, -1e308, 0.0], [float("inf"), 1.0], [float("-inf")] * 2):
        cur = numbers(values, ref)
        for one in SHIFTS:
            assert 0 <= one(ref, cur) <= 2 * FAR
    assert mean_shift(ref, numbers([1e308] * 3, ref)) == pytest.approx(FAR, rel=1e-3)
    assert mean_shift(ref, numbers([1e308, -1e308], ref)) < 100, "they cancel"
    assert median_shift(ref, numbers([float("inf")] * 3, ref)) == pytest.approx(FAR, rel=1e-3)


@pytest.mark.filterwarnings("error")
def test_the_deviation_of_numbers_whose_squares_do_not_fit_is_that_of_even_rows():
    for size in (1e308, 1e-200):
        assert deviation(numbers(np.array([-1.0, 1.0]) * size)) == pytest.approx(size / math.sqrt(3))
    assert deviation(numbers([1e308] * 3)) == 0
    assert deviation(NumericProfile.over(numbers([1.0]).grid)) == 0


def test_a_constant_far_from_the_reference_has_no_deviation_made_of_rounding():
    ref = numbers([1.0, 2.0, 3.0])
    for far in (4.1e7 + 0.1, 1e15 / 3):
        assert deviation_shift(ref, numbers([far] * 7, ref)) == 1
        assert deviation(numbers([far] * 7, ref)) == 0


def test_one_value_beyond_a_million_deviations_is_a_million_away():
    ref = numbers(np.arange(100.0))
    cur = numbers([*np.arange(99.0), 1e300], ref)
    assert mean_shift(ref, cur) == pytest.approx(FAR / 100, rel=0.2), "the middle of its cell"


def test_outliers_far_out_leave_the_rest_where_it_is():
    random = np.random.default_rng(0)
    before, now = random.normal(0, 1, 20_000), random.normal(5, 1, 20_000)
    ref, cell = numbers(before), 0.25 * (5 - before.max()) + 1 / 8
    for outliers in ([], [1e6], [9e5, 8e5, -7e5]):
        rows = np.append(now, outliers)
        cur = numbers(rows, ref)
        exact = stats.wasserstein_distance(before, rows) / before.std()
        assert median_shift(ref, cur) == pytest.approx(5, abs=cell)
        assert quantile_shift(ref, cur) == pytest.approx(5, abs=0.2)
        assert mean_shift(ref, cur) == pytest.approx(abs(rows.mean() - before.mean()) / before.std())
        assert wasserstein(ref, cur) == pytest.approx(exact, rel=1 / 8)


@pytest.mark.parametrize("shift", [-300, -20, 5, 1000])
def test_a_shift_out_of_the_range_is_the_shift_to_an_eighth(shift):
    random = np.random.default_rng(1)
    before = random.normal(0, 1, 20_000)
    ref = numbers(before)
    cur = numbers(random.normal(shift, 1, 5000), ref)
    for one in (median_shift, wasserstein, quantile_shift):
        assert one(ref, cur) == pytest.approx(abs(shift), rel=1 / 8), one.name


def test_a_profile_from_before_tails_were_counted_lies_evenly_beyond_the_range():
    ref = numbers(np.arange(10.0))
    whole = numbers([20.0, 24.0, 30.0, 3.0, -4.0, -8.0], ref)
    old = replace(whole, below=np.empty(0, np.int64), above=np.empty(0, np.int64))
    for one in (whole, old, old.merge(whole)):
        ends, _, counts = cells(ref, one)
        assert (counts.sum(), len(ends)) == (one.finite, len(counts) + 1)
        assert median_shift(ref, one) > 0


# Noise floors by simulation -------------------------------------------------------------------

TRIALS = 300
SLACK = {"mean_shift": 0.02, "median_shift": 0.04, "quantile_shift": 0.08, "deviation_shift": 0.12}
"""Quantiles are taken for independent; of a kurtosis a grid knows the tails but roughly."""


@pytest.mark.parametrize("draw", ["normal", "uniform", "exponential"])
@pytest.mark.parametrize(("rows", "other"), [(2000, 2000), (6000, 600)])
def test_the_noise_floors_of_shifts_are_what_quiet_data_show(draw, rows, other):
    """Within four standard errors of the mean, and the slack above."""
    random = np.random.default_rng(21)
    found = []
    for _ in range(TRIALS):
        ref = numbers(getattr(random, draw)(size=rows))
        cur = numbers(getattr(random, draw)(size=other), ref)
        found.append([(one(ref, cur), one.noise(ref, cur)) for one in SHIFTS])
    for one, pairs in zip(SHIFTS, np.moveaxis(found, 1, 0), strict=True):
        values, floors = pairs.T
        error = 4 * values.std() / math.sqrt(TRIALS)
        assert abs(values.mean() - floors.mean()) <= error + SLACK[one.name] * floors.mean(), one.name


def test_the_noise_floor_of_out_of_range_is_what_quiet_data_show():
    random = np.random.default_rng(22)
    found = []
    for _ in range(4000):
        ref = numbers(random.normal(size=99))
        cur = numbers(random.normal(size=200), ref)
        found.append((out_of_range(ref, cur), out_of_range.noise(ref, cur)))
    values, floors = np.array(found).T
    assert floors == pytest.approx(2 / 100)
    assert values.mean() == pytest.approx(2 / 100, rel=0.05)


def test_the_median_of_separate_values_is_steady_but_where_it_may_jump():
    steady = numbers([0.0] * 700 + [1.0] * 300)
    assert median_shift.noise(steady, steady) == 0
    torn = numbers([0.0] * 500 + [1.0] * 500)
    assert median_shift.noise(torn, torn) == pytest.approx(HALF_NORMAL, rel=1e-6), "half a step of two sd"


def test_the_mean_of_the_largest_of_independent_normals():
    random = np.random.default_rng(23)
    for deviations in ([1.0], [1.0, 1.0], [2.0, 1.0, 0.5, 1e-300], [0.3] * 200):
        exact = np.abs(random.normal(0, deviations, (20_000, len(deviations)))).max(axis=1)
        assert largest(np.array(deviations)) == pytest.approx(exact.mean(), rel=0.02)
    assert largest(np.array([0.0, 0.0])) == largest(np.array([])) == 0

"""Intervals over blocks: equal to the textbook where the textbook applies, and honest by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from undrift.statistics.intervals import block_t


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.995])
@pytest.mark.parametrize("count", [2, 3, 30])
def test_equal_blocks_give_the_textbook_t_interval_over_block_means(count, confidence):
    random = np.random.default_rng(count)
    blocks = np.repeat(random.permutation(count) * 7 - 3, 12)
    values = random.normal(5, 1, len(blocks)) + random.normal(0, 1, 100)[blocks % 100]
    means = [values[blocks == b].mean() for b in np.unique(blocks)]
    low, high = stats.t.interval(2 * confidence - 1, count - 1, np.mean(means), stats.sem(means))
    found = block_t(values, blocks, confidence)
    assert (found.mean, found.blocks) == (pytest.approx(values.mean()), count)
    assert (found.lower, found.upper) == (pytest.approx(low), pytest.approx(high))


def test_rows_that_are_their_own_blocks_give_the_ordinary_t_interval():
    values = np.random.default_rng(0).normal(0, 1, 50)
    low, high = stats.t.interval(0.9, 49, values.mean(), stats.sem(values))
    found = block_t(values, np.arange(50), 0.95)
    assert (found.lower, found.upper) == (pytest.approx(low), pytest.approx(high))


def test_the_order_of_rows_and_the_names_of_blocks_do_not_matter():
    random = np.random.default_rng(1)
    values, blocks = random.normal(0, 1, 100), random.integers(0, 9, 100)
    order = random.permutation(100)
    one, other = block_t(values, blocks, 0.95), block_t(values[order], blocks[order] * -1000, 0.95)
    assert (one.mean, one.lower) == (pytest.approx(other.mean), pytest.approx(other.lower))


def test_the_mean_of_unequal_blocks_is_over_rows_and_its_error_that_of_a_ratio():
    """Cochran 6.4, worked out by hand for two blocks: sums 6 and 2 of 3 and 1 rows."""
    values, blocks = np.array([1.0, 2.0, 3.0, 6.0]), np.array([0, 0, 0, 1])
    found = block_t(values, blocks, 0.975)
    error = np.sqrt(2 / 1 * ((6 - 9) ** 2 + (6 - 3) ** 2)) / 4
    assert found.mean == 3
    assert found.upper == pytest.approx(3 + stats.t.ppf(0.975, 1) * error)


@pytest.mark.parametrize("rows", [1, 1000])
def test_one_block_tells_nothing(rows):
    found = block_t(np.zeros(rows), np.full(rows, 4), 0.95)
    assert (found.mean, found.lower, found.upper, found.blocks) == (0, -np.inf, np.inf, 1)


def test_no_rows_tell_nothing():
    found = block_t(np.empty(0), np.empty(0, dtype=np.int64), 0.95)
    assert np.isnan(found.mean)
    assert (found.lower, found.upper, found.blocks) == (-np.inf, np.inf, 0)


def test_equal_values_have_no_error():
    found = block_t(np.full(10, 2.0), np.arange(10) // 2, 0.95)
    assert (found.lower, found.upper) == (2, 2)


@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_each_bound_holds_as_often_as_it_says_with_day_effects(sizes):
    """1000 trials of 20 days whose rows err together: a binomial band of four standard errors."""
    random = np.random.default_rng(42)
    over = under = rows_over = 0
    for _ in range(1000):
        counts = np.full(20, 30) if sizes == "equal" else random.integers(20, 40, 20)
        blocks = np.repeat(np.arange(20), counts)
        values = random.normal(0, 0.5, 20)[blocks] + random.normal(0, 1, len(blocks))
        found = block_t(values, blocks, 0.95)
        over += found.lower > 0
        under += found.upper < 0
        rows_over += block_t(values, np.arange(len(values)), 0.95).lower > 0
    band = 4 * np.sqrt(0.05 * 0.95 / 1000)
    assert abs(over / 1000 - 0.05) < band
    assert abs(under / 1000 - 0.05) < band
    assert rows_over / 1000 > 0.2, "an interval over rows would be wrong far too often"

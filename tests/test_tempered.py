"""p-values held to what a history's own windows bear out: heavy tails count, honest ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from undrift.statistics.monitor import Counts
from undrift.statistics.tempered import WINDOWS, backtested, tempered

RANDOM = np.random.default_rng(11)


def test_honest_p_values_keep_their_rate_and_nearly_all_their_power() -> None:
    past = RANDOM.uniform(size=(100, 20_000))
    now = RANDOM.uniform(size=20_000)
    raised = tempered(now, past)
    assert np.all(raised >= now)
    assert np.mean(raised <= 0.01) == pytest.approx(0.01, abs=0.003)
    assert np.mean(tempered(np.full(20_000, 1e-7), past) <= 1e-3) >= 0.95


@pytest.mark.parametrize("power", [1.5, 2.0, 3.0])
def test_p_values_with_a_heavy_tail_are_held_to_it(power: float) -> None:
    """Powers of honest p-values: at .001 they alarm as often as honest ones at .001 ** (1 / power)."""
    past, now = RANDOM.uniform(size=(100, 20_000)) ** power, RANDOM.uniform(size=20_000) ** power
    before, after = np.mean(now <= 1e-3), np.mean(tempered(now, past) <= 1e-3)
    assert before == pytest.approx(1e-3 ** (1 / power), rel=0.2)
    assert after <= max(0.35 * before, 0.006)


def test_few_windows_say_nothing_of_their_tail() -> None:
    p = np.array([1e-9])
    assert tempered(p, np.full((WINDOWS - 1, 1), 1e-9)).tolist() == p.tolist()


def test_each_part_of_a_history_is_judged_by_the_others() -> None:
    bins = RANDOM.multinomial(500, np.full(10, 0.1), size=(60, 3)).astype(np.int64)
    bins[30, 1] = [500, *[0] * 9]
    none = np.zeros((60, 3), np.int64)
    found = backtested(Counts(bins, none, none), np.ones(3, dtype=np.bool_), None)
    assert found.shape == (60, 3)
    assert found[30, 1] == found.min() < 1e-6
    assert np.mean(found <= 0.05) <= 0.1

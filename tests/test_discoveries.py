"""False discovery rates: what is believed, and how often that is wrong."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from scipy import stats

from undrift.statistics import discoveries

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(p_values=P_VALUES, rate=st.floats(0.001, 0.5))
def test_what_is_believed_is_what_scipy_adjusts_below_the_rate(p_values, rate):
    given_ = dict(enumerate(p_values))
    limits = discoveries.limits(given_, rate)
    adjusted = stats.false_discovery_control(p_values)
    for key, p in given_.items():
        if abs(adjusted[key] - rate) > 1e-9:
            assert (p <= limits[key]) == (adjusted[key] < rate)


@given(p_values=P_VALUES, rate=st.floats(0.001, 0.5), scale=st.floats(0.1, 10))
def test_even_weights_change_nothing_and_no_weight_is_never_believed(p_values, rate, scale):
    given_ = dict(enumerate(p_values))
    even = discoveries.limits(given_, rate, dict.fromkeys(given_, 1.0))
    assert even == discoveries.limits(given_, rate)
    none = discoveries.limits(given_, rate, {**dict.fromkeys(given_, 1.0), 0: 0.0})
    assert none[0] == 0


def test_where_nothing_moved_one_family_in_a_hundred_believes_something():
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(4000):
        p_values = dict(enumerate(random.random(20).tolist()))
        limits = discoveries.limits(p_values, 0.01)
        wrong += any(p <= limits[key] for key, p in p_values.items())
    assert stats.binom.ppf(0.001, 4000, 0.01) <= wrong <= stats.binom.ppf(0.999, 4000, 0.01)


def test_weights_favour_what_matters_and_hold_the_rate():
    p_values = {"used": 0.015, "unused": 0.015}
    weights = {"used": 1.9, "unused": 0.1}
    limits = discoveries.limits(p_values, 0.02, weights)
    assert p_values["used"] <= limits["used"]
    assert p_values["unused"] > limits["unused"]


def test_e_values_are_believed_from_total_over_rate_on():
    assert discoveries.slowly({"a": 199.0, "b": 1.0}, 0.01) == set()
    assert discoveries.slowly({"a": 200.0, "b": 1.0}, 0.01) == {"a"}
    assert discoveries.slowly({"a": 101.0, "b": 100.0}, 0.01) == {"a", "b"}
    assert discoveries.slowly({}, 0.01) == set()

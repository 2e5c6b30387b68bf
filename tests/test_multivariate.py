"""Features together: what single features cannot show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from undrift.multivariate import pooled, predictive

ALL = {"beside": (), "multivariate": ("rank_correlation", "mmd"), "threshold": 0.0}
FEATURES = 8


def rows(
    count: int, random: np.random.Generator, start: str, *, tie: float = 0.0, shift: float = 0.0
) -> pd.DataFrame:
    """Days of 500 rows with ordinary differences from day to day."""
    values = random.normal(size=(count * 500, FEATURES)) + shift
    values += np.repeat(random.normal(0, 0.05, (count, FEATURES)), 500, axis=0)
    values[:, 1] = tie * values[:, 0] + np.sqrt(1 - tie**2) * values[:, 1]
    times = pd.Timestamp(start) + pd.Timedelta(days=1) / 500 * np.arange(count * 500)
    return pd.DataFrame(values, columns=[f"x{i}" for i in range(FEATURES)]).assign(t=times)


@pytest.fixture(scope="module")
def reference() -> ud.TableProfile:
    return ud.profile(rows(80, np.random.default_rng(0), "2024-01-01"), time="t", window="1d")


def p_values(reference: ud.TableProfile, count: int, **how: float) -> np.ndarray:
    random = np.random.default_rng(1)
    found = [ud.compare(reference, rows(1, random, "2024-06-01", **how), **ALL) for _ in range(count)]
    return np.array([[one.p_value for one in r.record.together] for r in found])


def test_nothing_is_found_where_nothing_moved(reference):
    assert (p_values(reference, 60) <= 0.01).mean(axis=0).max() <= 4 / 60


def test_a_correlation_is_found_by_correlations_alone_and_named(reference):
    assert (p_values(reference, 12, tie=0.4)[:, 0] <= 0.01).all()
    result = ud.compare(reference, rows(1, np.random.default_rng(2), "2024-06-01", tie=0.4), beside=())
    joint = result.record.together[0]
    assert (joint.verdict, joint.features) == ("drift", ("x0", "x1"))
    assert result.verdict == "drift"
    assert not result.drifted
    assert "together: correlation of x0 and x1" in result.sentence
    assert result.to_dict()["together"][0]["significant"]


def test_many_small_shifts_are_found_by_mmd(reference):
    found = p_values(reference, 20, shift=0.2)
    assert (found[:, 1] <= 0.01).mean() >= 0.9


def test_the_pooled_p_value_is_uniform_and_the_predictive_one_is_a_t():
    random = np.random.default_rng(3)
    pooled_ = np.array([pooled(random.random(40)) for _ in range(2000)])
    assert np.mean(pooled_ <= 0.05) == pytest.approx(0.05, abs=0.015)
    history, now = random.normal(size=(60, 2000)), random.normal(size=(1, 2000))
    found = predictive(history, now, np.ones((1, 1)), np.ones((60, 1)))
    assert np.mean(found <= 0.05) == pytest.approx(0.05, abs=0.02)


def test_without_times_or_with_one_number_nothing_is_said_of_features_together(reference):
    random = np.random.default_rng(4)
    table = rows(60, random, "2024-01-01")
    assert ud.compare(table.drop(columns="t"), table[:500].drop(columns="t")).record.together == ()
    assert ud.compare(ud.profile(table[["t", "x0"]], time="t"), table[:500]).record.together == ()
    odd = rows(1, random, "2024-06-01").assign(x3=np.nan)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert len(ud.compare(reference, odd, **ALL).record.together) == 2

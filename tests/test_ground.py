"""New ground: rows where the training rows had next to none, whatever the stream did before."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import undrift as ud
from conftest import labels, numbers
from undrift.comparison.findings import Ordinary, Question, judge
from undrift.comparison.ground import ground
from undrift.comparison.limits import Limits
from undrift.errors import ConfigError
from undrift.metrics.novelty import novelty
from undrift.profiles.rare import rarest
from undrift.verdicts import WORST_FIRST
from undrift.words.moves import ground as said

ALONE = {"beside": (), "multivariate": ()}


def normal(rows: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, rows)


# The metric ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_novelty_of_a_shifted_normal_is_its_share_outside_the_half_percent_quantiles(shift: float) -> None:
    ref = numbers(normal(200_000))
    cur = numbers(normal(50_000, 1, shift), like=ref)
    edge = stats.norm.ppf(0.995)
    outside = stats.norm.cdf(-edge, shift) + stats.norm.sf(edge, shift)
    assert novelty(ref, cur) == pytest.approx(max(0.0, (outside - 0.01) / 0.99), abs=0.02)


def test_novelty_of_labels_counts_the_rarest_hundredth_and_those_never_met() -> None:
    known = labels(a=900, b=92, c=5, d=3)  # c and d are 8 of 1,000 rows
    assert rarest(known, labels(a=50, c=20, z=30)).share == 0.5
    assert novelty(known, labels(a=50, b=50)) == 0.0


def test_labels_that_are_often_new_are_expected_to_be_new() -> None:
    once = labels(**{f"l{i}": 1 for i in range(300)}, a=700)  # three rows in ten meet a new label
    assert rarest(once, labels(z=100)).base == pytest.approx(0.3)
    assert novelty(once, labels(a=70, z=30)) == 0.0


def test_missing_rows_lie_inside_so_that_a_mostly_null_column_does_not_fire() -> None:
    ref = numbers(normal(5000))
    few = numbers(np.concatenate([normal(4, 1, 9.0), np.full(96, np.nan)]), like=ref)
    assert rarest(ref, few).share == pytest.approx(0.04)


@given(st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=200))
def test_the_training_rows_themselves_are_never_novel(values: list[float]) -> None:
    profile = numbers(values)
    assert novelty(profile, profile) == 0.0


# The bound -----------------------------------------------------------------------------------------


def timed(values: np.ndarray, rows_a_day: int, start: str = "2024-01-01") -> pd.DataFrame:
    days = np.arange(len(values)) // rows_a_day
    return pd.DataFrame({"t": pd.Timestamp(start) + pd.to_timedelta(days, unit="D"), "x": values})


def test_one_odd_day_in_a_week_is_no_new_ground_but_half_of_every_day_is() -> None:
    ref = ud.profile(timed(normal(8400), 100), time="t", window="7d")
    day = timed(np.concatenate([normal(600, 1), normal(100, 2, 9.0)]), 100, "2024-06-03")
    every = timed(np.where(np.arange(700) % 2, 9.0, normal(700, 3)), 100, "2024-06-03")
    found = [ud.profile(rows, like=ref) for rows in (day, every)]
    grounds = [ground("x", ref.features["x"], f.features["x"], f.history, 0.1) for f in found]
    assert [g.share for g in grounds] == [pytest.approx(0.15, abs=0.02), pytest.approx(0.5, abs=0.02)]
    assert [g.new for g in grounds] == [False, True]


def test_without_blocks_the_bound_is_wilsons() -> None:
    ref = numbers(normal(10_000))
    cur = numbers(np.concatenate([normal(80, 1), np.full(20, 9.0)]), like=ref)
    found = ground("x", ref, cur, None, 0.1)
    k = rarest(ref, cur).rows
    wilson = stats.binomtest(int(k), 100).proportion_ci(0.9, method="wilson").low
    assert found.lower == pytest.approx((wilson - 0.01) / 0.99, rel=1e-6)


def test_fewer_than_thirty_rows_stand_on_no_new_ground() -> None:
    ref = numbers(normal(1000))
    assert not ground("x", ref, numbers(np.full(29, 9.0), like=ref), None, 0.1).new
    assert ground("x", ref, numbers(np.full(30, 9.0), like=ref), None, 0.1).new


def test_it_is_said_where_the_rows_lie() -> None:
    ref, far = numbers(np.arange(1000.0)), numbers(np.full(50, 2000.0), like=numbers(np.arange(1000.0)))
    found = ground("x", ref, far, None, 0.1)
    assert found.below == pytest.approx(5, abs=3)
    assert found.above == pytest.approx(994, abs=3)
    assert said(found).startswith("100 % of the rows below ")
    assert said(found).endswith(", where 0.80 % of the reference lies")


# What it makes of a comparison -----------------------------------------------------------------------

STARTS = ("2024-01-01", "2024-01-03 07:00")
CLUMPS = list(itertools.product((12_000, 12_096), (600, 5000), (50, 400), STARTS))


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize(("rows", "position", "length", "start"), CLUMPS)
def test_a_clump_in_the_reference_blinds_nobody(
    rows: int, position: int, length: int, start: str, share: float
) -> None:
    rng = np.random.default_rng(rows + position + length)

    def table(n: int, begin: str) -> pd.DataFrame:
        at = pd.date_range(begin, periods=n, freq="5min")
        return pd.DataFrame({"t": at, "c": rng.choice(list("abc"), n), "x": rng.normal(size=n)})

    ref, cur = table(rows, start), table(600, "2024-06-01")
    ref.loc[position : position + length, "c"] = "d"
    ref.loc[position : position + length, "x"] = np.nan
    hit = rng.permutation(600)[: int(600 * share)]
    strange, empty = cur.copy(), cur.copy()
    strange.loc[hit, "c"] = "z"
    empty.loc[hit, "x"] = np.nan
    known = ud.profile(ref, time="t")
    assert ud.compare(known, strange).features["c"].verdict == "drift"
    assert ud.compare(known, empty).features["x"].verdict == "drift"
    assert ud.compare(known, cur).verdict != "drift"


def test_all_rows_with_a_known_label_or_none_of_them_is_as_surprising() -> None:
    """Labels that vanish are seen whatever takes their place."""
    rng = np.random.default_rng(0)
    at = pd.date_range("2024-01-01", periods=24_000, freq="5min")
    ref = ud.profile(pd.DataFrame({"t": at, "c": rng.choice(list("abc"), 24_000)}), time="t")
    now = pd.date_range("2024-06-01", periods=600, freq="5min")
    for label in ("a", "z"):
        found = ud.compare(ref, pd.DataFrame({"t": now, "c": label}), also=(), novelty=0)
        assert found.verdict == "drift", label
        assert found.features["c"].record.findings[0].p_value < 1e-6


def test_no_finding_is_worse_than_its_feature_and_no_feature_than_its_table() -> None:
    rng = np.random.default_rng(1)
    for rows, nulls, shift in itertools.product((20, 60, 600), (0.0, 0.98), (0.0, 3.0)):
        ref = pd.DataFrame({"x": rng.normal(size=3000), "y": rng.normal(size=3000)})
        cur = pd.DataFrame({"x": rng.normal(shift, 1, rows), "y": rng.normal(size=rows)})
        cur.loc[rng.random(rows) < nulls, "x"] = np.nan
        found = ud.compare(ref, cur)
        order = WORST_FIRST.index
        for feature in found.record.features:
            assert all(order(f.verdict) >= order(feature.verdict) for f in feature.findings)
            assert order(feature.verdict) >= order(found.verdict)


def test_what_the_model_does_not_use_is_at_most_watched_on_new_ground_too() -> None:
    ref = ud.profile(pd.DataFrame({"x": normal(2000), "y": normal(2000, 1)}))
    cur = ud.profile(pd.DataFrame({"x": normal(200, 2), "y": normal(200, 3, 9.0)}), like=ref)

    def verdict(importance: float | None) -> str:
        relevance = {"x": 0.7, "y": importance}
        question = Question(ref, cur, Limits(), (Ordinary(ref, cur),), relevance=relevance)
        record = next(f for f in judge(question).features if f.name == "y")
        assert all(f.verdict != "drift" for f in record.findings) or record.verdict == "drift"
        return record.verdict

    assert (verdict(0.0), verdict(0.3), verdict(None)) == ("watch", "drift", "drift")


@pytest.mark.parametrize(
    "settings", [{"novelty": 0.0}, {"threshold": 0.0}, {"calibration": "threshold"}], ids=str
)
def test_ground_is_not_asked_where_it_is_switched_off(settings: dict[str, object]) -> None:
    ref = pd.DataFrame({"x": normal(2000)})
    found = ud.compare(ref, ref, **settings).features["x"]
    assert found.record.ground is None
    assert "novelty" not in found.metrics


def test_a_feature_has_a_share_of_its_own() -> None:
    ref, cur = pd.DataFrame({"x": normal(5000)}), pd.DataFrame({"x": normal(500, 1)})
    cur.loc[:149, "x"] = 9.0
    limits = {"psi": 99.0}
    for share, new in ((0.2, True), (0.4, False), (0.0, False)):
        features = {"x": {"threshold": limits["psi"], "novelty": share}}
        assert (ud.compare(ref, cur, features=features).verdict == "drift") is new


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan"), "half"])
def test_a_share_that_makes_no_sense_is_refused(share: object) -> None:
    with pytest.raises(ConfigError, match="novelty"):
        Limits(novelty=share)  # type: ignore[arg-type]

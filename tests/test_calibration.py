"""Calibrations: p-values that are what they say, and what each takes for granted."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import undrift as ud
from conftest import ask, labels, numbers
from test_history import days
from undrift import plugins, verdicts
from undrift.calibration._independent import deviations, enough, pearson
from undrift.calibration.asymptotic import components
from undrift.calibration.ks_test import largest_gap
from undrift.errors import ConfigError, DataError, MergeError
from undrift.statistics import tails as _tails

QUIET = {"beside": (), "multivariate": ()}


# Closed forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 10, 27, 120])
def test_the_tail_of_chi_square_is_scipys(freedom):
    for value in (0.0, 0.1, 1.0, freedom, 3 * freedom, 300.0):
        assert _tails.chi_square(value, freedom) == pytest.approx(
            stats.chi2.sf(value, freedom), rel=1e-9, abs=1e-300
        )


@pytest.mark.parametrize("before", [0, 3, 40])
def test_the_tail_of_a_new_count_beside_an_old_one_is_the_negative_binomial(before):
    for count in (1, 3, 10, 80):
        for ratio in (0.1, 1.0, 2.0):
            exact = stats.nbinom.sf(count - 1, before + 1, 1 / (1 + ratio))
            assert _tails.at_least(count, before, ratio) == pytest.approx(exact, rel=1e-6, abs=1e-12)


def test_the_tail_of_kolmogorov_is_scipys_for_many_rows():
    for distance in (0.01, 0.02, 0.05):
        exact = stats.kstwobign.sf(distance * math.sqrt(10_000))
        assert _tails.kolmogorov(distance, 10_000) == pytest.approx(exact, rel=0.05)
    assert _tails.kolmogorov(0.0, 100) == _tails.kolmogorov(0.5, 0) == 1.0


def test_two_shares_are_compared_as_scipy_does_with_yates():
    table = np.array([[12, 388], [30, 270]])
    expected = stats.chi2_contingency(table, correction=True).pvalue
    assert _tails.two_counts(table[0], table[1]) == pytest.approx(expected, rel=1e-9)
    assert _tails.two_counts(np.array([0, 10]), np.array([0, 5])) == 1.0


def test_pearson_is_scipys_chi_square_of_two_samples():
    ref, cur = labels(a=400, b=300, c=300), labels(a=350, b=360, c=290)
    expected = stats.chi2_contingency([[400, 300, 300], [350, 360, 290]], correction=False)
    assert pearson(ref, cur).p_value == pytest.approx(expected.pvalue)
    assert np.sum(deviations(*enough(ref, cur)) ** 2) == pytest.approx(expected.statistic)


def test_components_share_out_chi_square_and_name_what_moved():
    random = np.random.default_rng(0)
    ref = numbers(random.normal(size=20_000))
    moves = {"location": random.normal(0.2, 1, 2000), "spread": random.normal(0, 1.3, 2000)}
    for component, values in moves.items():
        found = components(ref, numbers(values, ref))
        assert (found.component, found.direction) == (component, "up")
        assert found.p_value < 1e-4
    split = random.choice([-1.0, 1.0], 2000) + random.normal(0, 0.2, 2000)
    assert components(ref, numbers(split, ref)).component == "shape"


@pytest.mark.parametrize("test", [components, pearson, largest_gap])
def test_p_values_of_independent_rows_are_uniform_or_larger(test):
    random = np.random.default_rng(1)
    ref = numbers(random.normal(size=50_000))
    found = np.array([test(ref, numbers(random.normal(size=400), ref)).p_value for _ in range(800)])
    for alpha in (0.01, 0.05, 0.2):
        assert np.sum(found <= alpha) <= stats.binom.ppf(0.999, 800, alpha)
    assert np.mean(found <= 0.2) > 0.1, "and not bought by silence"


# Verdicts ---------------------------------------------------------------------------------------


def test_drift_is_both_significant_and_large_enough():
    def said(value: float, **how: object) -> str:
        return verdicts.verdict(value, 0.1, 0.01, 1000, **{"significant": True, **how})

    assert [said(v) for v in (0.02, 0.04, 0.1)] == ["stable", "watch", "drift"]
    assert said(5.0, significant=False) == "stable"
    assert said(5.0, significant=False, sure=False) == "watch"
    assert verdicts.verdict(0.0, 0.0, 0.01, 1000, significant=True) == "drift"
    assert verdicts.verdict(0.5, 0.0, 0.01, 1000, significant=False) == "stable"


def test_few_rows_are_insufficient_unless_the_effect_stands_out_of_the_noise():
    assert verdicts.verdict(9.0, 0.1, 0.01, 29, significant=True) == "insufficient"
    assert verdicts.verdict(0.25, 0.1, 0.2, 50, significant=True) == "insufficient"
    assert verdicts.verdict(0.31, 0.1, 0.2, 50, significant=True) == "drift"
    assert verdicts.verdict(9.0, 0.1, 0.2, 50, significant=None) == "insufficient"


# The default, and what it says of itself --------------------------------------------------------


def test_history_is_the_default_where_there_is_time_else_asymptotic():
    table = days(60)
    timed = ud.compare(ud.profile(table, time="t"), days(1, seed=9, start="2024-03-05"))
    assert timed.record.calibration == "history"
    assert "as 60 known windows did" in timed.record.assumes
    bare = ud.compare(table.drop(columns="t"), days(1, seed=9).drop(columns="t"))
    assert bare.record.calibration == "asymptotic"
    assert "independent" in bare.record.assumes
    assert bare.record.alarm_rate == 0.01
    before = ud.compare(
        table.drop(columns="t"), days(1).drop(columns="t"), earlier=[days(1).drop(columns="t")]
    )
    assert before.record.assumes.endswith("the windows before are not used")
    plain = ud.compare(table, days(1, seed=9), calibration="threshold")
    assert plain.record.alarm_rate is None
    assert all(f.p_value is None for f in plain.features.values())


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (lambda: days(1, start="2024-05-01").drop(columns="t"), "the window has no times in t"),
        (lambda: days(40, start="2024-05-01"), "not long enough to hold 2 windows"),
    ],
)
def test_without_a_history_of_such_windows_it_says_what_it_does_instead(window, said):
    result = ud.compare(ud.profile(days(60), time="t", window="1d"), window())
    assert said in result.record.assumes
    assert "independent" in result.record.assumes


def test_fewer_than_thirty_windows_are_said_and_never_called_ordinary():
    ref = ud.profile(days(20), time="t", window="1d")
    now = days(1, seed=5, start="2024-03-05")
    result = ud.compare(ref, now)
    assert "20 known windows did; 30 would be firmer" in result.record.assumes


def test_days_that_differ_do_not_alarm_and_a_change_is_found_named_and_dated():
    random = np.random.default_rng(4)
    level = np.repeat(random.normal(0, 0.3, 130), 400)
    table = days(130, rows=400, seed=4)
    table["x"] += level
    ref = ud.profile(table[: 100 * 400], time="t", window="1d")
    later = [table[d * 400 : (d + 1) * 400] for d in range(100, 130)]
    quiet = [ud.compare(ref, day, threshold=0.0, **QUIET) for day in later]
    assert sum("x" in r.drifted for r in quiet) <= 2
    blind = [ud.compare(ref, day, threshold=0.0, calibration="ks_test", **QUIET) for day in later]
    assert sum("x" in r.drifted for r in blind) > 10, "a test that takes rows for independent cries wolf"
    moved = [day.assign(x=day["x"] + (1.5 if i >= 5 else 0.0)) for i, day in enumerate(later[:12])]
    result = ud.compare(ref, moved[-1], earlier=moved[:-1], threshold=0.1)
    feature = result.features["x"]
    assert (feature.verdict, feature.component, feature.direction) == ("drift", "location", "up")
    assert feature.p_value < 0.001
    assert feature.since.startswith("2024-04-15"), "the 105th day after New Year"
    assert ud.compare(ref, moved[-1]).features["x"].since is None


def test_nulls_and_new_labels_are_components_of_their_own():
    ref = ud.profile(days(60), time="t", window="1d")
    now = days(1, rows=1000, seed=8, start="2024-05-01")
    broken = now.assign(
        x=now["x"].where(np.arange(1000) % 3 > 0), c=now["c"].where(np.arange(1000) % 5 > 0, "new")
    )
    result = ud.compare(ref, broken)
    assert (result.features["x"].component, result.features["x"].direction) == ("missing", "up")
    assert result.features["c"].component == "unseen"
    assert {f.metric: f.verdict for f in result.features["x"].record.findings} == {
        "psi": "stable",
        "missing": "drift",
        "novelty": "drift",
    }


def test_a_weekly_season_is_taken_out_when_it_is_named():
    table = days(126, rows=300, seed=2)
    weekday = table["t"].dt.day_of_week
    table["x"] += np.where(weekday >= 5, 2.0, 0.0)
    ref = ud.profile(table[: 119 * 300], time="t", window="1d")
    day = table[119 * 300 : 120 * 300]  # a Monday that behaves like a Sunday
    odd = day.assign(x=day["x"] + 2.0)
    assert ud.compare(ref, odd, season="week", **QUIET).features["x"].verdict == "drift"
    assert ud.compare(ref, odd, **QUIET).features["x"].p_value > 0.01
    assert ud.compare(ref, day, season="week", **QUIET).features["x"].verdict == "stable"
    short = ud.profile(table[: 14 * 300], time="t", window="1d")
    assert "fewer than 3 full weeks" in ud.compare(short, odd, season="week").record.assumes


def test_relevance_spends_the_rate_where_it_matters_and_unused_features_page_nobody():
    from undrift.comparison.findings import Ordinary, Question, judge
    from undrift.comparison.limits import Limits

    def judged(relevance=None):
        return judge(Question(ref, cur, Limits(novelty=0), (Ordinary(ref, cur),), relevance=relevance))

    table = days(60, rows=200)
    ref = ud.profile(table, time="t", window="1d")
    now = days(1, rows=200, seed=3, start="2024-05-01")
    cur = ud.profile(now.assign(x=now["x"] + 3, y=now["y"] + 3), like=ref)
    even = judged()
    assert {f.name: f.verdict for f in even.features} == {"x": "drift", "y": "drift", "c": "stable"}
    used = judged({"x": 1.0, "y": 0.0})
    assert {f.name: f.verdict for f in used.features} == {"x": "drift", "y": "watch", "c": "stable"}
    limit = {f.name: f.p_limit for f in used.features}
    assert limit["x"] > limit["y"]


def test_the_rate_is_held_over_segments_too():
    random = np.random.default_rng(6)
    names = list("abcdefghij")
    tables = [
        pd.DataFrame({"x": random.normal(size=20_000), "g": random.choice(names, 20_000)}) for _ in range(2)
    ]
    result = ud.compare(*tables, by="g", threshold=0.0)
    p_limits = {f.record.p_limit for s in result.segments.values() for f in s.features.values()}
    tests = sum(len(s.features) for s in result.segments.values()) + len(result.features)
    assert max(p_limits) <= 0.01
    assert min(p_limits) == pytest.approx(0.01 / tests, rel=1e-6)


@pytest.mark.parametrize("name", plugins.names("calibration"))
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [0, 1, 29, 100])
def test_no_calibration_stumbles_over_few_or_odd_rows(name, rows):
    table = days(60)
    table["constant"], table["void"], table["two"] = 1.0, np.nan, np.arange(len(table)) % 2.0
    ref = ud.profile(table, time="t", window="1d", kinds={"void": "numeric"})
    now = days(1, rows=100, seed=1, start="2024-05-01")[:rows]
    now = now.assign(constant=2.0, void=np.inf, two=np.nan)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        result = ud.compare(ref, now, calibration=name)
    for feature in result.features.values():
        assert feature.p_value is None or 0 <= feature.p_value <= 1


def test_settings_that_make_no_sense_are_refused():
    for wrong, said in (
        ({"alarm_rate": 0.0}, "alarm_rate"),
        ({"season": "moon"}, "no season is called 'moon'"),
        ({"calibration": "histroy"}, "history"),
        ({"multivariate": ("rank",)}, "rank_correlation"),
    ):
        with pytest.raises(ConfigError) as error:
            ud.Limits(**wrong)
        assert said in str(error.value)
    with pytest.raises(ConfigError, match="keeps no history by 't'"):
        ud.compare(ud.profile(days(3)), days(1), time="t")


def test_the_command_line_says_the_same_as_python(tmp_path):
    days(60).to_csv(tmp_path / "train.csv", index=False)
    now = days(1, seed=3, start="2024-05-01")
    now.assign(x=now["x"] + 2).to_csv(tmp_path / "today.csv", index=False)
    code, out, _ = ask("compare", tmp_path / "train.csv", tmp_path / "today.csv", "--time", "t", "--json")
    body = json.loads(out)
    assert (code, body["calibration"]["use"]) == (3, "history")
    feature = next(f for f in body["features"] if f["name"] == "x")
    assert (feature["component"], feature["direction"], feature["significant"]) == ("location", "up", True)
    assert feature["p_value"] <= feature["p_limit"]
    code, out, _ = ask("profile", tmp_path / "train.csv", "--time", "t", "-o", tmp_path / "train.profile")
    assert "history by t: 240 blocks of 6 hours" in out
    code, out, _ = ask("compare", tmp_path / "train.profile", tmp_path / "today.csv")
    assert code == 3
    assert "went up, chance < 0.01 %" in out
    assert "False alarms: at most 1 in 100 quiet windows" in out


# What a review found ------------------------------------------------------------------------------


def test_a_day_with_quiet_hours_is_compared_with_days_and_not_with_other_hours():
    table = days(60, rows=240)
    hour = table["t"].dt.hour
    table["x"] += (hour - 13) / 4
    open_ = table[(hour >= 9) & (hour < 18)]
    ref = ud.profile(open_, time="t")
    today = open_[open_["t"].dt.date == open_["t"].dt.date.iloc[-1]]
    assert ud.profile(today, like=ref).history.extent[1] < 24 * 3_600_000_000 // ref.history.width
    result = ud.compare(ref, today.assign(x=today["x"] + 1.0), **QUIET)
    assert "58 known windows" in result.record.assumes, (
        "all days but the first and the last, which are cut off"
    )
    assert result.features["x"].verdict == "drift"


def test_a_season_that_the_reference_has_not_seen_whole_is_not_taken_out():
    table = days(120, rows=60)
    weekdays = table[table["t"].dt.day_of_week < 5]
    ref = ud.profile(weekdays, time="t", window="1d")
    saturday = days(1, rows=60, seed=1, start="2024-06-01")
    assert "fewer than 3 full weeks" in ud.compare(ref, saturday, season="week").record.assumes
    year = ud.profile(days(366, rows=40), time="t", window="1d")
    assert "fewer than 3 full years" in ud.compare(year, saturday, season="year").record.assumes


def test_a_tail_that_is_cut_off_went_down_and_one_that_grew_went_up():
    from undrift.calibration import Evidence
    from undrift.calibration.history import _in_words

    random = np.random.default_rng(7)
    ref = numbers(random.normal(size=50_000))
    values = random.normal(size=5000)
    moved = {"down": np.minimum(values, 2.0), "up": np.where(np.arange(5000) % 50 == 0, 6.0, values)}
    for direction, rows in moved.items():
        for component, side in (("high tail", rows), ("low tail", -rows)):
            found = _in_words(Evidence({"values": 0.0}, component), ref, numbers(side, ref))
            assert found.direction == direction


def test_columns_that_are_all_constant_leave_nothing_to_judge():
    table = days(60)[["t"]].assign(k=1.0, j="same")
    with pytest.raises(DataError, match=r"nothing is left to compare: t \(time\), k \(constant: always 1\)"):
        ud.compare(ud.profile(table, time="t", window="1d"), table[:100])


def test_the_record_says_which_calibration_was_used():
    ref = ud.profile(days(60), time="t", window="1d")
    assert ud.compare(ref, days(1).drop(columns="t")).record.calibration == "asymptotic"


def test_profiles_over_unlike_blocks_are_refused():

    labels_ = days(60)[["t", "c"]].dropna()
    ref = ud.profile(labels_, time="t", window="1d")
    alone = ud.profile(labels_[:100], time="t")
    with pytest.raises(MergeError, match="unlike blocks"):
        ud.compare(ref, alone)


def test_a_stray_zero_among_nanoseconds_is_a_time_like_others():
    stamps = np.append(0, 1_700_000_000_000_000_000 + np.arange(500) * 86_400_000_000_000)
    found = ud.profile({"t": stamps, "x": np.arange(501.0)}, time="t")
    assert found.history.rows.sum() == 501

"""Metrics of shares in bins: counts worked out by hand, closed forms, SciPy, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

import undrift as ud
from conftest import labels, numbers
from undrift import plugins
from undrift.metrics.chi_square import chi_square
from undrift.metrics.g_test import g_test
from undrift.metrics.hellinger import hellinger
from undrift.metrics.jensen_shannon import jensen_shannon
from undrift.metrics.kl import kl
from undrift.metrics.l_infinity import l_infinity
from undrift.metrics.log_ratio import log_ratio
from undrift.metrics.psi import psi
from undrift.metrics.total_variation import total_variation
from undrift.profiles.categorical import CategoricalProfile

SHARES = (hellinger, kl, total_variation, chi_square, g_test)
UNTOUCHED = ("missing", "out_of_range", "deviation_shift", "novelty")
"""Metrics that look at something else than where ordinary rows lie."""


def named(counts) -> CategoricalProfile:
    """One label per bin."""
    return CategoricalProfile(counts={f"{i:05d}": int(c) for i, c in enumerate(counts) if c})


def normals(shift: float, bins: int = 2000, rows: float = 1e14) -> list[CategoricalProfile]:
    """Many rows of N(0, 1) and of N(shift, 1) in fine bins."""
    edges = [-np.inf, *np.linspace(-6, 6 + shift, bins - 1), np.inf]
    return [named(np.round(rows * np.diff(stats.norm.cdf(edges, mean)))) for mean in (0.0, shift)]


# Rare labels ----------------------------------------------------------------------------------


def test_log_ratio_by_hand():
    ref, cur = labels(no=9900, yes=100), labels(no=9800, yes=200)
    assert log_ratio(ref, cur) == log_ratio(cur, ref) == pytest.approx(math.log(0.021 / 0.011))
    assert log_ratio(labels(a=10), labels(b=10)) == pytest.approx(math.log(1001))


def test_a_rare_label_that_doubles_is_drift_by_its_ratio_and_not_by_psi():
    random = np.random.default_rng(0)
    before, now = ({"c": random.random(50_000) < share} for share in (0.01, 0.02))
    assert ud.compare(before, now).verdict == "stable"
    result = ud.compare(before, now, also=("log_ratio",))
    assert result.verdict == "drift"
    assert result.features["c"].metrics["log_ratio"] == pytest.approx(math.log(0.021 / 0.011), abs=0.08)


def test_a_quiet_label_of_fifty_rows_is_not_drift_by_its_ratio():
    random = np.random.default_rng(6)
    shares = [0.6, 0.3, 0.097, 0.002, 0.001]
    for _ in range(100):
        before, now = ({"c": random.choice(list("abcde"), 50_000, p=shares)} for _ in range(2))
        assert ud.compare(before, now, metric="log_ratio").verdict == "stable"


@pytest.mark.parametrize("rows", [500, 5000])
def test_the_noise_of_the_ratio_by_simulation(rows):
    random = np.random.default_rng(9)
    shares = np.array([0.5, 0.3, 0.17, 0.02, 0.01])
    values, said = [], []
    for _ in range(400):
        ref, cur = named(random.multinomial(20_000, shares)), named(random.multinomial(rows, shares))
        values.append(log_ratio(ref, cur))
        said.append(log_ratio.noise(ref, cur))
    assert np.mean(said) == pytest.approx(np.mean(values), rel=0.15)


# By hand --------------------------------------------------------------------------------------


def test_shares_by_hand():
    ref, cur = labels(a=5, b=1, c=4), labels(a=2, b=4, c=4)
    assert total_variation(ref, cur) == pytest.approx(0.3)
    assert l_infinity(ref, cur) == pytest.approx(0.3)
    affinity = math.sqrt(0.5 * 0.2) + math.sqrt(0.1 * 0.4) + 0.4
    assert hellinger(ref, cur) == pytest.approx(math.sqrt(1 - affinity))
    assert chi_square(ref, cur) == pytest.approx(0.09 / 0.35 + 0.09 / 0.25)
    p, q = np.array([5.5, 1.5, 4.5]) / 11.5, np.array([2.5, 4.5, 4.5]) / 11.5
    assert kl(ref, cur) == pytest.approx(sum(q * np.log(q / p)), rel=1e-12)
    terms = [(0.5, 0.35), (0.2, 0.35), (0.1, 0.25), (0.4, 0.25)]
    assert g_test(ref, cur) == pytest.approx(4 * sum(x * math.log(x / h) for x, h in terms))


def test_rows_of_no_common_label():
    for n, m in ((5, 5), (900, 100)):
        ref, cur = labels(a=n), labels(b=m)
        assert hellinger(ref, cur) == total_variation(ref, cur) == l_infinity(ref, cur) == 1
        assert chi_square(ref, cur) == pytest.approx((n + m) ** 2 / (n * m)), "(n + m) / n_e"
        w = n / (n + m)
        assert g_test(ref, cur) == pytest.approx(-2 * math.log(w) / (1 - w) - 2 * math.log(1 - w) / w)


# SciPy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_shares_equal_scipy(seed):
    random = np.random.default_rng(seed)
    a, b = random.integers(1, 500, (2, random.integers(2, 30)))
    ref, cur = named(a), named(b)
    worth = a.sum() * b.sum() / (a.sum() + b.sum())
    for one, power in ((chi_square, "pearson"), (g_test, "log-likelihood")):
        exact = stats.chi2_contingency([a, b], correction=False, lambda_=power).statistic
        assert one(ref, cur) == pytest.approx(exact / worth, rel=1e-9)
    assert kl(ref, cur) == pytest.approx(stats.entropy(b + 0.5, a + 0.5), rel=1e-9)


# Closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.1, 1.0, 2.0])
def test_two_normals(shift):
    ref, cur = normals(shift)
    assert hellinger(ref, cur) == pytest.approx(math.sqrt(1 - math.exp(-(shift**2) / 8)), rel=1e-3)
    assert kl(ref, cur) == pytest.approx(shift**2 / 2, rel=1e-3)
    assert total_variation(ref, cur) == pytest.approx(2 * stats.norm.cdf(shift / 2) - 1, rel=1e-3)
    assert g_test(ref, cur) == pytest.approx(8 * jensen_shannon(ref, cur) ** 2, rel=1e-6)

    def density(x):
        p, q = stats.norm.pdf(x), stats.norm.pdf(x, shift)
        return 2 * (p - q) ** 2 / (p + q)

    assert chi_square(ref, cur) == pytest.approx(integrate.quad(density, -10, 10 + shift)[0], rel=1e-3)


@pytest.mark.parametrize("shift", [0.1, 0.5, 0.9])
def test_two_uniforms(shift):
    """U(0, 1) and U(s, 1 + s) in bins of a hundredth share 1 - s of their rows."""
    bins, moved = np.arange(200), round(100 * shift)
    ref, cur = named(100 * (bins < 100)), named(100 * ((bins >= moved) & (bins < 100 + moved)))
    assert total_variation(ref, cur) == pytest.approx(shift)
    assert hellinger(ref, cur) == pytest.approx(math.sqrt(shift))
    assert chi_square(ref, cur) == pytest.approx(4 * shift)
    assert g_test(ref, cur) == pytest.approx(8 * math.log(2) * shift)
    assert l_infinity(ref, cur) == pytest.approx(shift), "labels that the reference has not count together"


def test_where_shares_differ_little_chi_square_and_g_come_to_psi():
    random = np.random.default_rng(3)
    a = random.integers(1_000_000, 9_000_000, 12)
    b = np.round(a * random.uniform(0.95, 1.05, 12))
    ref, cur = named(a), named(b)
    assert chi_square(ref, cur) == pytest.approx(psi(ref, cur), rel=0.01)
    assert g_test(ref, cur) == pytest.approx(psi(ref, cur), rel=0.01)
    assert kl(ref, cur) == pytest.approx(psi(ref, cur) / 2, rel=0.05)
    assert hellinger(ref, cur) == pytest.approx(math.sqrt(psi(ref, cur) / 8), rel=0.01)


def test_numbers_fall_into_the_deciles_of_the_reference():
    random = np.random.default_rng(4)
    a, b = random.normal(0, 1, 50_000), random.normal(0.5, 1, 50_000)
    edges = [-np.inf, *np.quantile(a, np.arange(1, 10) / 10), np.inf]
    p, q = (np.histogram(x, edges)[0] / len(x) for x in (a, b))
    ref = numbers(a)
    assert total_variation(ref, numbers(b, ref)) == pytest.approx(np.abs(p - q).sum() / 2, rel=0.03)


# Thresholds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [n for n in plugins.names("metrics") if plugins.find("metrics", n).understands("numeric")]
)
def test_a_shift_by_a_third_of_an_sd_is_about_at_every_threshold(name):
    if name in UNTOUCHED:
        pytest.skip("does not look at where ordinary rows lie")
    one = plugins.find("metrics", name)
    rows = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    ref = numbers(rows)
    assert 0.8 < one(ref, numbers(rows + 1 / 3, ref)) / one.threshold < 1.35
    assert one(ref, numbers(rows + 0.1, ref)) < 0.45 * one.threshold


def test_a_label_that_gains_a_tenth_of_the_rows_is_at_the_threshold_of_l_infinity():
    assert l_infinity(labels(a=50, b=30, c=20), labels(a=60, b=25, c=15)) == pytest.approx(0.1)


# Noise floors by simulation -------------------------------------------------------------------

TRIALS = 400


def agree(values: np.ndarray, floors: np.ndarray, slack: float) -> bool:
    """Whether the mean of quiet values is the floor, within four standard errors and a relative slack."""
    error = 4 * values.std() / math.sqrt(len(values))
    return bool(abs(values.mean() - floors.mean()) <= error + slack * floors.mean())


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.4, 0.3, 0.15, 0.1, 0.05], [0.9, *[0.01] * 10]])
def test_the_noise_floors_of_shares_of_labels_are_what_quiet_data_show(shares):
    random = np.random.default_rng(6)
    metrics = (*SHARES, l_infinity)
    found = []
    for _ in range(TRIALS):
        ref, cur = (named(random.multinomial(n, shares)) for n in (8000, 2000))
        found.append([(one(ref, cur), one.noise(ref, cur)) for one in metrics])
    for one, pairs in zip(metrics, np.moveaxis(found, 1, 0), strict=True):
        assert agree(*pairs.T, slack=0.06 if one is l_infinity else 0.02), one.name


@pytest.mark.parametrize(("rows", "other"), [(2000, 2000), (8000, 1000)])
def test_the_noise_floors_of_shares_of_numbers_are_what_quiet_data_show(rows, other):
    random = np.random.default_rng(7)
    found = []
    for _ in range(TRIALS):
        ref = numbers(random.exponential(1, rows))
        cur = numbers(random.exponential(1, other), ref)
        found.append([(one(ref, cur), one.noise(ref, cur)) for one in SHARES])
    for one, pairs in zip(SHARES, np.moveaxis(found, 1, 0), strict=True):
        assert agree(*pairs.T, slack=0.02), one.name


def test_the_noise_floor_of_chi_square_is_by_degrees_of_freedom_of_bins_that_have_rows():
    ref = numbers([3.0] * 100)
    assert chi_square.noise(ref, ref) == 0, "one value is one bin"
    assert chi_square.noise(labels(a=50, b=50), labels(a=100)) == pytest.approx(1 / 50)

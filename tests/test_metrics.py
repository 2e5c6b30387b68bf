"""Metrics against known truths: counts worked out by hand, closed forms, SciPy, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from conftest import labels, numbers
from undrift import plugins, verdicts
from undrift.metrics.jensen_shannon import jensen_shannon
from undrift.metrics.ks import MEAN_OF_KOLMOGOROV, ks
from undrift.metrics.missing import missing
from undrift.metrics.psi import psi
from undrift.metrics.unseen import unseen
from undrift.profiles.bins import common
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.grid import Grid
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import profile


def binned(edges: np.ndarray, mean: float, rows: float = 1e12) -> np.ndarray:
    """How many of so many rows of N(mean, 1) fall between the edges."""
    return np.round(rows * np.diff(stats.norm.cdf([-np.inf, *edges, np.inf], mean))).astype(np.int64)


# Closed forms ---------------------------------------------------------------------------------


def test_psi_by_hand():
    ref, cur = labels(a=5, b=1, c=3), labels(a=1, b=5, c=3)
    p, q = np.array([5.5, 1.5, 3.5]) / 10.5, np.array([1.5, 5.5, 3.5]) / 10.5
    assert psi(ref, cur) == pytest.approx(2 * (4 / 10.5) * math.log(5.5 / 1.5), rel=1e-12)
    assert psi(ref, cur) == pytest.approx(sum((q - p) * np.log(q / p)), rel=1e-12)


def test_psi_of_two_shares_without_the_prior():
    """For millions of rows the half row per bin does not show."""
    ref, cur = labels(a=50_000_000, b=50_000_000), labels(a=75_000_000, b=25_000_000)
    assert psi(ref, cur) == pytest.approx(0.25 * math.log(3), rel=1e-6)


def test_jensen_shannon_by_hand():
    ref, cur = labels(a=1), labels(b=1)
    p, q = np.array([0.75, 0.25]), np.array([0.25, 0.75])
    divergence = (0.75 * math.log(1.5) + 0.25 * math.log(0.5)) * 2 / 2
    assert jensen_shannon(ref, cur) == pytest.approx(math.sqrt(divergence), rel=1e-12)
    assert p.sum() == q.sum() == 1


def test_jensen_shannon_of_disjoint_rows_tends_to_its_upper_bound():
    rows = 10**12
    assert jensen_shannon(labels(a=rows), labels(b=rows)) == pytest.approx(math.sqrt(math.log(2)), rel=1e-9)


def test_jensen_shannon_equals_scipy():
    from scipy.spatial.distance import jensenshannon

    ref, cur = labels(a=400, b=250, c=350), labels(a=100, b=650, c=250)
    p, q = (np.array(list(x.counts.values())) + 0.5 for x in (ref, cur))
    assert jensen_shannon(ref, cur) == pytest.approx(jensenshannon(p, q), rel=1e-12)


def test_ks_by_hand():
    ref = numbers([1, 2, 3, 4])
    assert ks(ref, numbers([3, 4, 5, 6], ref)) == 0.5
    assert ks(ref, numbers([0, 0, 0, 4], ref)) == 0.75
    assert ks(ref, numbers([2.5], ref)) == 0.5
    assert ks(ref, numbers([float("inf")] * 3, ref)) == 1.0
    assert ks(ref, numbers([1, 2, 3, 4, float("-inf")], ref)) == pytest.approx(0.2)


def test_missing_by_hand():
    ref = profile(pa.table({"x": pa.array([1.0, 2.0, 3.0, None])})).features["x"]
    nan = profile(pa.table({"x": pa.array([1.0, float("nan"), None, float("inf")])})).features["x"]
    assert missing(ref, nan) == 0.25
    assert missing(CategoricalProfile(counts={"a": 1}, null=9), labels(a=5)) == pytest.approx(0.9)
    assert missing(labels(a=1), CategoricalProfile()) == 0


def test_unseen_by_hand():
    assert unseen(labels(a=1, b=1), labels(a=6, c=3, d=1)) == pytest.approx(0.4)
    assert unseen(labels(), labels(a=2)) == 1
    assert unseen(labels(a=2), labels()) == 0
    assert unseen(labels(a=2), CategoricalProfile(counts={"a": 1}, null=99)) == 0


@pytest.mark.parametrize(("name", "shift"), [("psi", 0.1), ("psi", 1.0), ("psi", 3.0)])
def test_a_psi_of_two_normals_tends_to_the_squared_shift_as_bins_grow_finer(name, shift):
    """Jeffreys' divergence of N(0, 1) and N(s, 1) is s²; a well-known library says 134.95 for s = 1."""
    found = []
    for bins in (4, 20, 100, 1000):
        edges = np.linspace(-6, 6 + shift, bins - 1)
        names = [f"{i:04d}" for i in range(bins)]
        ref, cur = (
            CategoricalProfile(counts={n: int(c) for n, c in zip(names, binned(edges, m), strict=True)})
            for m in (0.0, shift)
        )
        found.append(plugins.find("metrics", name)(ref, cur))
    assert found == sorted(found), "finer bins see more"
    assert found[-1] == pytest.approx(shift**2, rel=1e-3)


def test_the_psi_of_two_normals_over_deciles_equals_its_closed_form():
    fine = stats.norm.ppf(np.linspace(0, 1, 257)[1:-1])
    deciles = stats.norm.ppf(np.round(np.linspace(0, 1, 11)[1:-1] * 256) / 256)
    grid = Grid(fine, 0.0)
    ref, cur = (NumericProfile(grid, binned(fine, m)) for m in (0.0, 1.0))
    p, q = (np.diff(stats.norm.cdf([-np.inf, *deciles, np.inf], m)) for m in (0, 1))
    assert [len(x) for x in common(ref, cur)] == [10, 10]
    assert psi(ref, cur) == pytest.approx(np.sum((q - p) * np.log(q / p)), rel=1e-6)


def test_psi_of_real_samples_lies_near_the_closed_form():
    random = np.random.default_rng(11)
    ref = numbers(random.normal(0, 1, 100_000))
    p, q = (
        np.diff(stats.norm.cdf([-np.inf, *stats.norm.ppf(np.arange(1, 10) / 10), np.inf], m)) for m in (0, 1)
    )
    found = psi(ref, numbers(random.normal(1, 1, 100_000), ref))
    assert found == pytest.approx(np.sum((q - p) * np.log(q / p)), rel=0.03)


def test_a_constant_column_that_moves_is_seen():
    ref = numbers([3.0] * 1000)
    for value in (3.000001, 2.999999, 1e9):
        cur = numbers([value] * 1000, ref)
        assert ks(ref, cur) == 1
        assert psi(ref, cur) > 5
        assert jensen_shannon(ref, cur) > 0.8


# KS against SciPy -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_ks_is_exact_where_the_reference_has_few_values(seed):
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, random.integers(2, 257))
    a = random.choice(values, 3000)
    ref = numbers(a)
    for b in (random.choice(values[: len(values) // 2 + 1], 500), random.normal(0.2, 1.5, 700), a[:1]):
        assert ks(ref, numbers(b, ref)) == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_ks_of_continuous_data_errs_by_less_than_its_stated_bound(seed):
    random = np.random.default_rng(seed)
    a = random.gamma(2, 1, 20_000)
    b = random.gamma(2, 1, 3_000) * random.uniform(0.8, 1.3) + random.uniform(-0.2, 0.2)
    ref = numbers(a)
    cur = numbers(b, ref)
    exact = stats.ks_2samp(a, b).statistic
    cell = max((ref.counts / ref.rows).max(), (cur.counts / cur.rows).max())
    assert exact - cell < ks(ref, cur) <= exact + 1e-12


# Noise floors by simulation -------------------------------------------------------------------

TRIALS = 400


def two_samples(seed: int, rows: int, other: int):
    """Profiles of two samples of the same normal, many times."""
    random = np.random.default_rng(seed)
    for _ in range(TRIALS):
        ref = numbers(random.normal(0, 1, rows))
        yield ref, numbers(random.normal(0, 1, other), ref)


@pytest.mark.parametrize(("rows", "other"), [(2000, 2000), (8000, 500)])
def test_the_noise_floors_of_binned_divergences_are_what_quiet_data_show(rows, other):
    """Within four standard errors of a chi-square mean: 4·√(2/9)/√400 = 9 %."""
    found = [
        (psi(a, b), jensen_shannon(a, b), psi.noise(a, b), jensen_shannon.noise(a, b))
        for a, b in two_samples(1, rows, other)
    ]
    psis, distances, psi_floor, js_floor = np.array(found).T
    n_e = rows * other / (rows + other)
    assert psi_floor == pytest.approx(9 / n_e, rel=1e-9)
    assert js_floor == pytest.approx(math.sqrt(9 / (8 * n_e)), rel=1e-9)
    assert psis.mean() == pytest.approx(9 / n_e, rel=0.09)
    assert (distances**2).mean() == pytest.approx(9 / (8 * n_e), rel=0.09)
    assert distances.mean() == pytest.approx(math.sqrt(9 / (8 * n_e)), rel=0.06)


def test_the_noise_floor_of_psi_over_labels_is_what_quiet_data_show():
    random = np.random.default_rng(5)
    shares = [0.4, 0.3, 0.15, 0.1, 0.05]
    found = []
    for _ in range(TRIALS):
        ref, cur = (
            dict(zip("abcde", map(int, random.multinomial(n, shares)), strict=True)) for n in (4000, 1000)
        )
        found.append((psi(labels(**ref), labels(**cur)), psi.noise(labels(**ref), labels(**cur))))
    values, floors = np.array(found).T
    assert floors == pytest.approx(4 / 800)
    assert values.mean() == pytest.approx(4 / 800, rel=4 * math.sqrt(2 / 4 / TRIALS))


def test_the_noise_floor_of_ks_is_the_mean_of_kolmogorovs_distribution():
    assert pytest.approx(stats.kstwobign.mean(), rel=1e-9) == MEAN_OF_KOLMOGOROV
    found = [(ks(a, b), ks.noise(a, b)) for a, b in two_samples(2, 4000, 4000)]
    values, floors = np.array(found).T
    assert floors == pytest.approx(MEAN_OF_KOLMOGOROV / math.sqrt(2000))
    assert 0.9 < values.mean() / floors.mean() < 1.04, "a grid of 256 cells may miss a little of the gap"


def test_the_noise_floor_of_missing_is_what_quiet_data_show():
    random = np.random.default_rng(9)
    n, m, share = 3000, 700, 0.2
    counts = random.binomial([n, m], share, (4000, 2))
    found = [
        (missing(a, b), missing.noise(a, b))
        for a, b in (
            (CategoricalProfile(counts={"a": n - x}, null=x), CategoricalProfile(counts={"a": m - y}, null=y))
            for x, y in counts.tolist()
        )
    ]
    values, floors = np.array(found).T
    assert values.mean() == pytest.approx(floors.mean(), rel=0.05)


def test_the_noise_floor_of_unseen_is_what_quiet_data_show():
    """Good and Turing: those seen once tell how many were not seen."""
    random = np.random.default_rng(10)
    shares = 1 / np.arange(1, 2001)
    shares /= shares.sum()
    found = []
    for _ in range(200):
        ref, cur = (
            CategoricalProfile(
                counts={str(i): int(c) for i, c in enumerate(random.multinomial(n, shares)) if c}
            )
            for n in (1000, 1000)
        )
        found.append((unseen(ref, cur), unseen.noise(ref, cur)))
    values, floors = np.array(found).T
    assert values.mean() == pytest.approx(floors.mean(), rel=0.05)


@pytest.mark.parametrize("name", plugins.names("metrics"))
def test_without_rows_there_is_nothing_but_noise(name):
    one = plugins.find("metrics", name)
    some = numbers([1.0, 2.0]) if one.understands("numeric") else labels(a=1)
    none = NumericProfile.over(some.grid) if one.understands("numeric") else CategoricalProfile()
    assert one(some, none) == 0 or name == "unseen"
    assert one.noise(some, none) == math.inf


# Calibration ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moved", "verdict"),
    [(0, "stable"), (332, "stable"), (334, "watch"), (999, "watch"), (1000, "drift"), (9000, "drift")],
)
def test_the_threshold_is_drift_and_a_third_of_it_is_worth_watching(moved, verdict):
    ref, cur = (
        CategoricalProfile(counts={"a": 10_000}),
        CategoricalProfile(counts={"a": 10_000 - moved}, null=moved),
    )
    assert plain(missing, ref, cur, 0.1) == verdict


def test_where_noise_alone_reaches_the_threshold_nothing_is_judged():
    ref = numbers(np.arange(10_000))
    few = numbers(np.full(40, 9_999), ref)
    assert psi(ref, few) > 1
    assert plain(psi, ref, few, 0.1) == "insufficient"
    assert plain(psi, ref, few, 0.6) == "drift"


def test_a_threshold_of_0_lets_any_effect_count():
    ref = CategoricalProfile(counts={"a": 50})
    assert plain(unseen, ref, CategoricalProfile(counts={"a": 50}), 0.0) == "stable"
    assert plain(unseen, ref, CategoricalProfile(counts={"a": 49, "b": 1}), 0.0) == "drift"


def plain(metric, ref, cur, threshold):
    """The verdict where nobody asks for significance."""
    value, noise, rows = metric(ref, cur), metric.noise(ref, cur), min(ref.rows, cur.rows)
    return verdicts.verdict(value, threshold, noise, rows, significant=None)

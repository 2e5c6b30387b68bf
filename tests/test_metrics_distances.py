"""Distances of distribution functions on the fine grid: by hand, closed forms, SciPy, bounds, simulation."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import integrate, stats

from conftest import numbers
from undrift.metrics.anderson_darling import anderson_darling
from undrift.metrics.cramer_von_mises import cramer_von_mises
from undrift.metrics.energy import energy
from undrift.metrics.ks import ks
from undrift.metrics.kuiper import MEAN_OF_KUIPER, kuiper
from undrift.metrics.wasserstein import wasserstein
from undrift.profiles.bins import fine
from undrift.profiles.places import FAR, cells

DISTANCES = (kuiper, cramer_von_mises, anderson_darling, wasserstein, energy)

SAMPLES = {
    "normal": lambda random, n: random.normal(5, 2, n),
    "gamma": lambda random, n: random.gamma(2, 1, n),
    "heavy": lambda random, n: random.standard_t(3, n),
    "lognormal": lambda random, n: random.lognormal(0, 1, n),
    "uniform": lambda random, n: random.uniform(-1, 1, n),
}


def moved(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The values, moved and stretched a little."""
    return values * random.uniform(0.7, 1.4) + random.uniform(-0.4, 0.4) * values.std()


def worth(a, b) -> float:
    return len(a) * len(b) / (len(a) + len(b))


def pettitt(a, b) -> float:
    """A² of two samples without ties, by the sum over ranks."""
    n, m = len(a), len(b)
    total = n + m
    below = np.cumsum(np.argsort(np.concatenate([a, b]), kind="stable") < n)[:-1]
    i = np.arange(1, total)
    return float(np.sum((below * total - n * i) ** 2 / (i * (total - i))) / (n * m))


# By hand --------------------------------------------------------------------------------------


def test_kuiper_by_hand():
    ref = numbers([1, 2, 3, 4])
    assert kuiper(ref, numbers([3, 4, 5, 6], ref)) == 0.5, "the same as KS when all move one way"
    assert kuiper(ref, numbers([2, 3], ref)) == 0.5
    assert kuiper(ref, numbers([0, 9], ref)) == 1.0
    assert kuiper(ref, numbers([float("-inf"), float("inf")], ref)) == 1.0


def test_cramer_von_mises_by_hand():
    """Cell by cell the mean of a square on a line from a to b is (a² + ab + b²) / 3."""
    ref = numbers([1, 2])
    assert cramer_von_mises(ref, numbers([2, 2], ref)) == pytest.approx((0.25 + 3 * 0.25) / 12)
    assert cramer_von_mises(ref, numbers([8, 9, 9], ref)) == pytest.approx(1 / 3)
    assert cramer_von_mises(ref, numbers([-1e308], ref)) == pytest.approx(1 / 3)


def test_anderson_darling_by_hand():
    """Of rows apart: ∫ (H / w)² / H (1 - H) up to w, and the same from the other side."""
    ref = numbers([1.0, 2.0])
    assert anderson_darling(ref, numbers([5.0, 6.0], ref)) == pytest.approx(8 * math.log(2) - 4)
    w = 0.2
    expected = (-w - math.log(1 - w)) / w**2 + (-(1 - w) - math.log(w)) / (1 - w) ** 2
    assert anderson_darling(ref, numbers([5.0] * 8, ref)) == pytest.approx(expected)


def test_wasserstein_and_energy_by_hand():
    ref = numbers([1, 3])  # sd 1
    assert wasserstein(ref, numbers([1, 3, 3, 3], ref)) == pytest.approx(0.5)
    assert wasserstein(ref, numbers([0, 0], ref)) == pytest.approx(2)
    assert wasserstein(ref, numbers([13], ref)) == pytest.approx(11)
    assert energy(ref, numbers([1, 3, 3, 3], ref)) == pytest.approx(math.sqrt(2 * 2 * 0.25**2))
    assert energy(ref, numbers([0, 0], ref)) == pytest.approx(math.sqrt(2 * (1 + 2 * 0.25)))


# Closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.3, 1.0])
def test_two_normals(shift):
    rows = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    ref = numbers(rows)
    cur = numbers(rows + shift, ref)
    top = 2 * stats.norm.cdf(shift / 2) - 1
    assert kuiper(ref, cur) == pytest.approx(top, abs=1e-2)
    assert wasserstein(ref, cur) == pytest.approx(shift, rel=0.03)

    def gap(x):
        return (stats.norm.cdf(x) - stats.norm.cdf(x - shift)) ** 2

    def weight(x):
        return (stats.norm.pdf(x) + stats.norm.pdf(x - shift)) / 2

    def tails(x):
        middle = (stats.norm.cdf(x) + stats.norm.cdf(x - shift)) / 2
        return gap(x) * weight(x) / (middle * (1 - middle))

    exact = [integrate.quad(f, -7, 7 + shift)[0] for f in (lambda x: gap(x) * weight(x), tails, gap)]
    assert cramer_von_mises(ref, cur) == pytest.approx(exact[0], rel=0.01)
    assert anderson_darling(ref, cur) == pytest.approx(exact[1], rel=0.01)
    assert energy(ref, cur) == pytest.approx(math.sqrt(2 * exact[2]), rel=0.01)


def test_small_shifts_of_a_normal_as_the_docstrings_say():
    rows = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    ref = numbers(rows)
    cur = numbers(rows + 0.1, ref)
    assert cramer_von_mises(ref, cur) == pytest.approx(0.01 / (2 * math.pi * math.sqrt(3)), rel=0.02)
    assert anderson_darling(ref, cur) == pytest.approx(0.48 * 0.01, rel=0.02)
    assert energy(ref, cur) == pytest.approx(0.1 / math.pi**0.25, rel=0.02)


@pytest.mark.parametrize("shift", [0.1, 0.5, 1.0])
def test_two_uniforms(shift):
    """U(0, 1) and U(s, 1 + s): the gap rises to s, stays and falls; sd 1/√12."""
    rows = (np.arange(50_000) + 0.5) / 50_000
    ref = numbers(rows)
    cur = numbers(rows + shift, ref)
    assert kuiper(ref, cur) == pytest.approx(shift, abs=1 / 256)
    assert cramer_von_mises(ref, cur) == pytest.approx(shift**2 - 2 * shift**3 / 3, rel=1e-2)
    assert wasserstein(ref, cur) == pytest.approx(shift * math.sqrt(12), rel=1e-2)
    area = shift**2 - shift**3 / 3
    assert energy(ref, cur) == pytest.approx(math.sqrt(2 * area * math.sqrt(12)), rel=1e-2)


# Against the exact statistics -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_distances_are_exact_where_every_value_has_its_own_cell(seed):
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, random.integers(2, 257))
    a = np.concatenate([values, random.choice(values, 2000)])
    ref = numbers(a)
    for b in (random.choice(values[: len(values) // 2 + 1], 500), random.choice(values, 700), a[:1]):
        cur = numbers(b, ref)
        up, down = (
            stats.ks_2samp(a, b, alternative=way, method="asymp").statistic for way in ("greater", "less")
        )
        assert kuiper(ref, cur) == pytest.approx(up + down, abs=1e-12)
        assert wasserstein(ref, cur) == pytest.approx(stats.wasserstein_distance(a, b) / a.std(), rel=1e-9)
        exact = stats.energy_distance(a, b) / math.sqrt(a.std())
        assert energy(ref, cur) == pytest.approx(exact, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("seed", range(8))
def test_distances_of_continuous_data_err_by_no_more_than_their_stated_bounds(name, seed):
    random = np.random.default_rng(seed)
    a, b = SAMPLES[name](random, 20_000), moved(SAMPLES[name](random, 3_000), random)
    ref = numbers(a)
    cur = numbers(b, ref)
    p, q = (x / x.sum() for x in fine(ref, cur))

    up, down = (
        stats.ks_2samp(a, b, alternative=way, method="asymp").statistic for way in ("greater", "less")
    )
    assert -1e-12 <= up + down - kuiper(ref, cur) <= 2 * np.minimum(p, q).max() + 1e-12

    exact = stats.cramervonmises_2samp(a, b, method="asymptotic").statistic / worth(a, b)
    jumps = 1 / (6 * (len(a) + len(b)) * worth(a, b))  # the ranks' own steps, between which lines are drawn
    bound = (2 * ks(ref, cur) + max(p.max(), q.max())) * (p @ q)
    assert abs(cramer_von_mises(ref, cur) - exact) <= bound + jumps
    assert cramer_von_mises(ref, cur) == pytest.approx(exact, rel=0.02)

    exact, w = pettitt(a, b) / worth(a, b), len(a) / (len(a) + len(b))
    bound = math.sqrt(2 * (p @ q) / (w * (1 - w)))
    assert abs(math.sqrt(anderson_darling(ref, cur)) - math.sqrt(exact)) <= bound
    assert anderson_darling(ref, cur) == pytest.approx(exact, rel=0.03), "and is far better than its bound"

    ends, left, right = cells(ref, cur)
    width, p, q = np.diff(ends), left / left.sum(), right / right.sum()
    exact = stats.wasserstein_distance(a, b) / a.std()
    assert abs(wasserstein(ref, cur) - exact) <= (p + q) @ width / 2
    exact = stats.energy_distance(a, b) / math.sqrt(a.std())
    assert abs(energy(ref, cur) - exact) <= math.sqrt(2 / 3 * p**2 @ width) + math.sqrt(2 / 3 * q**2 @ width)


def test_the_exact_anderson_darling_of_these_tests_is_scipys():
    """SciPy centres A² and scales it by a deviation that depends on the numbers of rows only."""
    random = np.random.default_rng(1)
    a, pairs = random.normal(0, 1, 300), []
    for shift in (0.0, 0.2, 0.7):
        b = random.normal(shift, 1, 200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that its p-value is floored
            pairs.append((pettitt(a, b) - 1, stats.anderson_ksamp([a, b], midrank=False).statistic))
    own, theirs = np.array(pairs).T
    assert own / theirs == pytest.approx(own[0] / theirs[0], rel=1e-6)


def test_the_cramer_von_mises_and_anderson_darling_of_ties_are_those_of_ties_broken_at_random():
    random = np.random.default_rng(2)
    a, b = random.poisson(3, 4000), random.poisson(3.4, 2000)
    ref = numbers(a)
    cur = numbers(b, ref)
    broken = [(a + random.uniform(0, 1, len(a)), b + random.uniform(0, 1, len(b))) for _ in range(20)]
    exact = [stats.cramervonmises_2samp(x, y, method="asymptotic").statistic for x, y in broken]
    assert cramer_von_mises(ref, cur) == pytest.approx(np.mean(exact) / worth(a, b), rel=0.02)
    assert anderson_darling(ref, cur) == pytest.approx(
        np.mean([pettitt(x, y) for x, y in broken]) / worth(a, b), rel=0.02
    )


# Numbers at the ends of what floats hold ------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_infinities_lie_a_million_deviations_away():
    ref = numbers(np.arange(100.0))
    for one in (float("inf"), float("-inf"), 1e308, -1e308):
        assert wasserstein(ref, numbers([one] * 4, ref)) == pytest.approx(FAR, rel=1e-3)
        assert energy(ref, numbers([one] * 4, ref)) == pytest.approx(math.sqrt(2 * FAR), rel=1e-3)
    half = numbers([*np.arange(100.0), *[float("inf")] * 100], ref)
    assert wasserstein(ref, half) == pytest.approx(FAR / 2, rel=1e-3)


@pytest.mark.filterwarnings("error")
def test_the_unit_of_numbers_whose_squares_overflow_is_that_of_even_rows():
    ref = numbers([-1e308, 0.0, 1e308])
    assert wasserstein(ref, numbers([-1e308, -1e308, -1e308], ref)) == pytest.approx(math.sqrt(3))


@pytest.mark.filterwarnings("error")
def test_from_a_constant_reference_every_move_is_by_one_deviation():
    ref = numbers([3.0] * 1000)
    for value in (3.000001, 2.0, 1e308, float("-inf")):
        cur = numbers([value] * 250 + [3.0] * 750, ref)
        assert wasserstein(ref, cur) == pytest.approx(0.25), "the share of rows that left"
        assert energy(ref, cur) == pytest.approx(math.sqrt(2) * 0.25)
        assert wasserstein.noise(ref, cur) == energy.noise(ref, cur) == 0


def test_a_distance_does_not_depend_on_the_unit_of_measurement():
    random = np.random.default_rng(8)
    a, b = random.normal(0, 1, 3000), random.normal(0.4, 1.2, 2000)
    ref = numbers(a)
    other = numbers(1e6 + 1e-3 * a)
    for one in (wasserstein, energy):
        there = one(other, numbers(1e6 + 1e-3 * b, other))
        assert there == pytest.approx(one(ref, numbers(b, ref)), rel=1e-3)


# Noise floors by simulation -------------------------------------------------------------------

TRIALS = 300
SLACK = {"kuiper": 0.08, "energy": 0.1}
"""Kuiper's distance misses a little between the edges; the root of a mean square is above the mean."""


@pytest.mark.parametrize("draw", ["normal", "exponential"])
@pytest.mark.parametrize(("rows", "other"), [(2000, 2000), (6000, 600)])
def test_the_noise_floors_of_distances_are_what_quiet_data_show(draw, rows, other):
    """Within four standard errors of the mean, and the slack above or 3 %."""
    random = np.random.default_rng(12)
    found = []
    for _ in range(TRIALS):
        ref = numbers(getattr(random, draw)(size=rows))
        cur = numbers(getattr(random, draw)(size=other), ref)
        found.append([(one(ref, cur), one.noise(ref, cur)) for one in DISTANCES])
    for one, pairs in zip(DISTANCES, np.moveaxis(found, 1, 0), strict=True):
        values, floors = pairs.T
        error = 4 * values.std() / math.sqrt(TRIALS)
        assert abs(values.mean() - floors.mean()) <= error + SLACK.get(one.name, 0.03) * floors.mean(), (
            one.name
        )
        if one is energy:
            error = 4 * (values**2).std() / math.sqrt(TRIALS)
            assert abs((values**2).mean() - (floors**2).mean()) <= error + 0.03 * (floors**2).mean()


def test_the_noise_floors_of_distances_of_few_values_are_what_quiet_data_show():
    random = np.random.default_rng(13)
    found, metrics = [], DISTANCES[1:]
    for _ in range(TRIALS):
        ref = numbers(random.binomial(3, 0.4, 3000))
        cur = numbers(random.binomial(3, 0.4, 1000), ref)
        found.append([(one(ref, cur), one.noise(ref, cur)) for one in metrics])
    for one, pairs in zip(metrics, np.moveaxis(found, 1, 0), strict=True):
        values, floors = pairs.T
        error = 4 * values.std() / math.sqrt(TRIALS)
        assert abs(values.mean() - floors.mean()) <= error + SLACK.get(one.name, 0.03) * floors.mean(), (
            one.name
        )


def test_the_mean_of_kuipers_limit():
    """The range of a Brownian bridge is in the mean twice its maximum, which passes x with exp(-2 x²)."""
    tail = integrate.quad(lambda x: math.exp(-2 * x * x), 0, np.inf)[0]
    assert pytest.approx(2 * tail) == MEAN_OF_KUIPER

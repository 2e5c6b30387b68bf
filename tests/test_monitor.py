"""The calibrated monitor: closed forms where there are any, else false alarms and power by simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import special, stats

from undrift.statistics import discoveries
from undrift.statistics.monitor import COMPONENTS, WEIGHTS, Counts, Monitor, _pooled
from undrift.statistics.predictive import centre, two_sided
from undrift.statistics.rare import rare
from undrift.statistics.scores import basis, measure
from undrift.statistics.slow import slow

QUANTILES = [0.001, 0.005, 0.01, 0.025, *np.arange(1, 20) / 20, 0.975, 0.99, 0.995, 0.999]
EDGES = special.ndtri(QUANTILES)
ONE_PHASE = np.zeros(60, np.intp)


@pytest.fixture(autouse=True)
def _nothing_is_overlooked():
    with np.errstate(divide="raise", over="raise", invalid="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def normal(mean, sd=1.0):
    """Shares of the bins of N(mean, sd²), for arrays of means: (..., K)."""
    at = special.ndtr((EDGES - np.asarray(mean, float)[..., None]) / np.asarray(sd, float)[..., None])
    ends = np.zeros((*at.shape[:-1], 1))
    return np.diff(np.concatenate([ends, at, ends + 1], -1), axis=-1)


def windows(random, rows, shares):
    """Counts of windows without nulls: shares (W, F, K)."""
    return counted(random.multinomial(rows, shares))


def counted(bins, null=0, unseen=0):
    bins = np.asarray(bins, np.int64)
    full = np.zeros(bins.shape[:2], np.int64)
    return Counts(bins, full + null, full + unseen)


def quiet(random, many, features, rows, mean=0.0, sd=1.0):
    shape = np.zeros((many, features))
    return windows(random, rows, normal(shape + mean, shape + sd))


def part(counts, chosen):
    return Counts(counts.bins[chosen], counts.null[chosen], counts.unseen[chosen])


def whole(judged):
    """Everything that was judged, checked to be finite and p-values to be p-values."""
    for p in (judged.components, judged.value, judged.missing, judged.unseen, judged.p_value):
        assert ((p >= 0) & (p <= 1)).all()
    assert np.isfinite(judged.signed).all()
    assert np.isfinite(judged.z).all()
    return judged


def alarmed(judged, component):
    return judged.components[..., COMPONENTS.index(component)] < 1e-4


# The scores


@pytest.mark.parametrize("counts", [[900, 100], [5, 900, 50, 45], [1] * 29, [0, 3, 0, 500, 70, 0, 1, 0]])
def test_scores_are_orthonormal_and_live_where_rows_are(counts):
    found = basis(np.array([counts], float), np.array([True]))
    psi, p = found.psi[0][found.exists[:, 0]], found.p[0]
    assert len(psi) == min(4, np.count_nonzero(counts) - 1)
    assert psi @ p == pytest.approx(0, abs=1e-9)
    assert (psi * p) @ psi.T == pytest.approx(np.eye(len(psi)), abs=1e-6)
    assert not psi[:, np.array(counts) == 0].any()


def test_scores_of_a_normal_shift_are_its_size_in_standard_deviations():
    found = measure(normal([[0.1, -0.3]]) * 1e6, basis(normal([0.0]) * 1e6, np.array([True])))
    assert found.scores[0, 0] == pytest.approx([0.1, -0.3], abs=0.001)


@pytest.mark.parametrize("theta", [-0.5, -0.1, 0.2, 0.5])
@pytest.mark.parametrize("counts", [normal(0.0) * 1e6, [5, 900, 50, 45, 200], [300, 300, 400]])
def test_a_pure_move_of_location_leaves_nothing_in_the_rest(counts, theta):
    base = basis(np.array([counts], float), np.array([True]))
    tilted = base.p[0] * np.exp(theta * base.psi[0, 0])
    found = measure(tilted[None, None] / tilted.sum() * 1e6, base)
    assert abs(found.scores[0, 0, 0]) > 0.05
    assert found.scores[1:, 0, 0] == pytest.approx(0, abs=0.004)
    assert found.residual[0, 0] / 1e6 == pytest.approx(0, abs=1e-4)
    assert found.expected[:, 0, 0] == pytest.approx(found.tails[:, 0, 0] / 1e6, abs=1e-4)


def test_a_wider_normal_is_the_cube_root_of_its_variance():
    found = measure(normal([[0.0]], 1.2) * 1e6, basis(normal([0.0]) * 1e6, np.array([True])))
    assert found.scores[1, 0, 0] == pytest.approx(3 / np.sqrt(2) * (1.2 ** (2 / 3) - 1), rel=0.03)


# The predictions


def test_mean_variance_and_persistence_are_those_of_the_prototype():
    """Equal windows: variance with H - 1, between-window part beyond 1 / n, lag-1 correlation corrected."""
    random = np.random.default_rng(3)
    scores = np.cumsum(random.normal(0, 0.05, (60, 5)), 0).T[None] + random.normal(0, 0.1, (2, 5, 60))
    rows = np.full((5, 60), 400.0)
    found = centre(scores, rows, ONE_PHASE)
    scores = scores[:1]  # location: the others may be freed of its squares first
    left = scores - scores.mean(2, keepdims=True)
    raw = (left[..., 1:] * left[..., :-1]).sum(2) / (left**2).sum(2)
    r = np.where(raw > 1.64 / np.sqrt(60), np.clip(raw + (1 + 3 * raw) / 60, 0, 0.95), 0)
    assert found.mean[:1, :, 0] == pytest.approx(scores.mean(2))
    assert found.tau[:1] ** 2 == pytest.approx(np.maximum(0, scores.var(2, ddof=1) - 1 / 400))
    assert found.persistence[:1] == pytest.approx(r)
    assert found.effective[:1] == pytest.approx(np.maximum(1.0, 59 * (1 - r) / (1 + r)))


def test_without_a_floor_the_prediction_is_students_t():
    """Where windows vary far more than sampling does, p-values are those of a t with their freedom."""
    left = np.tile([-1.0, 1.0, 1.0, -1.0], 15)
    found = centre(np.stack([left, left])[:, None], np.full((1, 60), 1e9), ONE_PHASE)
    at = np.linspace(0.5, 4, 8)
    p, _ = two_sided(found, np.stack([at, at])[:, None], np.full((1, 8), 1e9), ONE_PHASE[:8])
    spread = np.sqrt(left.var(ddof=1) * (1 + 1 / 60))
    assert p[0, 0] == pytest.approx(2 * stats.t.sf(at / spread, 59), rel=0.05)


def test_unequal_windows_are_weighted_as_by_dersimonian_and_laird():
    random = np.random.default_rng(4)
    rows = np.where(np.arange(60) % 2, 50.0, 5000.0)[None]
    scores = random.normal(0, np.sqrt(1 / rows + 0.1**2), (2, 400, 60))
    found = centre(scores, np.repeat(rows, 400, 0), ONE_PHASE)
    assert np.mean(found.tau[0] ** 2) == pytest.approx(0.01, rel=0.1)
    assert np.mean(found.mean[0] ** 2) == pytest.approx(1 / (1 / (1 / rows + 0.01)).sum(), rel=0.25)


def test_rare_counts_are_negative_binomial_where_the_window_does_not_bound_them():
    history = np.random.default_rng(5).negative_binomial(2, 0.4, (1, 3, 80)).astype(float)
    fit = rare(history, np.ones_like(history))
    now = np.array([0.0, 1, 5, 20])[None, None]
    k, mean = fit.dispersion[..., None], fit.ratio[..., None]
    wanted = stats.nbinom.sf(now - 1, 1 / k, 1 / (1 + k * mean))
    assert fit.more(now, np.ones_like(now), np.full_like(now, 1e6)) == pytest.approx(wanted)
    assert fit.fewer(now, np.ones_like(now)) == pytest.approx(
        stats.nbinom.cdf(now, 1 / k, 1 / (1 + k * mean))
    )


def test_the_cauchy_combination_is_exact_for_independent_p_values():
    p = np.random.default_rng(6).uniform(size=(3, 1, 200_000))
    pooled = _pooled(p, np.array([[0.5], [0.3], [0.2]]))
    assert np.mean(pooled <= 0.05) == pytest.approx(0.05, abs=0.002)
    assert np.mean(pooled <= 0.01) == pytest.approx(0.01, abs=0.001)


def test_one_component_alone_keeps_its_p_value():
    assert _pooled(np.full((1, 1, 1), 0.02), np.array([[WEIGHTS[0]]])) == pytest.approx(0.02)


# False alarms


def test_each_p_value_is_about_uniform_on_quiet_data():
    random = np.random.default_rng(11)
    every = quiet(random, 56 + 40, 200, 1000)
    judged = whole(Monitor.of(part(every, slice(56)), np.ones(200, bool)).judge(part(every, slice(56, None))))
    for level in (0.01, 0.05, 0.2):
        within = np.mean(judged.components[..., :4] <= level, axis=(0, 1))
        assert (within <= 1.15 * level).all()
        assert (within >= 0.5 * level).all()
    assert judged.z.mean((0, 1)) == pytest.approx(0, abs=0.06)
    assert judged.z.std((0, 1)) == pytest.approx(1, abs=0.08)


def of_kind(kind, random, many, features, rows):
    day = np.arange(many)
    mean, sd, phase = np.zeros((many, features)), np.ones((many, features)), None
    if kind == "season":
        mean += 0.2 * np.sin(2 * np.pi * day / 7)[:, None] + random.normal(0, 0.05, mean.shape)
        sd, phase = np.exp(random.normal(0, 0.03, mean.shape)), day % 7
    if kind == "days":
        mean += random.normal(0, 0.2, mean.shape)
    if kind == "persistent":
        mean[0] = random.normal(0, 0.1, features)
        for i in range(1, many):
            mean[i] = 0.9 * mean[i - 1] + random.normal(0, 0.1 * np.sqrt(1 - 0.81), features)
    return windows(random, rows, normal(mean, sd)), phase


@pytest.mark.parametrize("rows", [50, 1000, 100_000])
@pytest.mark.parametrize("kind", ["iid", "days", "season"])
def test_quiet_windows_seldom_alarm(kind, rows):
    every, phase = of_kind(kind, np.random.default_rng(rows), 56 + 20, 150, rows)
    past, now = (phase[:56], phase[56:]) if phase is not None else (None, None)
    monitor = Monitor.of(part(every, slice(56)), np.ones(150, bool), past)
    p = whole(monitor.judge(part(every, slice(56, None)), now)).p_value
    assert np.mean(p <= 0.05) <= 0.065
    assert np.mean(p <= 0.01) <= 0.02


@pytest.mark.parametrize(("kind", "most"), [("iid", 0.02), ("days", 0.05), ("persistent", 0.05)])
def test_twenty_features_together_seldom_alarm(kind, most):
    """Per-feature alarms at .01 / 20, which is Benjamini-Hochberg's first step: location leaks nowhere."""
    every, _ = of_kind(kind, np.random.default_rng(8), 180 + 50, 400, 5000)
    monitor = Monitor.of(part(every, slice(180)), np.ones(400, bool))
    p = whole(monitor.judge(part(every, slice(180, None)))).p_value
    assert 20 * np.mean(p <= 0.01 / 20) <= most


# Power: floors are the prototype's figures


@pytest.mark.parametrize(
    ("kind", "mean", "sd", "floor"),
    [
        ("iid", 0.1, 1.0, 0.45),
        ("iid", 0.25, 1.0, 0.99),
        ("iid", 0.0, 1.25, 0.99),
        ("season", 0.1, 1.0, 0.07),
        ("season", 0.25, 1.0, 0.75),
        ("season", 0.5, 1.0, 0.99),
        ("season", 0.0, 1.25, 0.97),
    ],
)
def test_moves_are_found(kind, mean, sd, floor):
    random = np.random.default_rng(21)
    history, phase = of_kind(kind, random, 56, 200, 1000)
    monitor = Monitor.of(history, np.ones(200, bool), phase)
    shift, scale = np.full((7, 200), mean), np.full((7, 200), sd)
    if kind == "season":
        shift += 0.2 * np.sin(2 * np.pi * np.arange(7) / 7)[:, None] + random.normal(0, 0.05, shift.shape)
        scale *= np.exp(random.normal(0, 0.03, scale.shape))
    now = windows(random, 1000, normal(shift, scale))
    assert np.mean(whole(monitor.judge(now, np.arange(7))).p_value <= 0.01) >= floor


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 5.0), (4.0, 1.0)])
def test_contamination_of_five_per_cent_is_found(mean, sd):
    random = np.random.default_rng(22)
    monitor = Monitor.of(quiet(random, 56, 100, 1000), np.ones(100, bool))
    zero = np.zeros((5, 100))
    mixed = 0.95 * normal(zero) + 0.05 * normal(zero + mean, zero + sd)
    assert np.mean(whole(monitor.judge(windows(random, 1000, mixed))).p_value <= 0.01) >= 0.99


def test_what_moved_is_named():
    random = np.random.default_rng(23)
    monitor = Monitor.of(quiet(random, 60, 1, 5000), np.ones(1, bool))
    up = whole(monitor.judge(quiet(random, 1, 1, 5000, mean=0.5)))
    wide = whole(monitor.judge(quiet(random, 1, 1, 5000, sd=1.3)))
    narrow = whole(monitor.judge(quiet(random, 1, 1, 5000, sd=0.8)))
    assert COMPONENTS[up.components[0, 0].argmin()] == "location"
    assert up.signed[0, 0, 0] > 0.4
    assert COMPONENTS[wide.components[0, 0].argmin()] == "spread"
    assert wide.signed[0, 0, 1] > 0.3
    assert narrow.signed[0, 0, 1] < -0.2


# Edge cases


def test_fewer_than_two_windows_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        Monitor.of(quiet(np.random.default_rng(0), 1, 1, 100), np.ones(1, bool))


@pytest.mark.parametrize("many", [2, 3, 5, 29])
def test_short_histories_work_and_are_no_bolder(many):
    random = np.random.default_rng(many)
    false = []
    for _ in range(4):
        mean = random.normal(0, 0.2, (many + 10, 150))
        every = windows(random, 1000, normal(mean))
        judged = Monitor.of(part(every, slice(many)), np.ones(150, bool)).judge(
            part(every, slice(many, None))
        )
        false.append(np.mean(whole(judged).p_value <= 0.01))
    assert np.mean(false) <= 0.025


def test_a_constant_feature_is_quiet_until_it_changes():
    bins = np.zeros((30, 1, 5), np.int64)
    bins[:, 0, 2] = 1000
    monitor = Monitor.of(counted(bins), np.ones(1, bool))
    assert whole(monitor.judge(counted(bins[:1]))).p_value[0, 0] == 1
    assert monitor.tau.tolist() == [[0, 0]]
    for to, component in ((4, "high tail"), (0, "low tail")):
        moved = whole(monitor.judge(counted(np.roll(bins[:1], to - 2, axis=2))))
        assert moved.p_value[0, 0] < 1e-6
        assert alarmed(moved, component)[0, 0]


@pytest.mark.parametrize("ordered", [True, False])
def test_two_valued_features_have_one_score(ordered):
    random = np.random.default_rng(31)
    share = special.expit(random.normal(-1, 0.1, (60, 100)))
    history = windows(random, 500, np.stack([1 - share, share], 2))
    monitor = Monitor.of(history, np.full(100, ordered))
    calm = whole(monitor.judge(history))
    changed = whole(monitor.judge(windows(random, 500, np.full((1, 100, 2), 0.5))))
    names = {"location"} if ordered else {"shape"}
    for name in set(COMPONENTS) - names - {"low tail", "high tail"}:
        assert (calm.components[..., COMPONENTS.index(name)] == 1).all()
    assert np.mean(calm.p_value <= 0.05) < 0.06
    assert np.mean(changed.p_value < 1e-4) > 0.9


def test_labels_alarm_by_their_mix_and_not_by_their_order():
    random = np.random.default_rng(32)
    shares = random.dirichlet(np.ones(6) * 5, 80)
    history = windows(random, 800, np.repeat(shares[None], 60, 0))
    monitor = Monitor.of(history, np.zeros(80, bool))
    calm = whole(monitor.judge(windows(random, 800, np.repeat(shares[None], 20, 0))))
    mixed = whole(monitor.judge(windows(random, 800, np.roll(shares, 1, axis=1)[None] * 0.6 + shares * 0.4)))
    assert np.mean(calm.p_value <= 0.05) < 0.065
    assert np.mean(mixed.p_value <= 0.01) > 0.8
    assert not mixed.signed.any()
    assert np.median(mixed.z[..., 0]) > 2


def test_windows_without_values_have_no_opinion_on_values_but_their_nulls_count():
    random = np.random.default_rng(33)
    history = quiet(random, 60, 2, 500)
    history.bins[5:9, 0] = 0
    history.null[5:9, 0] = 500
    now = quiet(random, 1, 2, 500)
    now.bins[0, 1] = 0
    now.null[0, 1] = 500
    judged = whole(Monitor.of(history, np.ones(2, bool)).judge(now))
    assert judged.value[0, 1] == 1
    assert judged.missing[0, 1] < 1e-4
    assert judged.missing[0, 0] > 0.05
    empty = whole(Monitor.of(history, np.ones(2, bool)).judge(counted(np.zeros((1, 2, 28)))))
    assert (empty.p_value == 1).all()


def test_a_feature_that_was_always_null_is_quiet_until_values_come():
    random = np.random.default_rng(34)
    history = counted(np.zeros((60, 1, 28)), null=500)
    monitor = Monitor.of(history, np.ones(1, bool))
    assert whole(monitor.judge(part(history, slice(1)))).p_value[0, 0] > 0.5
    assert whole(monitor.judge(quiet(random, 1, 1, 500))).missing[0, 0] < 1e-6


@pytest.mark.parametrize("size", [10, 100_000])
def test_windows_of_other_sizes_are_judged_by_their_own_noise(size):
    random = np.random.default_rng(35)
    days = random.normal(0, 0.1, (60 + 20, 200))
    history = windows(random, 1000, normal(days[:60]))
    judged = whole(Monitor.of(history, np.ones(200, bool)).judge(windows(random, size, normal(days[60:]))))
    assert np.mean(judged.p_value <= 0.05) < 0.08
    assert np.mean(judged.p_value <= 0.01) < 0.025


def test_very_unequal_histories_are_no_worse():
    random = np.random.default_rng(36)
    rows = np.where(np.arange(80) % 4 == 0, 20, 4000)
    bins = np.stack([random.multinomial(n, normal(random.normal(0, 0.1, 200))) for n in rows])
    judged = Monitor.of(counted(bins[:60]), np.ones(200, bool)).judge(counted(bins[60:]))
    assert np.mean(whole(judged).p_value <= 0.01) < 0.02


def test_a_bin_that_the_history_never_hit_is_beyond_the_tail_or_unseen():
    history = np.random.default_rng(37).multinomial(500, [0.0, 0.3, 0.4, 0.3, 0.0], (60, 2))
    monitor = Monitor.of(counted(history), np.array([True, False]))
    one, many = history[:1].copy(), history[:1].copy()
    one[0, :, 4] = 1
    many[0, :, 4] = 25
    assert (whole(monitor.judge(counted(one))).p_value > 0.05).all()
    judged = whole(monitor.judge(counted(many)))
    assert alarmed(judged, "high tail")[0].tolist() == [True, False]
    assert alarmed(judged, "unseen")[0].tolist() == [False, True]


def test_one_unseen_label_in_ten_thousand_is_no_alarm_and_two_per_cent_are():
    history = np.random.default_rng(38).multinomial(10_000, [0.5, 0.3, 0.2], (60, 1))
    monitor = Monitor.of(counted(history), np.zeros(1, bool))
    assert whole(monitor.judge(counted(history[:1], unseen=1))).p_value[0, 0] > 0.05
    assert whole(monitor.judge(counted(history[:1], unseen=200))).unseen[0, 0] < 1e-6


def test_nulls_where_there_were_none_and_nulls_that_vary_by_day():
    random = np.random.default_rng(39)
    history = quiet(random, 60, 1, 1000)
    new = whole(Monitor.of(history, np.ones(1, bool)).judge(counted(history.bins[:1], null=20)))
    assert new.missing[0, 0] < 1e-4
    share = np.where(np.arange(80) % 7 > 4, 0.3, 0.02)[:, None] * random.lognormal(0, 0.3, (80, 200))
    null = random.binomial(1000, np.minimum(share, 1))
    every = Counts(random.multinomial(1000, normal(0.0), (80, 200)), null, np.zeros_like(null))
    phase = np.arange(80) % 7
    for seasons in (phase, None):
        past, now = (None, None) if seasons is None else (phase[:60], phase[60:])
        monitor = Monitor.of(part(every, slice(60)), np.ones(200, bool), past)
        assert np.mean(whole(monitor.judge(part(every, slice(60, None)), now)).missing <= 0.01) < 0.01


def test_a_season_needs_three_cycles_and_then_the_phase_of_every_window():
    random = np.random.default_rng(40)
    every, phase = of_kind("season", random, 56, 3, 1000)
    assert not Monitor.of(part(every, slice(20)), np.ones(3, bool), phase[:20]).seasonal
    monitor = Monitor.of(every, np.ones(3, bool), phase)
    assert monitor.seasonal
    with pytest.raises(ValueError, match="phase of each window"):
        monitor.judge(part(every, slice(1)))
    with pytest.raises(ValueError, match="0 to 6"):
        monitor.judge(part(every, slice(1)), np.array([7]))


# Labels


@pytest.mark.parametrize("day", [0.0, 0.2])
@pytest.mark.parametrize("labels", [3, 6, 20])
def test_labels_alarm_at_the_nominal_rate_few_or_many_whether_or_not_days_differ(labels, day):
    random = np.random.default_rng([60, labels])
    shares = np.exp(day * random.normal(size=(66, 200, labels)))
    every = windows(random, 400, shares / shares.sum(-1, keepdims=True))
    judged = Monitor.of(part(every, slice(56)), np.zeros(200, bool)).judge(part(every, slice(56, 66)))
    for alpha in (0.05, 0.01):
        false = np.mean(judged.p_value <= alpha)
        assert alpha / 4 < false < 1.5 * alpha


def test_a_change_of_one_of_three_labels_is_found_about_as_often_as_chi_square_does():
    random = np.random.default_rng(61)
    every = windows(random, 125, np.full((40, 300, 3), 1 / 3))
    now = windows(random, 125, np.tile([0.5, 0.25, 0.25], (1, 300, 1)))
    found = Monitor.of(every, np.zeros(300, bool)).judge(now).p_value[0]
    tables = np.stack([every.bins.sum(0), now.bins[0]], 1)
    chi_square = np.array([stats.chi2_contingency(table)[1] for table in tables])
    assert np.mean(found <= 0.01) > 0.85 * np.mean(chi_square <= 0.01) > 0.5


# Slow drift


def _alarms(found):
    """Which features are believed to drift slowly, at one false alarm in 100 windows."""
    believed = discoveries.slowly(dict(enumerate(found.evidence.tolist())), 0.01)
    return np.isin(np.arange(len(found.evidence)), sorted(believed))


def test_slow_drift_is_found_with_its_onset_and_direction():
    random = np.random.default_rng(50)
    z = random.normal(0, 1, (60, 20, 2))
    z[30:, 4, 1] -= 1.2
    found = slow(z, np.full((20, 2), 170.0))
    assert np.flatnonzero(_alarms(found)).tolist() == [4]
    assert abs(found.onset[4] - 30) <= 3
    assert (found.component[4], found.sign[4]) == (1, -1)


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_slow_drift_seldom_alarms_on_quiet_windows(rho):
    """At least 100 windows between false alarms: few of these streams of 50 windows have one."""
    random = np.random.default_rng(51)
    false = 0
    for _ in range(40):
        z = random.normal(0, 1, (50, 20, 2))
        for i in range(1, 50):
            z[i] = rho * z[i - 1] + np.sqrt(1 - rho**2) * z[i]
        past = np.full((20, 2), 170 * (1 - rho) / (1 + rho))
        false += any(_alarms(slow(z[: i + 1], past, np.full((20, 2), rho))).any() for i in range(5, 50, 3))
    assert false / 40 <= 0.3


def test_evidence_is_finite_and_of_nothing_for_one_calm_window():
    assert slow(np.zeros((1, 3, 2)), np.full((3, 2), 50.0)).evidence.max() < 1
    assert np.isfinite(slow(np.full((200, 1, 2), 37.0), np.full((1, 2), 50.0)).evidence).all()

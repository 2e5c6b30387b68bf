"""The gate: who may be promoted, and how seldom by chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undrift.errors import ConfigError, LeakError
from undrift.gate import (
    HEAVY,
    MINIMUM_OF_CLASS,
    Bounded,
    Gate,
    assert_unseen,
    judge,
    lacking,
    winner,
    without_constants,
)
from undrift.records import Ranking, Version
from undrift.statistics.intervals import block_t, serial_t

DAYS, ROWS = 14, 40
BLOCKS = np.repeat(np.arange(DAYS), ROWS)


def version(number: int) -> Version:
    return Version(number, "w", f"merge{number}", "t", "a", "skops", 1, 0)


def paired_losses(random: np.random.Generator, challengers: int, saving: float = 0.0):
    """Losses of a champion and of challengers, whose differences have effects of the day."""
    champion = random.gamma(2, 1, DAYS * ROWS)
    return champion, [
        (
            version(k + 2),
            champion - saving + random.normal(0, 0.15, DAYS)[BLOCKS] + random.normal(0, 0.5, DAYS * ROWS),
        )
        for k in range(challengers)
    ]


def promotions(challengers: int, trials: int, gate: Gate, saving: float = 0.0) -> int:
    random = np.random.default_rng(challengers)
    found = (winner(judge(*paired_losses(random, challengers, saving), BLOCKS, gate)) for _ in range(trials))
    return sum(best is not None for best in found)


@pytest.mark.parametrize("challengers", [1, 2, 3])
def test_equal_models_are_promoted_no_more_often_than_alpha(challengers):
    """400 seeds; the band is four standard errors of a binomial at alpha = 0.05."""
    share = promotions(challengers, 400, Gate("better", alpha=0.05)) / 400
    assert share <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 400)
    assert share > 0.005, "a gate that never opens would pass this test too"


@pytest.mark.parametrize("challengers", [1, 3])
def test_worse_models_are_hardly_ever_promoted(challengers):
    assert promotions(challengers, 200, Gate("better", alpha=0.05), saving=-0.15) <= 2


@pytest.mark.parametrize("challengers", [1, 2, 3])
def test_clearly_better_models_are_promoted(challengers):
    assert promotions(challengers, 100, Gate("better", alpha=0.05), saving=0.3) >= 99


def test_a_margin_asks_for_a_saving_of_that_size():
    champion, challengers = paired_losses(np.random.default_rng(1), 1, saving=0.5)
    (trial,) = judge(champion, challengers, BLOCKS, Gate("better"))
    assert -0.8 < trial.lower < trial.difference < trial.upper < -0.2
    for margin, better in ((-trial.upper - 1e-9, True), (-trial.upper + 1e-9, False)):
        assert judge(champion, challengers, BLOCKS, Gate("better", margin=margin))[0].better is better


def test_the_best_of_the_better_wins():
    random = np.random.default_rng(2)
    champion = random.gamma(2, 1, DAYS * ROWS)
    noise = random.normal(0, 0.1, DAYS * ROWS)
    shifts = {2: 0.5, 3: -0.3, 4: -0.6, 5: -0.2}
    rivals = [(version(k), champion + s + noise) for k, s in shifts.items()]
    trials = judge(champion, rivals, BLOCKS, Gate("better"))
    assert [t.better for t in trials] == [False, True, True, True]
    assert winner(trials).version == 4
    assert [t.merge for t in trials] == [f"merge{k}" for k in shifts]
    assert [t.loss - champion.mean() for t in trials] == pytest.approx([t.difference for t in trials])


def test_one_block_is_no_proof_however_good_the_challenger():
    champion = np.full(100, 9.0)
    (trial,) = judge(champion, [(version(2), np.zeros(100))], np.zeros(100, dtype=np.int64), Gate("better"))
    assert (trial.difference, trial.lower, trial.upper, trial.better) == (-9, -math.inf, math.inf, False)
    assert winner((trial,)) is None


def test_a_challenger_that_is_the_same_model_is_not_better():
    champion = np.random.default_rng(3).gamma(2, 1, len(BLOCKS))
    (trial,) = judge(champion, [(version(2), champion.copy())], BLOCKS, Gate("better"))
    assert (trial.difference, trial.better) == (0, False)


def test_losses_that_are_not_numbers_promote_nobody():
    champion = np.ones(len(BLOCKS))
    (trial,) = judge(champion, [(version(2), np.where(BLOCKS == 0, np.nan, 0.0))], BLOCKS, Gate("better"))
    assert not trial.better


def test_nobody_wins_where_nobody_stands():
    assert judge(np.ones(len(BLOCKS)), [], BLOCKS, Gate("better")) == ()
    assert winner(()) is None


def test_more_challengers_need_more_proof():
    gate = Gate("better", alpha=0.06)
    assert [gate.confidence(k) for k in (0, 1, 2, 3)] == pytest.approx([0.94, 0.94, 0.97, 0.98])


ALPHA_LIFE = 0.1


def lives_with_a_wrong_promotion(gate: Gate, lives: int = 200, attempts: int = 30) -> float:
    """The share of lives of so many retrainings, two equal challengers each, in which any was promoted."""
    random = np.random.default_rng(30)

    def any_wrong() -> bool:
        trials = (
            judge(*paired_losses(random, 2), BLOCKS, gate, attempt) for attempt in range(1, attempts + 1)
        )
        return any(winner(found) for found in trials)

    return sum(any_wrong() for _ in range(lives)) / lives


def test_over_a_life_of_30_attempts_alpha_life_holds_and_alpha_alone_does_not():
    """200 lives; the band is four standard errors of a binomial."""
    error = math.sqrt(ALPHA_LIFE * (1 - ALPHA_LIFE) / 200)
    assert lives_with_a_wrong_promotion(Gate("better", alpha_life=ALPHA_LIFE)) <= ALPHA_LIFE + 4 * error
    assert lives_with_a_wrong_promotion(Gate("better")) > 0.5, (
        "30 attempts at 0.05 each: 0.79, were bounds exact"
    )


def test_what_a_life_spends_adds_up_to_its_budget_and_no_attempt_is_free():
    gate = Gate("better", alpha=0.05, alpha_life=0.05)
    spent = [gate.spends(k) for k in range(1, 10_001)]
    assert spent == sorted(spent, reverse=True)
    assert sum(spent) == pytest.approx(0.05, abs=1e-5)
    assert spent[-1] > 0
    assert gate.confidence(2, attempt=3) == pytest.approx(1 - gate.spends(3) / 2)


def test_alpha_caps_what_an_attempt_may_spend_of_a_large_budget():
    assert Gate("better", alpha=0.05, alpha_life=0.5).spends(1) == 0.05
    assert Gate("better", alpha=0.05).spends(1) == Gate("better", alpha=0.05).spends(1_000) == 0.05


def ranked(number: int, value: float, lower: float) -> dict[int, Ranking]:
    return {number: Ranking("AUC", value, lower, ranks=lower > 0.5)}


def test_a_constant_is_not_better_than_a_champion_that_ranks_whatever_it_saves():
    champion, challengers = paired_losses(np.random.default_rng(5), 2, saving=0.5)
    trials = judge(champion, challengers, BLOCKS, Gate("better"))
    assert all(t.better for t in trials)
    found = without_constants(
        trials, ranked(1, 0.84, 0.8) | ranked(2, 0.5, 0.5) | ranked(3, 0.8, 0.7), champion=1
    )
    assert [(t.ranks, t.better) for t in found] == [(False, False), (True, True)]
    assert winner(found).version == 3


def test_a_constant_may_take_the_place_of_a_champion_that_ranks_no_better():
    champion, challengers = paired_losses(np.random.default_rng(5), 1, saving=0.5)
    trials = judge(champion, challengers, BLOCKS, Gate("better"))
    (found,) = without_constants(trials, ranked(1, 0.52, 0.45) | ranked(2, 0.5, 0.5), champion=1)
    assert (found.ranks, found.better) == (False, True)


def test_where_nobody_can_say_how_models_rank_the_loss_decides():
    champion, challengers = paired_losses(np.random.default_rng(5), 1, saving=0.5)
    trials = judge(champion, challengers, BLOCKS, Gate("better"))
    (found,) = without_constants(trials, {1: None, 2: None}, champion=1)
    assert (found.ranks, found.better) == (None, True)


def test_held_out_rows_need_blocks_and_ten_rows_of_each_class():
    labels = np.zeros(DAYS * ROWS)
    labels[: MINIMUM_OF_CLASS - 7] = 1
    few = lacking(labels, BLOCKS, ("no", "yes"))
    assert few == "the held-out rows hold 3 rows of the class 'yes', 10 are needed: raise gate.windows"
    labels[:MINIMUM_OF_CLASS] = 1
    assert lacking(labels, BLOCKS, ("no", "yes")) is None
    labels = 1 - np.isin(np.arange(len(BLOCKS)), (3, 5, 8))
    assert "3 rows of the class 'no'" in (lacking(labels, BLOCKS, ("no", "yes")) or "")
    labels[:] = 1
    assert "0 rows of the class 'no'" in (lacking(labels, BLOCKS, ("no", "yes")) or "")
    assert lacking(labels, BLOCKS, ()) is None
    three = lacking(labels[:3], np.arange(3), ())
    assert three == "3 rows are held out, too few to judge on: raise gate.windows"


def test_one_row_that_decides_is_on_the_trial():
    champion = np.zeros(len(BLOCKS))
    losses = np.where(
        np.arange(len(BLOCKS)) == 7, -9.0, np.random.default_rng(6).normal(0, 0.01, len(BLOCKS))
    )
    (trial,) = judge(champion, [(version(2), losses)], BLOCKS, Gate("better"))
    assert trial.heaviest > 0.99


def test_a_held_out_row_that_was_trained_on_is_refused():
    with pytest.raises(LeakError, match="v3 was trained on 1 held-out rows, 'row 2' among them"):
        assert_unseen({"row 1", "row 2"}, {2: {"row 9"}, 3: {"row 2", "row 8"}})
    assert_unseen({"row 1"}, {2: {"row 9"}, 3: set()})
    assert_unseen(set(), {2: {"row 9"}})


@pytest.mark.parametrize(
    "settings",
    [{"alpha": 0}, {"alpha": 0.5}, {"alpha": math.nan}, {"windows": 0}, {"margin": -0.1}, {"alpha_life": 0}],
)
def test_a_gate_that_proves_nothing_is_refused(settings):
    with pytest.raises(ConfigError, match=rf"gate\.{next(iter(settings))}"):
        Gate("better", **settings)


@pytest.mark.parametrize("settings", [{"margin": 0.1}, {"alpha_life": 0.2}])
def test_what_only_a_proof_can_keep_is_not_asked_of_a_veto(settings):
    with pytest.raises(ConfigError, match="requires a better model"):
        Gate("not_worse", **settings)


def test_what_a_gate_may_require_is_known():
    with pytest.raises(ConfigError, match="Did you mean 'not_worse'"):
        Gate("no_worse")


# A gate that refuses what is surely worse -------------------------------------------------------


VETO = Gate("not_worse", alpha=0.05)


@pytest.mark.parametrize("challengers", [1, 2, 3])
def test_an_equal_model_is_refused_no_more_often_than_alpha(challengers):
    """400 seeds; refused means that none of the challengers passes. Four standard errors."""
    refused = 400 - promotions(challengers, 400, VETO)
    assert refused <= 400 * (0.05 + 4 * math.sqrt(0.05 * 0.95 / 400))
    assert challengers > 1 or refused > 0, "a gate that never closes would pass this test too"


def test_a_veto_refuses_what_is_plainly_worse_and_lets_in_what_is_better():
    assert promotions(1, 100, VETO, saving=-0.5) == 0
    assert promotions(1, 100, VETO, saving=0.2) == 100


def test_of_those_that_pass_the_best_goes_live():
    champion = np.zeros(len(BLOCKS))
    noise = np.random.default_rng(4).normal(0, 0.5, (3, len(BLOCKS)))
    rivals = [(version(k + 2), noise[k] + shift) for k, shift in enumerate((0.0, -0.05, 0.3))]
    trials = judge(champion, rivals, BLOCKS, VETO)
    assert [t.admitted for t in trials] == [True, True, False]
    assert [t.worse for t in trials] == [False, False, True]
    assert winner(trials).version == 3


def test_an_older_record_says_by_better_who_passed():
    from undrift.records import Trial

    assert Trial(2, "everything", 1.0, -1.0, -2.0, -0.5, better=True).admitted
    assert not Trial(2, "everything", 1.0, -1.0, -2.0, 0.5, better=False).admitted


# Days that follow on one another ----------------------------------------------------------------


def following(random: np.random.Generator, days: int, lag: float, rows: int = 20) -> tuple:
    """Loss differences without a mean: effects of the day with this lag-1 correlation, and as much chance."""
    effects = np.empty(days)
    effects[0] = random.normal()
    for day in range(1, days):
        effects[day] = lag * effects[day - 1] + math.sqrt(1 - lag**2) * random.normal()
    block = np.repeat(np.arange(days), rows)
    return effects[block] + random.normal(0, math.sqrt(1.25 * rows), days * rows), block


@pytest.mark.parametrize(("lag", "most"), [(0.0, 0.05), (0.3, 0.06), (0.6, 0.09), (0.8, 0.12)])
def test_an_equal_model_is_promoted_seldom_though_days_follow_on_one_another(lag, most):
    """1,000 seeds, 50 days; three standard errors of a binomial on top of what is asked."""
    random = np.random.default_rng(3)
    gate = Gate("better")
    found = 0
    for _ in range(1_000):
        difference, block = following(random, 50, lag)
        found += judge(np.zeros(len(block)), [(version(2), difference)], block, gate)[0].better
    assert found / 1_000 <= most + 3 * math.sqrt(most * (1 - most) / 1_000)


@pytest.mark.parametrize(("lag", "least"), [(0.0, 0.8), (0.3, 0.8)])
def test_little_power_is_given_up_for_it(lag, least):
    """A fifth at most, against the interval over days that are taken to be independent; 1,000 seeds."""
    random = np.random.default_rng(5)
    plain = serial = 0
    for _ in range(1_000):
        difference, block = following(random, 50, lag)
        saving = 0.5 if lag == 0 else 0.6
        plain += block_t(difference - saving, block, 0.95).upper < 0
        serial += serial_t(difference - saving, block, 0.95).upper < 0
    assert serial >= least * plain
    assert plain > 500


def test_with_few_blocks_nothing_is_learnt_of_how_they_follow():
    values = np.random.default_rng(1).normal(size=90)
    block = np.repeat(np.arange(9), 10)
    assert serial_t(values, block, 0.9) == block_t(values, block, 0.9)


@given(st.integers(10, 60), st.floats(-1e3, 1e3), st.floats(0.1, 1e3), st.integers(0, 2**32 - 1))
def test_a_serial_interval_moves_and_stretches_with_its_rows(days, shift, scale, seed):
    block = np.repeat(np.arange(days), 3)
    values = np.random.default_rng(seed).normal(size=len(block))
    plain, moved = serial_t(values, block, 0.95), serial_t(values * scale + shift, block, 0.95)
    assert moved.upper == pytest.approx(plain.upper * scale + shift, rel=1e-6, abs=1e-6 * scale)
    assert plain.lower <= plain.mean <= plain.upper
    constant = serial_t(np.full(len(block), shift), block, 0.95)
    assert constant.upper == pytest.approx(constant.lower, abs=1e-9 * max(1.0, abs(shift)))


# A few rows that carry the mean ------------------------------------------------------------------


def heavy(saving: float) -> tuple:
    """A challenger that saves a little on every row, and log losses of which one is enormous."""
    random = np.random.default_rng(8)
    champion = random.gamma(2, 0.05, len(BLOCKS))
    challenger = champion - saving + random.normal(0, 0.005, len(BLOCKS))
    difference = (champion, challenger)
    spoilt = challenger.copy()
    spoilt[11] += 13.0
    return difference, (champion, spoilt)


def test_a_bounded_loss_finds_what_one_huge_loss_hides():
    (champion, challenger), (same, spoilt) = heavy(0.01)
    bounded = Bounded("Brier score", champion, [challenger])
    (trial,) = judge(same, [(version(2), spoilt)], BLOCKS, Gate("better"), bounded=bounded)
    assert trial.heaviest > HEAVY
    assert trial.upper > 0
    assert trial.better
    assert trial.beside.loss == "Brier score"
    assert trial.beside.upper < 0
    (alone,) = judge(same, [(version(2), spoilt)], BLOCKS, Gate("better"))
    assert not alone.better


def test_a_bounded_loss_refuses_what_one_huge_loss_hides():
    (champion, challenger), (same, spoilt) = heavy(-0.01)
    bounded = Bounded("Brier score", champion, [challenger])
    (trial,) = judge(same, [(version(2), spoilt)], BLOCKS, VETO, bounded=bounded)
    assert trial.lower < 0
    assert trial.worse
    assert not trial.admitted
    assert judge(same, [(version(2), spoilt)], BLOCKS, VETO)[0].admitted


def test_where_no_row_carries_the_mean_the_bounded_loss_is_not_asked():
    (champion, challenger), _ = heavy(0.01)
    bounded = Bounded("Brier score", challenger, [champion])
    (trial,) = judge(champion, [(version(2), challenger)], BLOCKS, Gate("better"), bounded=bounded)
    assert trial.heaviest < HEAVY
    assert trial.beside is None
    assert trial.better

"""The gate: who may be promoted, and how seldom by chance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from undrift.errors import ConfigError, LeakError
from undrift.gate import MINIMUM_OF_CLASS, Gate, assert_unseen, judge, lacking, winner, without_constants
from undrift.records import Ranking, Version

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
    share = promotions(challengers, 400, Gate(alpha=0.05)) / 400
    assert share <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 400)
    assert share > 0.005, "a gate that never opens would pass this test too"


@pytest.mark.parametrize("challengers", [1, 3])
def test_worse_models_are_hardly_ever_promoted(challengers):
    assert promotions(challengers, 200, Gate(alpha=0.05), saving=-0.15) <= 2


@pytest.mark.parametrize("challengers", [1, 2, 3])
def test_clearly_better_models_are_promoted(challengers):
    assert promotions(challengers, 100, Gate(alpha=0.05), saving=0.3) >= 99


def test_a_margin_asks_for_a_saving_of_that_size():
    champion, challengers = paired_losses(np.random.default_rng(1), 1, saving=0.5)
    (trial,) = judge(champion, challengers, BLOCKS, Gate())
    assert -0.8 < trial.lower < trial.difference < trial.upper < -0.2
    for margin, better in ((-trial.upper - 1e-9, True), (-trial.upper + 1e-9, False)):
        assert judge(champion, challengers, BLOCKS, Gate(margin=margin))[0].better is better


def test_the_best_of_the_better_wins():
    random = np.random.default_rng(2)
    champion = random.gamma(2, 1, DAYS * ROWS)
    noise = random.normal(0, 0.1, DAYS * ROWS)
    shifts = {2: 0.5, 3: -0.3, 4: -0.6, 5: -0.2}
    trials = judge(champion, [(version(k), champion + s + noise) for k, s in shifts.items()], BLOCKS, Gate())
    assert [t.better for t in trials] == [False, True, True, True]
    assert winner(trials).version == 4
    assert [t.merge for t in trials] == [f"merge{k}" for k in shifts]
    assert [t.loss - champion.mean() for t in trials] == pytest.approx([t.difference for t in trials])


def test_one_block_is_no_proof_however_good_the_challenger():
    champion = np.full(100, 9.0)
    (trial,) = judge(champion, [(version(2), np.zeros(100))], np.zeros(100, dtype=np.int64), Gate())
    assert (trial.difference, trial.lower, trial.upper, trial.better) == (-9, -math.inf, math.inf, False)
    assert winner((trial,)) is None


def test_a_challenger_that_is_the_same_model_is_not_better():
    champion = np.random.default_rng(3).gamma(2, 1, len(BLOCKS))
    (trial,) = judge(champion, [(version(2), champion.copy())], BLOCKS, Gate())
    assert (trial.difference, trial.better) == (0, False)


def test_losses_that_are_not_numbers_promote_nobody():
    champion = np.ones(len(BLOCKS))
    (trial,) = judge(champion, [(version(2), np.where(BLOCKS == 0, np.nan, 0.0))], BLOCKS, Gate())
    assert not trial.better


def test_nobody_wins_where_nobody_stands():
    assert judge(np.ones(len(BLOCKS)), [], BLOCKS, Gate()) == ()
    assert winner(()) is None


def test_more_challengers_need_more_proof():
    assert [Gate(alpha=0.06).confidence(k) for k in (0, 1, 2, 3)] == pytest.approx([0.94, 0.94, 0.97, 0.98])


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
    assert lives_with_a_wrong_promotion(Gate(alpha_life=ALPHA_LIFE)) <= ALPHA_LIFE + 4 * error
    assert lives_with_a_wrong_promotion(Gate()) > 0.5, "30 attempts at 0.05 each: 0.79, were bounds exact"


def test_what_a_life_spends_adds_up_to_its_budget_and_no_attempt_is_free():
    gate = Gate(alpha=0.05, alpha_life=0.05)
    spent = [gate.spends(k) for k in range(1, 10_001)]
    assert spent == sorted(spent, reverse=True)
    assert sum(spent) == pytest.approx(0.05, abs=1e-5)
    assert spent[-1] > 0
    assert gate.confidence(2, attempt=3) == pytest.approx(1 - gate.spends(3) / 2)


def test_alpha_caps_what_an_attempt_may_spend_of_a_large_budget():
    assert Gate(alpha=0.05, alpha_life=0.5).spends(1) == 0.05
    assert Gate(alpha=0.05).spends(1) == Gate(alpha=0.05).spends(1_000) == 0.05


def ranked(number: int, value: float, lower: float) -> dict[int, Ranking]:
    return {number: Ranking("AUC", value, lower, ranks=lower > 0.5)}


def test_a_constant_is_not_better_than_a_champion_that_ranks_whatever_it_saves():
    champion, challengers = paired_losses(np.random.default_rng(5), 2, saving=0.5)
    trials = judge(champion, challengers, BLOCKS, Gate())
    assert all(t.better for t in trials)
    found = without_constants(
        trials, ranked(1, 0.84, 0.8) | ranked(2, 0.5, 0.5) | ranked(3, 0.8, 0.7), champion=1
    )
    assert [(t.ranks, t.better) for t in found] == [(False, False), (True, True)]
    assert winner(found).version == 3


def test_a_constant_may_take_the_place_of_a_champion_that_ranks_no_better():
    champion, challengers = paired_losses(np.random.default_rng(5), 1, saving=0.5)
    trials = judge(champion, challengers, BLOCKS, Gate())
    (found,) = without_constants(trials, ranked(1, 0.52, 0.45) | ranked(2, 0.5, 0.5), champion=1)
    assert (found.ranks, found.better) == (False, True)


def test_where_nobody_can_say_how_models_rank_the_loss_decides():
    champion, challengers = paired_losses(np.random.default_rng(5), 1, saving=0.5)
    trials = judge(champion, challengers, BLOCKS, Gate())
    (found,) = without_constants(trials, {1: None, 2: None}, champion=1)
    assert (found.ranks, found.better) == (None, True)


def test_held_out_rows_need_blocks_and_ten_rows_of_each_class():
    labels = np.zeros(DAYS * ROWS)
    labels[: MINIMUM_OF_CLASS - 7] = 1
    few = lacking(labels, BLOCKS, ("no", "yes"), Gate())
    assert few == "the held-out rows hold 3 rows of the class 'yes', 10 are needed: raise gate.windows"
    labels[:MINIMUM_OF_CLASS] = 1
    assert lacking(labels, BLOCKS, ("no", "yes"), Gate()) is None
    labels = 1 - np.isin(np.arange(len(BLOCKS)), (3, 5, 8))
    assert "3 rows of the class 'no'" in (lacking(labels, BLOCKS, ("no", "yes"), Gate()) or "")
    labels[:] = 1
    assert "0 rows of the class 'no'" in (lacking(labels, BLOCKS, ("no", "yes"), Gate()) or "")
    assert lacking(labels, BLOCKS, (), Gate()) is None
    three = lacking(labels, BLOCKS % 3, (), Gate(block="12h"))
    assert three == (
        "the held-out rows make 3 blocks of 12h, the gate needs 4: raise gate.windows, or lower gate.block"
    )


def test_one_row_that_decides_is_on_the_trial():
    champion = np.zeros(len(BLOCKS))
    losses = np.where(
        np.arange(len(BLOCKS)) == 7, -9.0, np.random.default_rng(6).normal(0, 0.01, len(BLOCKS))
    )
    (trial,) = judge(champion, [(version(2), losses)], BLOCKS, Gate())
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
        Gate(**settings)

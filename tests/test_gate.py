"""The gate: who may be promoted, and how seldom by chance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from undrift.errors import ConfigError, LeakError
from undrift.gate import Gate, assert_unseen, judge, winner
from undrift.records import Version

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


def test_a_held_out_row_that_was_trained_on_is_refused():
    with pytest.raises(LeakError, match="v3 was trained on 1 held-out rows, 'row 2' among them"):
        assert_unseen({"row 1", "row 2"}, {2: {"row 9"}, 3: {"row 2", "row 8"}})
    assert_unseen({"row 1"}, {2: {"row 9"}, 3: set()})
    assert_unseen(set(), {2: {"row 9"}})


@pytest.mark.parametrize(
    "settings", [{"alpha": 0}, {"alpha": 0.5}, {"alpha": math.nan}, {"windows": 0}, {"margin": -0.1}]
)
def test_a_gate_that_proves_nothing_is_refused(settings):
    with pytest.raises(ConfigError, match=rf"gate\.{next(iter(settings))}"):
        Gate(**settings)

"""Whether predictions rank rows, and whether probabilities are right on average."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from undrift import tasks
from undrift.skill import SURE, correlated, heaviest, mean_calibration, told_apart

DAYS, ROWS = 14, 40
BLOCKS = np.repeat(np.arange(DAYS), ROWS)
EVERY_ROW = np.arange(DAYS * ROWS)


def scored(random: np.random.Generator, share: float, skill: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels with this share of positives, and normal scores that lie ``skill`` higher for them."""
    labels = (random.random(len(BLOCKS)) < share).astype(float)
    return labels, random.normal(skill * labels, 1.0)


def test_the_auc_and_its_standard_error_are_those_of_delong():
    labels, values = scored(np.random.default_rng(0), 0.3, 1.0)
    found = told_apart(labels, values, EVERY_ROW)
    assert found.value == pytest.approx(roc_auc_score(labels, values))
    ones, zeros = values[labels == 1], values[labels == 0]
    wins = (ones[:, None] > zeros).astype(float)
    variance = wins.mean(axis=1).var(ddof=1) / len(ones) + wins.mean(axis=0).var(ddof=1) / len(zeros)
    reach = stats.t.ppf(SURE, len(labels) - 1) * math.sqrt(variance)
    assert found.value - found.lower == pytest.approx(reach, rel=0.01)


def test_the_rank_correlation_is_that_of_spearman_ties_in_the_middle():
    random = np.random.default_rng(1)
    labels = random.integers(0, 20, len(BLOCKS)).astype(float)
    values = np.round(labels + random.normal(0, 10, len(BLOCKS)))
    found = correlated(labels, values, BLOCKS)
    assert found.value == pytest.approx(stats.spearmanr(labels, values).statistic)
    assert (found.name, found.ranks) == ("rank correlation", True)


@pytest.mark.parametrize(("task", "chance"), [("binary", 0.5), ("regression", 0.0)])
def test_a_constant_ranks_nothing_however_good_its_loss(task, chance):
    labels, _ = scored(np.random.default_rng(2), 0.1, 0.0)
    found = tasks.named(task).ranking(labels, np.full(len(labels), 0.1), BLOCKS)
    assert (found.value, found.lower, found.ranks) == (chance, chance, False)


@pytest.mark.parametrize(("task", "best"), [("binary", 1.0), ("regression", 1.0)])
def test_perfect_order_is_sure_and_reversed_order_is_none(task, best):
    labels, _ = scored(np.random.default_rng(3), 0.1, 0.0)
    found = tasks.named(task).ranking(labels, labels, BLOCKS)
    assert (found.value, found.lower) == (pytest.approx(best), pytest.approx(best))
    assert found.ranks
    assert not tasks.named(task).ranking(labels, -labels, BLOCKS).ranks


def test_one_class_says_nothing():
    assert told_apart(np.ones(20), np.arange(20.0), np.arange(20)) is None
    assert correlated(np.full(20, 7.0), np.arange(20.0), np.arange(20)) is None


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_random_scores_seem_to_rank_no_more_often_than_they_may(share):
    """400 seeds; scores and the share of positives have effects of the day, positives are as few as 11."""
    random, wrong, trials = np.random.default_rng(4), 0, 400
    for _ in range(trials):
        often = share * random.lognormal(0, 0.5, DAYS)[BLOCKS]
        labels = (random.random(len(BLOCKS)) < often).astype(float)
        if labels.sum() < 10:
            trials -= 1
            continue
        values = random.normal(random.normal(0, 0.3, DAYS)[BLOCKS], 1.0)
        wrong += told_apart(labels, values, BLOCKS).ranks
    assert wrong / trials <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / trials)


def test_ten_positives_are_enough_for_a_good_model_and_too_few_for_a_weak_one():
    """An AUC of 0.84 (two normals 1.4 apart) is nearly always told from a constant, one of 0.6 seldom."""
    random = np.random.default_rng(5)
    labels = np.zeros(len(BLOCKS))
    labels[:: len(BLOCKS) // 10] = 1

    def told(auc: float) -> float:
        apart = math.sqrt(2) * stats.norm.ppf(auc)
        values = (random.normal(apart * labels, 1.0) for _ in range(200))
        return float(np.mean([told_apart(labels, v, BLOCKS).ranks for v in values]))

    assert told(0.84) > 0.9
    assert told(0.6) < 0.5


def test_a_score_that_was_reweighted_is_not_calibrated_and_the_odds_say_by_how_much():
    """Weights that balance classes multiply the odds of every row by (1 - share) / share."""
    random = np.random.default_rng(6)
    odds = np.exp(random.normal(-3, 1, 4_000))
    labels = (random.random(4_000) < odds / (1 + odds)).astype(float)
    blocks = np.arange(4_000) // 200
    honest = mean_calibration(labels, odds / (1 + odds), blocks)
    assert not honest.off
    assert honest.lower < 1 < honest.upper
    heavy = odds * (1 - labels.mean()) / labels.mean()
    found = mean_calibration(labels, heavy / (1 + heavy), blocks)
    assert found.off
    assert found.lower > 4
    said, happened = found.said, labels.mean()
    assert found.ratio == pytest.approx(said / (1 - said) / (happened / (1 - happened)))


def test_probabilities_that_are_too_low_are_off_as_well():
    labels = np.array([0.0, 1.0] * 100)
    found = mean_calibration(labels, np.full(200, 0.1), np.arange(200) // 10)
    assert (found.off, round(found.ratio, 4)) == (True, 0.1111)


def test_calibrated_probabilities_are_hardly_ever_called_off():
    """300 seeds: the interval covers 1 in about 95 %, and a factor of 1.5 is surely never there."""
    random, covered, off = np.random.default_rng(7), 0, 0
    for _ in range(300):
        chances = random.beta(1, 9, len(BLOCKS))
        labels = (random.random(len(BLOCKS)) < chances).astype(float)
        found = mean_calibration(labels, chances, BLOCKS)
        covered += found.lower < 1 < found.upper
        off += found.off
    assert abs(covered / 300 - 0.95) <= 4 * math.sqrt(0.05 * 0.95 / 300)
    assert off <= 2


def test_mean_calibration_needs_both_classes():
    assert mean_calibration(np.zeros(10), np.full(10, 0.2), np.arange(10)) is None
    assert mean_calibration(np.array([0.0, 1.0]), np.zeros(2), np.arange(2)) is None


def test_the_heaviest_row_has_its_share_of_the_squared_deviations():
    values = np.array([1.0, 2.0, 3.0, 10.0])
    assert heaviest(values) == pytest.approx(36 / 50)
    assert heaviest(np.zeros(3)) == heaviest(np.zeros(0)) == 0.0

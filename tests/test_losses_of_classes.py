"""Losses of several classes, losses over all rows, and weights: against scikit-learn and closed forms."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics as sklearn_metrics

from undrift import tasks
from undrift.errors import ConfigError
from undrift.losses import named
from undrift.statistics.intervals import block_t, serial_t
from undrift.statistics.jackknife import pseudo_values

RNG = np.random.default_rng(0)


def several(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities with ties, and weights; every class occurs."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, rows)]).astype(np.float64)
    raw = np.round(rng.dirichlet(np.ones(classes), len(labels)), 1) + 0.05
    return labels, raw / raw.sum(axis=1, keepdims=True), rng.uniform(0.5, 2.0, len(labels))


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 40), st.integers(3, 6), st.integers(0, 10_000))
def test_losses_of_several_classes_equal_scikit_learn(rows, classes, seed):
    labels, values, weights = several(rows, classes, seed)
    best = values.argmax(axis=1)
    log_loss = named("log_loss", "multiclass")
    assert log_loss.over(labels, values) == pytest.approx(
        sklearn_metrics.log_loss(labels, values, labels=range(classes)), abs=1e-5
    )
    assert log_loss.over(labels, values, weights) == pytest.approx(
        sklearn_metrics.log_loss(labels, values, labels=range(classes), sample_weight=weights), abs=1e-5
    )
    hot = np.eye(classes)[labels.astype(int)]
    assert named("brier", "multiclass").over(labels, values) == pytest.approx(
        np.sum((hot - values) ** 2, axis=1).mean()
    )
    assert named("zero_one", "multiclass").over(labels, values) == pytest.approx(
        1 - sklearn_metrics.accuracy_score(labels, best)
    )
    assert named("auc", "multiclass").over(labels, values) == pytest.approx(
        1 - sklearn_metrics.roc_auc_score(labels, values, multi_class="ovr", average="macro")
    )
    assert named("average_precision", "multiclass").over(labels, values) == pytest.approx(
        1 - sklearn_metrics.average_precision_score(hot, values, average="macro")
    )
    f1 = sklearn_metrics.f1_score(labels, best, average="macro", sample_weight=weights)
    assert named("f1", "multiclass").over(labels, values, weights) == pytest.approx(1 - f1)
    others = tasks.named("multiclass").others(labels, values)
    assert others["macro_f1"] == pytest.approx(sklearn_metrics.f1_score(labels, best, average="macro"))


@settings(deadline=None, max_examples=40)
@given(st.integers(4, 60), st.integers(0, 10_000))
def test_pooled_losses_of_two_classes_equal_scikit_learn_with_ties_and_weights(rows, seed):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0.0, 1.0], rng.integers(0, 2, rows)])
    values, weights = np.round(rng.random(len(labels)), 1), rng.uniform(0.5, 2.0, len(labels))
    assert named("auc", "binary").over(labels, values, weights) == pytest.approx(
        1 - sklearn_metrics.roc_auc_score(labels, values, sample_weight=weights)
    )
    assert named("average_precision", "binary").over(labels, values, weights) == pytest.approx(
        1 - sklearn_metrics.average_precision_score(labels, values, sample_weight=weights)
    )
    f1 = sklearn_metrics.f1_score(labels, values >= 0.3, sample_weight=weights, zero_division=0.0)
    assert named("f1", "binary", {"threshold": 0.3}).over(labels, values, weights) == pytest.approx(1 - f1)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=30))
def test_losses_of_numbers_equal_scikit_learn(rows):
    labels, values = (np.array(column) for column in zip(*rows, strict=True))
    assert named("pinball", "regression", {"quantile": 0.9}).over(labels, values) == pytest.approx(
        sklearn_metrics.mean_pinball_loss(labels, values, alpha=0.9)
    )
    far = np.where(np.abs(labels) < 1, 1.0, labels)
    assert named("absolute_percentage", "regression").over(far, values) == pytest.approx(
        sklearn_metrics.mean_absolute_percentage_error(far, values)
    )


def test_recall_at_k_counts_the_positives_that_a_team_would_see() -> None:
    labels, values = np.zeros(100), np.linspace(1, 0, 100)
    labels[[0, 4, 9, 50]] = 1.0
    assert named("recall_at_k", "binary", {"k": 0.1}).over(labels, values) == pytest.approx(0.25)
    assert named("recall_at_k", "binary", {"k": 0.04}).over(labels, values) == pytest.approx(0.75)
    even = named("recall_at_k", "binary", {"k": 0.3}).over(labels, np.full(100, 0.5))
    assert even == pytest.approx(0.7), "of rows that cannot be told apart a share of k is seen"


def test_a_cost_matrix_prices_each_mistake_and_no_class_costs_the_most() -> None:
    matrix = [[0, 1, 2], [5, 0, 2], [9, 1, 0]]
    loss = named("cost", "multiclass", {"matrix": matrix})
    said = np.eye(3)[[0, 2, 1, 0]] * 0.8 + 0.05
    assert loss(np.array([1.0, 0.0, 2.0, -1.0]), said).tolist() == [5.0, 2.0, 1.0, 9.0]
    two = named("cost", "binary", {"matrix": [[0, 1], [5, 0]], "threshold": 1 / 6})
    assert two(np.array([1.0, 0.0]), np.array([0.2, 0.2])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("name", ["log_loss", "brier", "zero_one", "cost"])
def test_a_class_that_nobody_agreed_on_is_a_whole_mistake(name: str) -> None:
    params = {"matrix": 1 - np.eye(3)} if name == "cost" else {}
    loss = named(name, "multiclass", params)
    sure = np.eye(3)[[0, 0]]
    unknown, wrong = loss(np.array([-1.0, 1.0]), sure)
    assert 0 < unknown <= wrong


@pytest.mark.parametrize(
    ("name", "task", "params", "problem"),
    [
        ("pinball", "regression", {"quantile": 1.5}, "score.params.quantile = 1.5 is out of range"),
        ("pinball", "regression", {"quantil": 0.9}, "unknown key score.params.quantil"),
        ("cost", "binary", {"matrix": [[0, 1]]}, "is not a square of numbers"),
        ("cost", "binary", {"matrix": "x"}, "is not a square of numbers"),
        ("recall_at_k", "binary", {"k": 10}, "score.params.k = 10 is out of range"),
        ("f1", "binary", {"threshold": "high"}, "score.params"),
        ("absolute", "regression", {"quantile": 0.9}, "unknown key score.params.quantile"),
        ("absolute_percentage", "regression", {"least": 0}, "score.params.least = 0 is out of range"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_before_anything_is_scored(name, task, params, problem):
    with pytest.raises(ConfigError, match=problem):
        named(name, task, params)


def test_the_name_of_a_loss_says_its_parameters() -> None:
    assert named("pinball", "regression", {"quantile": 0.9}).mean == "pinball loss at 0.9"
    assert named("recall_at_k", "binary", {"k": 0.2}).mean == "1 − recall at 0.2"


# By row ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 8), st.integers(0, 10_000))
def test_pseudo_values_of_a_mean_have_the_interval_of_its_blocks(blocks, seed):
    rng = np.random.default_rng(seed)
    names = np.repeat(np.arange(blocks), 5)
    rows = rng.normal(size=len(names))
    pseudo = pseudo_values(lambda kept: float(rows[kept].mean()), names)
    assert pseudo.mean() == pytest.approx(rows.mean())
    ours, theirs = block_t(pseudo, names, 0.95), block_t(rows, names, 0.95)
    assert (ours.lower, ours.upper) == pytest.approx((theirs.lower, theirs.upper))


def test_the_interval_of_an_auc_by_blocks_is_that_of_delong_where_rows_are_independent() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(4000) < 0.3).astype(np.float64)
    values = rng.normal(labels, 1.5)
    blocks = np.arange(4000) // 20
    found = block_t(named("auc", "binary").by_row(labels, values, blocks), blocks, 0.975)
    ranking = tasks.named("binary").ranking(labels, values, blocks)
    assert ranking is not None
    assert found.mean == pytest.approx(1 - ranking.value)
    delong = block_t(1 - _placements(labels, values), blocks, 0.975)
    assert found.upper - found.mean == pytest.approx(delong.upper - delong.mean, rel=0.02)


def _placements(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The part of each row in the AUC, by counting all pairs."""
    ones, zeros = values[labels > 0.5], values[labels < 0.5]
    above = (ones[:, None] > zeros[None, :]).astype(np.float64)
    area = above.mean()
    parts = np.empty(len(labels))
    parts[labels > 0.5] = (above.mean(axis=1) - area) * len(labels) / len(ones)
    parts[labels < 0.5] = (above.mean(axis=0) - area) * len(labels) / len(zeros)
    return area + parts


def test_blocks_without_positives_are_stood_and_positives_of_one_block_leave_nothing_to_tell() -> None:
    rng = np.random.default_rng(2)
    blocks = np.repeat(np.arange(10), 20)
    labels = np.zeros(200)
    labels[[3, 25, 64]] = 1.0
    values = rng.random(200)
    for name in ("auc", "average_precision", "recall_at_k", "f1"):
        assert np.isfinite(named(name, "binary").by_row(labels, values, blocks)).all()
    labels[[25, 64]] = 0.0
    lonely = named("auc", "binary").by_row(labels, values, blocks)
    assert np.isnan(lonely).all()
    assert not serial_t(lonely, blocks, 0.95).upper < 0


@settings(deadline=None, max_examples=30)
@given(st.integers(4, 60), st.integers(0, 10_000))
def test_rows_of_whole_weights_count_as_often_as_they_weigh(rows, seed):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0.0, 1.0], rng.integers(0, 2, rows)])
    values = rng.random(len(labels))
    weights = rng.integers(1, 4, len(labels)).astype(np.float64)
    times = weights.astype(int)
    for name in ("log_loss", "brier", "zero_one", "auc", "average_precision", "f1", "recall_at_k"):
        loss = named(name, "binary")
        repeated = loss.over(np.repeat(labels, times), np.repeat(values, times))
        assert loss.over(labels, values, weights) == pytest.approx(repeated)
        blocks = np.arange(len(labels)) // 3
        by_row = loss.by_row(labels, values, blocks, weights)
        if np.isfinite(by_row).all():
            assert by_row.mean() == pytest.approx(repeated)

"""Losses and scores against scikit-learn."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics as sklearn_metrics

from undrift import losses
from undrift.errors import ConfigError

pairs = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.01, 0.2, 0.2, 0.5, 0.7, 0.99])), min_size=1, max_size=50
)


@settings(deadline=None)
@given(pairs)
def test_scores_of_two_classes_equal_scikit_learn_with_ties(rows):
    labels, values = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    assert losses.log_loss(labels, values).mean() == pytest.approx(
        sklearn_metrics.log_loss(labels, values, labels=[0, 1]), rel=1e-9
    )
    assert losses.brier(labels, values).mean() == pytest.approx(np.mean((labels - values) ** 2))
    found = losses.others(labels, values, "binary")
    assert found["accuracy"] == sklearn_metrics.accuracy_score(labels, values > 0.5)
    if len(set(labels)) == 2:
        assert found["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(labels, values), abs=1e-12)
    else:
        assert found["auc"] is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=50))
def test_scores_of_numbers_equal_scikit_learn(rows):
    labels, values = (np.array(column) for column in zip(*rows, strict=True))
    assert losses.absolute(labels, values).mean() == pytest.approx(
        sklearn_metrics.mean_absolute_error(labels, values)
    )
    assert losses.squared(labels, values).mean() == pytest.approx(
        sklearn_metrics.mean_squared_error(labels, values)
    )
    found = losses.others(labels, values, "regression")
    assert found["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(labels, values))
    assert found["bias"] == pytest.approx(np.mean(values) - np.mean(labels), abs=1e-6)


def test_a_sure_mistake_is_dear_but_finite():
    found = losses.log_loss(np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))
    assert found[:2] == pytest.approx(-np.log(losses.CLIP))
    assert found[0] == pytest.approx(13.8, abs=0.02)
    assert found[2] == pytest.approx(0, abs=2e-6)


def test_an_auc_of_random_scores_is_a_half_and_of_reversed_ones_zero():
    labels = np.array([0.0, 1.0, 0.0, 1.0])
    assert losses.auc(labels, np.full(4, 0.3)) == 0.5
    assert losses.auc(labels, 1 - labels) == 0
    assert losses.auc(labels, labels) == 1


def test_auto_follows_the_task():
    assert losses.named("auto", "regression") == (losses.absolute, "MAE")
    assert losses.named("auto", "binary") == (losses.log_loss, "log loss")


@pytest.mark.parametrize(
    ("name", "task"), [("log_loss", "regression"), ("absolute", "binary"), ("mae", "regression")]
)
def test_a_loss_for_another_task_is_refused(name, task):
    with pytest.raises(ConfigError, match=f"no loss for {task} is called '{name}'"):
        losses.named(name, task)


def test_a_misspelt_loss_is_guessed():
    with pytest.raises(ConfigError, match="Did you mean 'absolute'"):
        losses.named("absolut", "regression")


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_loss_is_zero_or_least_for_the_truth(name):
    _, loss, _ = losses.LOSSES[name]
    labels = np.array([0.0, 1.0, 1.0])
    truth, lie = loss(labels, labels), loss(labels, 1 - labels)
    assert truth.shape == labels.shape
    assert np.all(truth < 1e-5)
    assert np.all(lie > truth)

"""Losses and scores against scikit-learn."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics as sklearn_metrics

from undrift import plugins, tasks
from undrift.errors import ConfigError
from undrift.losses import adapted, named
from undrift.losses.absolute import absolute
from undrift.losses.brier import brier
from undrift.losses.log_loss import CLIP, log_loss
from undrift.losses.squared import squared
from undrift.skill import auc
from undrift.testing.models import check_loss, check_task

pairs = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.01, 0.2, 0.2, 0.5, 0.7, 0.99])), min_size=1, max_size=50
)


@settings(deadline=None)
@given(pairs)
def test_scores_of_two_classes_equal_scikit_learn_with_ties(rows):
    labels, values = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    assert log_loss(labels, values).mean() == pytest.approx(
        sklearn_metrics.log_loss(labels, values, labels=[0, 1]), rel=1e-9
    )
    assert brier(labels, values).mean() == pytest.approx(np.mean((labels - values) ** 2))
    found = tasks.named("binary").others(labels, values)
    assert found["accuracy"] == sklearn_metrics.accuracy_score(labels, values > 0.5)
    if len(set(labels)) == 2:
        assert found["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(labels, values), abs=1e-12)
    else:
        assert found["auc"] is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=50))
def test_scores_of_numbers_equal_scikit_learn(rows):
    labels, values = (np.array(column) for column in zip(*rows, strict=True))
    assert absolute(labels, values).mean() == pytest.approx(
        sklearn_metrics.mean_absolute_error(labels, values)
    )
    assert squared(labels, values).mean() == pytest.approx(sklearn_metrics.mean_squared_error(labels, values))
    found = tasks.named("regression").others(labels, values)
    assert found["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(labels, values))
    assert found["bias"] == pytest.approx(np.mean(values) - np.mean(labels), abs=1e-6)


def test_a_sure_mistake_is_dear_but_finite():
    found = log_loss(np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))
    assert found[:2] == pytest.approx(-np.log(CLIP))
    assert found[0] == pytest.approx(13.8, abs=0.02)
    assert found[2] == pytest.approx(0, abs=2e-6)


def test_an_auc_of_random_scores_is_a_half_and_of_reversed_ones_zero():
    labels = np.array([0.0, 1.0, 0.0, 1.0])
    assert auc(labels, np.full(4, 0.3)) == 0.5
    assert auc(labels, 1 - labels) == 0
    assert auc(labels, labels) == 1


@pytest.mark.parametrize(
    ("name", "task"), [("log_loss", "regression"), ("absolute", "binary"), ("mae", "regression")]
)
def test_a_loss_for_another_task_is_refused(name, task):
    with pytest.raises(ConfigError, match=f"no loss for {task} is called '{name}'"):
        named(name, task)


def test_a_misspelt_loss_is_guessed():
    with pytest.raises(ConfigError, match="Did you mean 'absolute'"):
        named("absolut", "regression")


@pytest.mark.parametrize("name", plugins.names("losses"))
def test_every_loss_keeps_the_contract(name):
    check_loss(plugins.find("losses", name))


@pytest.mark.parametrize("name", plugins.names("tasks"))
def test_every_task_keeps_the_contract(name):
    check_task(tasks.named(name))


def pinball(labels, predictions):
    error = labels - predictions
    return np.maximum(0.9 * error, -0.1 * error)


def test_a_plain_function_is_a_loss_for_any_task():
    found = adapted(pinball, "pinball")
    assert found.tasks is None
    assert found.mean == "pinball"
    assert found(np.array([1.0, 0.0]), np.array([0.0, 1.0])).tolist() == [0.9, 0.1]


def mean_error(labels, predictions):
    return float(np.mean(labels - predictions))


def undefined(labels, predictions):
    return np.log(labels - labels - predictions)


@pytest.mark.parametrize("function", [mean_error, undefined])
def test_a_loss_that_gives_no_number_for_every_row_is_refused(function):
    found = adapted(function, function.__name__)
    with np.errstate(invalid="ignore"), pytest.raises(ConfigError, match="no finite number for every row"):
        found(np.array([1.0, 2.0]), np.array([3.0, 4.0]))

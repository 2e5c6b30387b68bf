"""Line-ups: what versions weigh, and what they say together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undrift import plugins
from undrift.errors import ConfigError
from undrift.lineup import mixed
from undrift.lineup.mixture import LEAST, Mixture
from undrift.lineup.single import Single
from undrift.testing import contracts

BLOCK = np.repeat(np.arange(20), 5)


@pytest.mark.parametrize("name", plugins.names("lineup"))
def test_every_lineup_keeps_the_contract(name: str) -> None:
    contracts.check_lineup(plugins.find("lineup", name)())


def test_a_weight_falls_with_the_distance_in_standard_errors() -> None:
    """A mean difference of z standard errors weighs exp(-sharpness z) of what the best one weighs."""
    noise = np.tile([-1.0, 1.0], 10) * math.sqrt(19)
    for z in (0.5, 1.0, 2.0):
        losses = {1: np.zeros(20), 2: noise + z}
        found = Mixture(sharpness=0.7).weigh(losses, np.arange(20))
        # one sigma of Student's t with 19 degrees of freedom stands for the standard error
        assert found[2] / found[1] == pytest.approx(math.exp(-0.7 * z), rel=0.06)


def test_what_cannot_be_told_from_the_best_weighs_as_much() -> None:
    same = np.random.default_rng(0).gamma(2, 1, len(BLOCK))
    assert Mixture().weigh({3: same, 4: same.copy()}, BLOCK) == {3: 0.5, 4: 0.5}


def test_what_is_surely_worse_weighs_nothing_and_what_is_left_adds_up() -> None:
    random = np.random.default_rng(1)
    base = random.gamma(2, 1, len(BLOCK))
    found = Mixture().weigh({1: base, 2: base + 2 + random.normal(0, 0.1, len(BLOCK)), 3: base}, BLOCK)
    assert found[2] == 0.0
    assert sum(found.values()) == pytest.approx(1)


def test_a_sharper_mixture_leans_more_on_the_best() -> None:
    random = np.random.default_rng(2)
    base = random.gamma(2, 1, len(BLOCK))
    losses = {1: base, 2: base + 0.05 + random.normal(0, 0.5, len(BLOCK))}
    best = [Mixture(sharpness=s).weigh(losses, BLOCK) for s in (0.1, 1.0, 5.0)]
    assert max(best[0].values()) < max(best[1].values()) < max(best[2].values())


@given(
    st.dictionaries(st.integers(1, 9), st.floats(0, 1e6), min_size=1, max_size=6),
    st.integers(0, 2**32 - 1),
)
def test_a_mixture_lies_among_its_members(weights: dict[int, float], seed: int) -> None:
    random = np.random.default_rng(seed)
    said = {n: random.normal(size=7) for n in weights}
    found = mixed(said, weights)
    table = np.array(list(said.values()))
    assert (found <= table.max(axis=0) + 1e-9).all()
    assert (found >= table.min(axis=0) - 1e-9).all()


def test_a_member_that_says_nothing_leaves_its_weight_to_the_others() -> None:
    said = {1: np.array([1.0, 2.0]), 3: np.array([3.0, 6.0])}
    assert mixed(said, {1: 0.25, 2: 0.5, 3: 0.25}).tolist() == [2.0, 4.0]
    assert mixed({2: np.array([9.0])}, {2: 0.0, 1: 1.0}).tolist() == [9.0]


def test_a_mixture_loses_no_more_than_its_members_do_on_average() -> None:
    """Jensen: log loss, absolute and squared error are convex in the prediction."""
    from undrift.losses.absolute import absolute
    from undrift.losses.log_loss import log_loss

    random = np.random.default_rng(3)
    labels = (random.random(500) < 0.4).astype(float)
    said = {n: random.beta(2, 3, 500) for n in range(1, 5)}
    weights = dict.fromkeys(said, 0.25)
    for loss in (log_loss, absolute):
        together = loss(labels, mixed(said, weights)).mean()
        assert together <= np.mean([loss(labels, values).mean() for values in said.values()])


@pytest.mark.parametrize("settings", [{"members": 1}, {"sharpness": 0.0}, {"sharpness": math.nan}])
def test_a_mixture_that_is_none_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"lineup.{next(iter(settings))}"):
        Mixture(**settings)  # type: ignore[arg-type]


def test_a_single_version_takes_all() -> None:
    assert Single().members == 1
    assert LEAST < 0.05

"""Settings and the constructors that take them say the same."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import pytest

from undrift.comparison.limits import Limits
from undrift.config.settings import SETTINGS
from undrift.gate import Gate
from undrift.trainers.estimator import Estimator
from undrift.workspace.life import Life

TAKEN: dict[str, tuple[type, str]] = {
    **{f"gate.{f.name}": (Gate, f.name) for f in dataclasses.fields(Gate)},
    **{f"drift.{f.name}": (Limits, f.name) for f in dataclasses.fields(Limits)},
    "labels.coverage": (Life, "coverage"),
    "score.loss": (Life, "loss"),
    "model.trust_pickle": (Life, "trust_pickle"),
}
"""Settings, and the arguments that they become."""

NO_SETTING = {"drift.features", "drift.beside"}
"""A table of tables, and what only a caller in Python asks for."""


@pytest.mark.parametrize("name", sorted(TAKEN.keys() - NO_SETTING))
def test_a_setting_has_the_default_and_the_type_of_its_argument(name: str) -> None:
    part, argument = TAKEN[name]
    field = next(f for f in dataclasses.fields(part) if f.name == argument)  # type: ignore[arg-type]
    wanted: Any = typing.get_type_hints(part)[argument]
    as_list = typing.get_origin(wanted) is tuple
    assert SETTINGS[name].default == (list(field.default) if as_list else field.default)
    assert SETTINGS[name].type == (list if as_list else wanted)


def test_every_argument_of_the_gate_and_of_the_limits_is_a_setting() -> None:
    assert TAKEN.keys() - SETTINGS.keys() == NO_SETTING


def test_the_seed_of_a_model_is_that_of_its_trainer() -> None:
    import inspect

    assert inspect.signature(Estimator).parameters["seed"].default == SETTINGS["model.seed"].default

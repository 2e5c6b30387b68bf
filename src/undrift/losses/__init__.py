"""Losses: on which models are judged, row by row.

A loss takes labels and predictions of shape (rows,) and gives one number per row, so that two models can be
compared on the same rows. For two classes, labels are 0 and 1 and a prediction is the probability of class
1. Adding one is adding a file that holds a function of the file's name::

    @loss("regression", mean="MAE")
    def absolute(labels, predictions): ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError, suggest
from undrift.plugins import find, foreign, names
from undrift.records import TaskName

Floats = NDArray[np.float64]
Function = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Loss:
    """A loss, the ``task`` that it is for (None for any), and what its ``mean`` is called.

    ``bounded`` names the loss that stands beside it where a few rows carry its mean, empty where there is
    none.
    """

    name: str
    function: Function
    task: TaskName | None
    mean: str
    bounded: str = ""

    def __call__(self, labels: Floats, predictions: Floats) -> Floats:
        """One number per row; raises ConfigError where a function of another package gives no such array."""
        if not foreign(self):
            return self.function(labels, predictions)
        try:
            values = np.asarray(self.function(labels, predictions), dtype=np.float64)
        except Exception as error:
            raise ConfigError(
                f"the loss {self.name!r} fails: {type(error).__name__}: {error}",
                "It takes labels and predictions, a number per row each: see docs/parts.md.",
            ) from error
        if values.shape != labels.shape or not np.isfinite(values).all():
            raise ConfigError(
                f"the loss {self.name!r} gives no finite number for every row",
                "It should give an array like the labels, smaller for the better: see docs/parts.md.",
            )
        return values


def loss(task: TaskName, *, mean: str, bounded: str = "") -> Callable[[Function], Loss]:
    """Declare a function of labels and predictions to be a loss for a task."""

    def declare(function: Function) -> Loss:
        made = Loss(function.__name__, function, task, mean, bounded)
        object.__setattr__(made, "__doc__", function.__doc__)
        return made

    return declare


def adapted(part: Any, name: str) -> Loss:
    """A loss of another package: as it was declared, or a plain function, for any task."""
    if isinstance(part, Loss):
        return part
    if not callable(part) or isinstance(part, type):
        raise ConfigError(
            f"{name!r} is no loss but {type(part).__name__} {part!r:.40}",
            "Write a function of labels and predictions that gives a number per row: see docs/parts.md.",
        )
    return Loss(name, part, None, name.rpartition(":")[2])


def named(name: str, task: TaskName) -> Loss:
    """The loss of a name, for a task; raises ConfigError for an unknown one or one for another task.

    >>> named("absolute", "regression").mean
    'MAE'
    """
    found: Loss | None = find("losses", name) if name in names("losses") else None
    if found is None or found.task not in (None, task):
        fitting = [n for n in names("losses") if find("losses", n).task in (None, task)]
        raise ConfigError(f"no loss for {task} is called {name!r}", suggest(name, fitting))
    return found

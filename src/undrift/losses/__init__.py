"""Losses: on which models are judged, row by row or over all rows together.

A loss takes labels and predictions. Labels have shape (rows,), and so have predictions, but of several
classes they are probabilities of shape (rows, classes). For classes labels are their places from 0 up; for
two of them a prediction is the probability of class 1. Most losses give one number per row. A pooled one
gives a single number for all rows, because nothing smaller than a set of rows has an AUC. Smaller is better.
Adding a loss is adding a file that holds a function of the file's name; what it takes beside labels and
predictions is set in ``score.params``::

    @loss("regression", mean="MAE")
    def absolute(labels, predictions): ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError, suggest
from undrift.plugins import find, foreign, names
from undrift.records import TaskName
from undrift.statistics.jackknife import pseudo_values

Floats = NDArray[np.float64]
Blocks = NDArray[np.int64]
Function = Callable[..., Any]


@dataclass(frozen=True)
class Loss:
    """A loss, the ``tasks`` that it is for (None for any), and what its ``mean`` over rows is called.

    A ``pooled`` one is a number for all rows together, NaN where these have none. ``bounded`` names the loss
    that stands beside it where a few rows carry its mean, empty where there is none. ``params`` are handed to
    its function.
    """

    name: str
    function: Function
    tasks: tuple[TaskName, ...] | None
    mean: str
    bounded: str = ""
    pooled: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, labels: Floats, predictions: Floats, weights: Floats | None = None) -> Any:
        """One number per row, or of a pooled loss a single one, for rows that have ``weights`` if given.

        Raises ConfigError where a function of another package gives anything else.
        """
        more = dict(self.params) | ({} if weights is None or not self.pooled else {"weights": weights})
        if not foreign(self):
            return self.function(labels, predictions, **more)
        try:
            values = np.asarray(self.function(labels, predictions, **more), dtype=np.float64)
        except Exception as error:
            raise ConfigError(
                f"the loss {self.name!r} fails: {type(error).__name__}: {error}",
                "It takes labels and predictions, a number per row each: see docs/parts.md.",
            ) from error
        fits = values.shape == (() if self.pooled else labels.shape) and not np.isinf(values).any()
        if not fits or (not self.pooled and np.isnan(values).any()):
            raise ConfigError(
                f"the loss {self.name!r} gives no finite number for every row",
                "It should give an array like the labels, smaller for the better: see docs/parts.md.",
            )
        return float(values) if self.pooled else values

    def over(self, labels: Floats, predictions: Floats, weights: Floats | None = None) -> float:
        """The loss of all rows together; NaN where there are none, or a pooled loss is not defined."""
        if not len(labels):
            return float("nan")
        if self.pooled:
            return float(self(labels, predictions, weights))
        values = self(labels, predictions)
        return float(values.mean() if weights is None else np.average(values, weights=weights))

    def by_row(
        self, labels: Floats, predictions: Floats, blocks: Blocks, weights: Floats | None = None
    ) -> Floats:
        """Values of shape (rows,) whose mean is the loss of all rows, and whose blocks tell its error.

        They are the losses of the rows, as these weigh. Of a pooled loss each row has the pseudo-value of its
        block: what leaving it out takes from the whole (see ``statistics.jackknife``). They are NaN where
        leaving out a block leaves nothing to tell.
        """
        if self.pooled:
            return pseudo_values(
                lambda kept: self.over(
                    labels[kept], predictions[kept], None if weights is None else weights[kept]
                ),
                blocks,
            )
        values: Floats = self(labels, predictions)
        if weights is None:
            return values
        mean = float(np.average(values, weights=weights))
        weighed: Floats = mean + (values - mean) * weights / weights.mean()
        return weighed


def loss(*tasks: TaskName, mean: str, bounded: str = "", pooled: bool = False) -> Callable[[Function], Loss]:
    """Declare a function of labels and predictions to be a loss for some tasks.

    ``mean`` is a name with the parameters in it: "pinball loss at {quantile}".
    """

    def declare(function: Function) -> Loss:
        made = Loss(function.__name__, function, tasks, mean, bounded, pooled)
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


def named(name: str, task: TaskName, params: Mapping[str, Any] | None = None) -> Loss:
    """The loss of a name, for a task, with its parameters.

    Raises ConfigError for an unknown one, one for another task, or a parameter that it does not take.

    >>> named("absolute", "regression").mean
    'MAE'
    """
    found: Loss | None = find("losses", name) if name in names("losses") else None
    if found is None or (found.tasks is not None and task not in found.tasks):
        fitting = [
            n for n in names("losses") if find("losses", n).tasks is None or task in find("losses", n).tasks
        ]
        raise ConfigError(f"no loss for {task} is called {name!r}", suggest(name, fitting))
    return _with(found, dict(params or {}))


def _with(found: Loss, params: dict[str, Any]) -> Loss:
    """A loss with parameters: those that are given, and its own defaults."""
    signature = inspect.signature(found.function).parameters.values()
    known = {p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY}
    for key in params:
        if key not in known:
            raise ConfigError(f"unknown key score.params.{key}", suggest(key, sorted(known)))
    chosen = {name: params.get(name, value) for name, value in known.items() if name != "weights"}
    if not chosen:
        return found
    made = replace(found, mean=found.mean.format(**chosen), params=chosen)
    object.__setattr__(made, "__doc__", found.__doc__)
    try:
        made.function(np.zeros(0), np.zeros(0), **chosen)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"score.params: {error}", "Correct the parameter.") from error
    return made

"""Metrics: pure functions of two profiles of one feature, each giving one number.

A metric is an effect size: its expectation does not grow with the number of rows. It never gives
a verdict. Adding one is adding a file that holds a function of the file's name::

    @metric("numeric", "categorical", symmetric=True, threshold=0.1, upper=1.0, noise=...)
    def hellinger(ref, cur): ...
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal

from undrift.errors import ConfigError
from undrift.plugins import foreign
from undrift.records import Kind

Function = Callable[[Any, Any], float]
Part = Literal["values", "missing", "unseen", "ground"]


@dataclass(frozen=True)
class Metric:
    """A drift metric and what it declares about itself.

    ``kinds`` it understands ("categorical" includes booleans), whether it is ``symmetric``, its
    default ``threshold``, its largest value ``upper``, and ``noise``: the value to expect from
    two samples of the same distribution, given their profiles. ``watches`` says what part of a feature
    it looks at: its values, its missing or unseen ones, or the ground it stands on.
    """

    name: str
    function: Function
    kinds: tuple[Kind, ...]
    symmetric: bool
    threshold: float
    upper: float
    noise: Function
    watches: Part = "values"

    def __call__(self, ref: Any, cur: Any) -> float:
        """The effect between a reference profile and a current one.

        Raises ConfigError where the function of another package fails, or gives anything but a number.
        """
        if not foreign(self):
            return float(self.function(ref, cur))
        try:
            value = self.function(ref, cur)
        except Exception as error:
            raise ConfigError(
                f"the metric {self.name!r} fails: {type(error).__name__}: {error}",
                "It takes two profiles of one feature: see docs/parts.md.",
            ) from error
        if isinstance(value, bool) or not isinstance(value, Real):
            raise ConfigError(
                f"the metric {self.name!r} gives {value!r:.60}, which is no number",
                "It should give an effect size, 0 for two equal profiles: see docs/parts.md.",
            )
        return float(value)

    def understands(self, kind: Kind) -> bool:
        """Whether the metric is defined for features of this kind."""
        return ("categorical" if kind == "boolean" else kind) in self.kinds


def adapted(part: Any, name: str) -> Metric:
    """A metric of another package: as it was declared, or a plain function of two numeric profiles.

    A plain function has a threshold of 0.1 and no noise to be taken off. Raises ConfigError for anything
    else.
    """
    if isinstance(part, Metric):
        return replace(part, name=name)
    if not callable(part) or isinstance(part, type):
        raise ConfigError(
            f"{name!r} is no metric but {type(part).__name__} {part!r:.40}",
            "Write a function of two profiles that gives a number: see docs/parts.md.",
        )
    return Metric(name, part, ("numeric",), symmetric=False, threshold=0.1, upper=math.inf, noise=_none)


def _none(ref: Any, cur: Any) -> float:  # noqa: ARG001
    return 0.0


def metric(
    *kinds: Kind,
    symmetric: bool,
    threshold: float,
    noise: Function,
    upper: float = math.inf,
    watches: Part = "values",
) -> Callable[[Function], Metric]:
    """Declare a function of two profiles to be a metric."""

    def declare(function: Function) -> Metric:
        name = function.__name__
        made = Metric(name, function, kinds, symmetric, threshold, upper, noise, watches)
        object.__setattr__(made, "__doc__", function.__doc__)
        return made

    return declare

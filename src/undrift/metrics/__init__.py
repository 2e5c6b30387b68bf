"""Metrics: pure functions of two profiles of one feature, each giving one number.

A metric is an effect size: its expectation does not grow with the number of rows. It never gives
a verdict. Adding one is adding a file that holds a function of the file's name::

    @metric("numeric", "categorical", symmetric=True, threshold=0.1, upper=1.0, noise=...)
    def hellinger(ref, cur): ...
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

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
        """The effect between a reference profile and a current one."""
        return float(self.function(ref, cur))

    def understands(self, kind: Kind) -> bool:
        """Whether the metric is defined for features of this kind."""
        return ("categorical" if kind == "boolean" else kind) in self.kinds


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

"""Which of many findings to believe at once: false discovery rates, from p-values and from e-values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def limits(
    p_values: Mapping[K, float], rate: float, weights: Mapping[K, float] | None = None
) -> dict[K, float]:
    """The p-value up to which each hypothesis is believed, by Benjamini and Hochberg's rule.

    Of the hypotheses whose p-value is at most its limit, on average at most a share of ``rate`` is false;
    where all are true, one is believed in so many families. ``weights`` (mean 1) favour some hypotheses over
    others. Sources: Benjamini and Hochberg (1995), JRSS B 57; Genovese, Roeder and Wasserman (2006),
    Biometrika 93.

    >>> limits({"a": 0.001, "b": 0.02, "c": 0.9}, 0.03)
    {'a': 0.02, 'b': 0.02, 'c': 0.03}
    """
    given = weights or {}
    weight = {key: given.get(key, 1.0) for key in p_values}
    scaled = sorted(p / weight[key] if weight[key] else float("inf") for key, p in p_values.items())
    total = len(scaled)
    believed = max((k for k, p in enumerate(scaled, start=1) if p <= rate * k / total), default=0)
    reached = {key: _at_most(p, rate * believed / total * weight[key]) for key, p in p_values.items()}
    return {
        key: weight[key] * rate * (believed if reached[key] else min(believed + 1, total)) / total
        for key in p_values
    }


def slowly(e_values: Mapping[K, float], rate: float) -> set[K]:
    """The hypotheses to believe by their e-values, whatever their dependence.

    Of e-detectors, whose values grow with time, the promise is one false alarm in 1 / rate windows.

    The k largest are, where the k-th is at least total / (rate k). Source: Wang and Ramdas (2022), JRSS B 84.

    >>> sorted(slowly({"a": 900.0, "b": 40.0, "c": 1.0}, 0.01))
    ['a']
    """
    ranked = sorted(e_values, key=lambda key: -e_values[key])
    total = len(ranked)
    most = max((k for k, key in enumerate(ranked, 1) if k * e_values[key] >= total / rate), default=0)
    return set(ranked[:most])


def _at_most(p: float, limit: float) -> bool:
    return p <= limit * (1 + 1e-12) and limit > 0

"""The textbook rule: rows are independent draws, so only sampling makes two windows differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from undrift.calibration import Calibration, Judgement, Reading
from undrift.calibration._independent import Tested, deviations, enough, independent, pearson
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile
from undrift.statistics.tails import chi_square

BINS = 20
"""Quantile bins of numbers: two for each decile, so that tails are seen."""

WEIGHTS = {"location": 0.4, "spread": 0.25, "shape": 0.35}
"""How the error rate is shared out among the parts of chi-square: what moves most often gets most."""

Numbers = NDArray[np.float64]


class Asymptotic:
    """Takes rows for independent draws: chi-square of labels, and of numbers by location, spread and shape.

    Right for rows sampled at random; where whole days differ from one another it alarms far too often.
    """

    def judge(
        self,
        ref: TableProfile,
        cur: TableProfile,
        names: Sequence[str],
        earlier: Sequence[TableProfile] = (),  # noqa: ARG002
        reading: Reading | None = None,  # noqa: ARG002
    ) -> Judgement:
        """The evidence from sampling theory."""
        return independent(ref, cur, names, components)


def components(ref: AnyProfile, cur: AnyProfile) -> Tested:
    """The parts of chi-square along normal scores of the ranks, and what is left of it (Neyman 1937).

    >>> components(*[NumericProfile.of(np.arange(500.0), 0)] * 2).p_value
    1.0
    """
    if not isinstance(ref, NumericProfile):
        return pearson(ref, cur)
    before, now = enough(ref, cur, BINS)
    parts = deviations(before, now)
    scores = _scores(tuple(((before + now) / max(int((before + now).sum()), 1)).tolist()))
    along = [float(parts @ score) for score in scores]
    rest = max(0.0, float(parts @ parts) - sum(s * s for s in along))
    found = {name: math.erfc(abs(s) / math.sqrt(2)) for name, s in zip(WEIGHTS, along, strict=False)}
    found["shape"] = chi_square(rest, len(parts) - 1 - len(along))
    loudest = min(found, key=lambda name: found[name] / WEIGHTS[name])
    sign = dict(zip(WEIGHTS, along, strict=False)).get(loudest, 0.0)
    direction = "up" if sign > 0 else "down" if sign < 0 else ""
    return Tested(min(1.0, found[loudest] / WEIGHTS[loudest]), loudest, direction)


@cache
def _scores(shares: tuple[float, ...]) -> tuple[Numbers, ...]:
    """Unit vectors of location and spread: normal scores of mid-ranks and their squares, by √share."""
    p = np.array(shares)
    middle = np.clip(np.cumsum(p) - p / 2, 1e-12, 1 - 1e-12)
    normal = np.array([NormalDist().inv_cdf(u) for u in middle])
    found: list[Numbers] = [np.sqrt(p)]
    for powers in (normal, normal**2):
        left = np.sqrt(p) * powers
        for unit in found:
            left = left - (left @ unit) * unit
        if (size := float(np.linalg.norm(left))) > 1e-6:
            found.append(left / size)
    return tuple(found[1:])


_: type[Calibration] = Asymptotic

"""More than one feature at a time: what single features cannot show.

A part is a function of its file's name: it takes the sums of the history's windows (those of the same
phase, in a season) and of the window to be judged, and gives Moved. Adding one is adding a file.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undrift.calibration import Reading
from undrift.calibration.history import FEWEST, Windows
from undrift.plugins import find
from undrift.profiles.joint import Joint
from undrift.profiles.table import TableProfile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Moved:
    """What was found over several features: a p-value, an effect with its limit, and what moved in words."""

    p_value: float
    value: float
    threshold: float
    effect: str
    features: tuple[str, ...] = ()


Part = Callable[[Joint, Joint], Moved]


def moved(
    ref: TableProfile,
    cur: TableProfile,
    names: Sequence[str],
    season: str | None = None,
    reading: Reading | None = None,
    ignore: Container[str] = (),
) -> dict[str, Moved]:
    """What each named part finds; nothing without a history of windows with their features summed.

    A ``reading`` says which of the history's windows are learnt from: since a change, only those after it.
    Features to ``ignore`` are left out.
    """
    past, now = ref.history, cur.history
    if past is None or now is None or past.joint is None or now.joint is None or not now.rows.sum():
        return {}
    anchor, span = now.extent
    windows = Windows.of(past, span, anchor, season)
    joint = windows.past.joint
    sums = now.joint.of(now.joint.sums.sum(axis=0, keepdims=True))
    if len(windows) < FEWEST or joint is None or not sums.sums[0, 0]:
        return {}
    if reading is not None:
        joint = joint.of(joint.sums[_learnt(windows, reading)])
        if len(joint.sums) < FEWEST:
            return {}
    elif windows.phases is not None and season is not None:
        joint = joint.of(joint.sums[windows.phases == windows.phase_of(anchor, season)])
    then, here = joint.without(ignore), sums.without(ignore)
    if then is None or here is None:
        return {}
    return {name: find("multivariate", name)(then, here) for name in names}


def _learnt(windows: Windows, reading: Reading) -> NDArray[np.bool_]:
    """The windows that a reading learns from."""
    kept = ~np.isin(windows.places, list(reading.aside))
    return np.asarray(kept if reading.era is None else kept & (windows.places >= reading.era))


def predictive(history: Floats, now: Floats, own: Floats, sampling: Floats) -> Floats:
    """Two-sided p-values of statistics (P,) given their past (H, P), in a t of the windows' own spread.

    ``sampling`` (H, 1) and ``own`` (1, 1) are the variances that rows alone explain, in the past and now;
    what windows differ by beyond that is added to the present's (random effects; Higgins, Thompson and
    Spiegelhalter 2009, JRSS A 172).
    """
    from scipy.special import stdtr

    windows = len(history)
    between = np.maximum(history.var(axis=0, ddof=1) - sampling.mean(), 0.0)
    variance = (own + between) * (1 + 1 / windows)
    freedom = max(1.0, 0.6 * (windows - 1))
    t = np.abs(now - history.mean(axis=0)) / np.sqrt(np.maximum(variance, 1e-12))
    return np.asarray(2 * stdtr(freedom, -t)).ravel()


def pooled(p_values: Floats) -> float:
    """Cauchy combination of p-values: valid whatever their dependence (Liu and Xie 2020, JASA 115).

    >>> round(pooled(np.array([0.01, 0.5])), 3)
    0.02
    """
    p = np.clip(p_values, 1e-300, 0.95)
    return float(np.arctan2(1.0, np.mean(1 / np.tan(np.pi * p))) / np.pi)

"""More than one feature at a time: what single features cannot show.

A part is a function of its file's name: it takes the sums of the history's windows (those of the same
phase, in a season) and of the window to be judged, and gives Moved. Adding one is adding a file.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from undrift.calibration import Reading
from undrift.calibration.history import FEWEST, Windows
from undrift.plugins import find
from undrift.profiles.embedding import Embedding
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

Sums = TypeVar("Sums", Joint, Embedding)

EMBEDDED = "mmd"
"""What looks at a column of lists of numbers, whatever looks at the features together."""

ENOUGH = 2
"""Windows that have a spread."""


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
    Features to ``ignore`` are left out. Each column of lists of numbers is looked at as one feature.
    """
    past, now = ref.history, cur.history
    if past is None or now is None or not now.rows.sum():
        return {}
    anchor, span = now.extent
    windows = Windows.of(past, span, anchor, season)
    if len(windows) < FEWEST:
        return {}
    learnt = _quiet(windows, anchor, season, reading)
    joint, sums = windows.past.joint, now.joint
    found = {}
    if names and joint is not None and sums is not None:
        pair = _beside(joint.without(ignore), sums.without(ignore), learnt)
        found = {name: find("multivariate", name)(*pair) for name in names} if pair else {}
    for column, one in windows.past.embeddings.items():
        there = now.embeddings.get(column)
        lists = None if there is None or column in ignore else _beside(one, there, learnt)
        if lists:
            found[f"{EMBEDDED} of {column}"] = find("multivariate", EMBEDDED)(*lists)
    return found


def _beside(then: Sums | None, here: Sums | None, learnt: NDArray[np.bool_]) -> tuple[Sums, Sums] | None:
    """The past windows that are learnt from, and the one to be judged; None where there are too few rows."""
    if then is None or here is None:
        return None
    past, now = then.sums[learnt & (then.sums[:, 0] > 0)], here.sums.sum(axis=0, keepdims=True)
    return (then.of(past), here.of(now)) if len(past) >= ENOUGH and now[0, 0] else None


def _quiet(windows: Windows, anchor: int, season: str | None, reading: Reading | None) -> NDArray[np.bool_]:
    """The windows that are learnt from: those that a reading names, or those of the same phase."""
    if reading is not None:
        learnt = _learnt(windows, reading)
        return learnt if np.count_nonzero(learnt) >= FEWEST else np.zeros(len(windows), dtype=bool)
    if windows.phases is not None and season is not None:
        return np.asarray(windows.phases == windows.phase_of(anchor, season))
    return np.ones(len(windows), dtype=bool)


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

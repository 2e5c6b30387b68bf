"""Maximum mean discrepancy: any change of the joint distribution, many small ones above all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.multivariate import Moved, Part, Sums
from undrift.profiles.joint import FREQUENCIES, Joint, waves
from undrift.words.numbers import number

THRESHOLD = 0.1
"""The smallest distance worth caring about."""

Floats = NDArray[np.float64]


def mmd(past: Sums, now: Sums) -> Moved:
    """Distance of mean embeddings by random cosine features of a Gaussian kernel; effect 0 to √2.

    A window's squared distance from the mean of all is what windows differ by and what its rows' sampling
    adds; the log of its ratio to that expectation is compared, as a t, with those of the history. Sources:
    Gretton et al. (2012), JMLR 13; Rahimi and Recht (2007), NIPS 20.
    """
    from scipy.special import stdtr

    rows, own = np.maximum(past.sums[:, 0], 1).astype(float), float(now.sums[0, 0])
    before = waves(past.sums)
    windows, middle = len(before), before.mean(axis=0)
    each_row = FREQUENCIES - float((middle**2).sum())  # cos² + sin² = 1 in every direction
    away = ((before - middle) ** 2).sum(axis=1) * windows / (windows - 1)
    between = max(0.0, float(np.mean(away - each_row / rows)))
    history = _log_ratio(away, between + each_row / rows)
    distance = float(((waves(now.sums)[0] - middle) ** 2).sum())
    present = _log_ratio(np.array([distance / (1 + 1 / windows)]), between + each_row / np.array([own]))
    t = (present[0] - history.mean()) / max(float(history.std(ddof=1)) * np.sqrt(1 + 1 / windows), 1e-9)
    size = float(np.sqrt(distance / FREQUENCIES))
    looked_at = "all features together" if isinstance(now, Joint) else f"{now.name} as a whole"
    effect = f"{looked_at}, distance {number(size)}"
    return Moved(float(stdtr(windows - 1, -t)), size, THRESHOLD, effect, now.names)


def _log_ratio(found: Floats, expected: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(found, 1e-15) / np.maximum(expected, 1e-15)))


_: Part = mmd

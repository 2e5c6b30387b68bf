"""Slow drift: evidence that adds up over windows, and since when it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undrift.statistics.predictive import MOST, NOTICED
from undrift.statistics.scores import Floats, Places

STEPS = np.array([0.5, 1.0, 2.0, 3.0])
"""Moves that are listened for, in standard deviations of a window's score."""

SIGNS = np.array([1.0, -1.0])
"""Up and down."""

ALLOWANCE = 1.5
"""Standard errors of the history's centre that a move must exceed before it counts as evidence."""

LARGEST = 700.0
"""Logarithms of evidence stop here, short of infinity."""


@dataclass(frozen=True)
class Slow:
    """Evidence for a lasting move, all (F,).

    The mean ``evidence`` after the last window, and of the strongest hypothesis the window of its
    ``onset``, the ``component`` (0 location, 1 spread) and the ``sign``.
    """

    evidence: Floats
    onset: Places
    component: Places
    sign: Places


def slow(z: Floats, effective: Floats, persistence: Floats | None = None) -> Slow:
    """Listen for lasting moves in normal scores z (W, F, 2) of one or more windows in time order.

    ``effective`` and ``persistence`` (F, 2) are the monitor's. A mixture of Shiryaev-Roberts e-detectors
    (Shin, Ramdas and Rinaldo 2024) over component, sign and ``STEPS``, on scores freed of autocorrelation.
    """
    r = _autocorrelation(z, np.zeros_like(effective) if persistence is None else persistence)
    freed = z.copy()
    freed[1:] = (z[1:] - r * z[:-1]) / np.sqrt(1 - r**2)
    allowance = ALLOWANCE / np.sqrt(np.maximum(effective, 1.0)) * np.sqrt((1 - r) / (1 + r))
    toward = freed[..., None] * SIGNS - allowance[..., None]
    gain = STEPS * toward[..., None] - STEPS**2 / 2
    past = np.concatenate([np.zeros((1, *gain.shape[1:])), np.cumsum(gain, 0)])
    rise = (past[-1] - past[:-1]).reshape(len(z), z.shape[1], -1)
    return _strongest(rise)


def _autocorrelation(z: Floats, persistence: Floats) -> Floats:
    """Lag-1 correlation (F, 2): the history's or, if larger and noticeable, that of the scores themselves.

    From squared differences, since z has a variance of 1: a lasting move hardly shows in them.
    """
    steps = max(len(z) - 1, 1)
    own = 1 - (np.diff(z, axis=0) ** 2).sum(0) / (2 * steps)
    own = np.where(own > NOTICED / np.sqrt(steps), own, 0.0)
    return np.clip(np.maximum(own, persistence), 0.0, MOST)


def _strongest(rise: Floats) -> Slow:
    """Evidence of log likelihood ratios (W, F, hypotheses) since each window, and what is most likely."""
    features = np.arange(rise.shape[1])
    top = rise.max(0)
    total = top + np.log(np.exp(rise - top).sum(0))
    most = total.max(1)
    evidence = np.exp(np.minimum(most + np.log(np.exp(total - most[:, None]).mean(1)), LARGEST))
    best = total.argmax(1)
    component, rest = np.divmod(best, len(SIGNS) * len(STEPS))
    sign = np.where(rest < len(STEPS), 1, -1)
    return Slow(evidence, rise.argmax(0)[features, best], component, sign)

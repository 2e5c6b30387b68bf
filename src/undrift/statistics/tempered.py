"""p-values held to what the history's own windows bear out: where these have a heavy tail, so have all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.statistics.monitor import Counts, Monitor
from undrift.statistics.scores import TINY, Bools, Floats

FOLDS = 5
"""Parts of a history that are judged in turn by what the other parts teach."""

WINDOWS = 20
"""Windows under which the smallest p-values of a history say nothing of their tail."""

TOP, LEAST = 0.1, 4
"""Share of the windows whose p-values make the tail, and how many there are at least."""


def backtested(counts: Counts, ordered: Bools, phases: NDArray[np.int64] | None) -> Floats:
    """p-values (W, F) of values of every window, by a monitor that has not seen its part of the history."""
    found = np.ones(counts.null.shape)
    for held in parts(len(found)):
        known = None if phases is None else phases[~held]
        monitor = Monitor.of(counts.of(~held), ordered, known)
        found[held] = monitor.judge(counts.of(held), None if phases is None else phases[held]).value
    return found


def parts(windows: int) -> list[Bools]:
    """Consecutive parts of a history, each as a mark of its windows (W,)."""
    part = np.arange(windows) * FOLDS // windows
    return [part == fold for fold in range(FOLDS)]


def tempered(p: Floats, past: Floats) -> Floats:
    """p-values (F,) as the back-tested ones of a history (W, F) bear them out.

    Minus the logarithm of a p-value is exponential with mean 1. The mean excess of a history's largest ones
    (Hill 1975, Ann. Statist. 3) says how much heavier their tail is; where it exceeds 1 by a standard error,
    later ones are measured by it. They are never made smaller.

    >>> even = np.arange(1, 101)[:, None] / 101
    >>> bool(tempered(np.array([1e-6]), even)[0] < 1e-5)
    True
    >>> bool(tempered(np.array([1e-6]), even**3)[0] > 1e-3)
    True
    """
    windows = len(past)
    if windows < WINDOWS:
        return p
    top = max(LEAST, round(TOP * windows))
    ranked = -np.sort(np.log(np.maximum(past, TINY)), axis=0)
    base = ranked[top]
    excess = (ranked[:top] - base).mean(0)
    heavy = excess > 1 + 1 / np.sqrt(top)
    beyond = (-np.log(np.maximum(p, TINY)) - base) / np.maximum(excess, 1.0)
    raised = np.exp(-(np.log(windows / top) + beyond))
    return np.where(heavy & (beyond > 0), np.maximum(p, raised), p)

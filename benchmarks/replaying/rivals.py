"""Policies that undrift is held against: calendars, chance, and the triggers that people write by hand.

Each retrains on everything known and serves the new model at once, without a gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from replaying.bank import Bank
from replaying.streams import HISTORY, PLAYED, WINDOWS, Stream
from replaying.world import Played

Trigger = Callable[[int, int], bool]
"""Whether to retrain after a window, given the last window that the live model was trained on."""

PSI_LIMIT, KS_LIMIT = 0.2, 0.05


def served(bank: Bank, trigger: Trigger) -> Played:
    """Play a stream under a trigger."""
    live, played = bank.selection("everything", HISTORY - 1), Played(np.empty(PLAYED))
    for t in range(HISTORY, WINDOWS):
        played.losses[t - HISTORY] = bank.mean(live)[t]
        if t == WINDOWS - 1 or not trigger(t, live.last):
            continue
        new = bank.selection("everything", t - 1)
        played.retrainings += 1
        if np.isfinite(bank.mean(new)[t + 1]):
            rest = bank.mean(new)[t + 1 :] - bank.mean(live)[t + 1 :]
            played.promotions += 1
            played.wrong += bool(rest.mean() >= 0)
            live = new
    return played


def never(bank: Bank) -> Played:
    """One model of the whole history."""
    return served(bank, lambda t, last: False)  # noqa: ARG005


def calendar(bank: Bank, every: int) -> Played:
    """A training every so many windows."""
    return served(bank, lambda t, last: (t - HISTORY + 1) % every == 0)  # noqa: ARG005


def by_chance(bank: Bank, trainings: int, seed: int) -> Played:
    """As many trainings, after windows drawn at random."""
    drawn = np.random.default_rng(seed).permutation(np.arange(HISTORY, WINDOWS - 1))[:trainings]
    return served(bank, lambda t, last: t in set(drawn.tolist()))  # noqa: ARG005


def psi(bank: Bank) -> Played:
    """A training as soon as the PSI of any feature, over ten bins of the training rows, exceeds .2."""
    moved = _Moved(bank.stream, _psi)
    return served(bank, lambda t, last: moved(t, last) > PSI_LIMIT)


def ks(bank: Bank) -> Played:
    """A training as soon as the Kolmogorov-Smirnov test of any number has p under .05."""
    moved = _Moved(bank.stream, _ks)
    return served(bank, lambda t, last: moved(t, last) > 1 - KS_LIMIT)


def adwin(bank: Bank) -> Played:
    """A training as soon as River's ADWIN finds a change of the live model's losses; raises ImportError."""
    from river.drift import ADWIN

    state: dict[str, object] = {"last": None, "next": HISTORY}

    def changed(t: int, last: int) -> bool:
        if state["last"] != last:
            state.update(last=last, detector=ADWIN(), next=max(t, HISTORY))
        live = bank.selection("everything", last)
        found = False
        for window in range(int(str(state["next"])), t):
            for loss in bank.per_row(live)[bank.stream.window(window)]:
                state["detector"].update(float(loss))  # type: ignore[attr-defined]
                found = found or bool(state["detector"].drift_detected)  # type: ignore[attr-defined]
        state["next"] = t
        return found

    return served(bank, changed)


RIVALS: Mapping[str, Callable[[Bank], Played]] = {"psi": psi, "ks": ks, "adwin": adwin}


class _Moved:
    """How far the feature that moved most is from the rows that a model was trained on; remembered."""

    def __init__(self, stream: Stream, distance: Callable[[pd.Series, pd.Series], float]) -> None:
        self.stream, self.distance = stream, distance

    def __call__(self, window: int, last: int) -> float:
        rows = self.stream.rows
        before, now = rows[: (last + 1) * self.stream.size], rows[self.stream.window(window)]
        return max(self.distance(before[name], now[name]) for name in rows.columns)


def _psi(before: pd.Series, now: pd.Series) -> float:
    """The population stability index with half a row in every bin, nulls in one of their own."""
    if pd.api.types.is_numeric_dtype(before) and not pd.api.types.is_bool_dtype(before):
        edges = np.unique(np.nanquantile(before.astype(float), np.linspace(0.1, 0.9, 9)))
        coded = [np.where(v.isna(), -1, np.searchsorted(edges, v.astype(float))) for v in (before, now)]
    else:
        labels = {label: i for i, label in enumerate(before.dropna().unique())}
        coded = [
            v.map(lambda x: labels.get(x, -1) if not pd.isna(x) else -2).to_numpy() for v in (before, now)
        ]
    bins = np.unique(np.concatenate(coded))
    shares = [_shares(values, bins) for values in coded]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def _shares(values: NDArray[np.int64], bins: NDArray[np.int64]) -> NDArray[np.float64]:
    counts = np.array([np.sum(values == one) for one in bins]) + 0.5
    found: NDArray[np.float64] = counts / counts.sum()
    return found


def _ks(before: pd.Series, now: pd.Series) -> float:
    """1 - p of the two-sample test; 0 for what is no number."""
    if not pd.api.types.is_numeric_dtype(before) or pd.api.types.is_bool_dtype(before):
        return 0.0
    one, other = before.dropna().astype(float), now.dropna().astype(float)
    if not len(one) or not len(other):
        return 0.0
    return 1 - float(stats.ks_2samp(one, other, method="asymp").pvalue)

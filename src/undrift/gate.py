"""The gate: champion against challengers on the same held-out rows, paired row by row.

The interval is taken over blocks of time, not over rows: rows of one day err together, and a
row-wise test promotes an equal model far too often. With k challengers each bound holds at
1 - alpha/k, so that choosing the best of them does not raise the rate of wrong promotions.

A loss is not everything: a challenger that ranks rows no better than a constant never takes the place of
a champion that does, however much it saves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import pi

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError, LeakError
from undrift.records import Ranking, Trial, Version
from undrift.skill import heaviest
from undrift.statistics.intervals import block_t
from undrift.words.phrases import count

Losses = NDArray[np.float64]

MINIMUM_BLOCKS = 4
"""Blocks under which an interval over blocks says nothing."""

MINIMUM_OF_CLASS = 10
"""Rows of each class under which even an AUC of 0.7 cannot be told from one half (standard error 0.09)."""


@dataclass(frozen=True)
class Gate:
    """How a challenger must prove itself.

    ``alpha`` is the rate of promotions of a model that is no better, per retraining; ``alpha_life`` is the
    chance of any such promotion over all retrainings there will ever be, None for no such limit. ``windows``
    is how many of the newest matured windows are held out, ``block`` the stretch of time within which rows
    err together, ``margin`` the mean loss a challenger must at least save.
    """

    alpha: float = 0.05
    windows: int = 2
    block: str = "1d"
    margin: float = 0.0
    alpha_life: float | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError for a rate outside (0, 0.5), no held-out window or a negative margin."""
        if not 0 < self.alpha < 0.5:
            raise ConfigError(
                f"gate.alpha = {self.alpha} is out of range", "Give a rate between 0 and 0.5, such as 0.05."
            )
        if self.alpha_life is not None and not 0 < self.alpha_life < 1:
            raise ConfigError(
                f"gate.alpha_life = {self.alpha_life} is out of range", "Give a chance, such as 0.2."
            )
        if self.windows < 1:
            raise ConfigError(
                f"gate.windows = {self.windows} is out of range", "Hold out at least one window."
            )
        if self.margin < 0:
            raise ConfigError(
                f"gate.margin = {self.margin} is out of range", "Give 0 or the saving you ask for."
            )

    def spends(self, attempt: int = 1) -> float:
        """The rate of wrong promotions at a retraining, the first of which is 1.

        Under ``alpha_life`` it falls as 1/attempt²: however many there will be, their sum is that budget.

        >>> Gate(alpha=0.05).spends(7), round(Gate(alpha=0.05, alpha_life=0.2).spends(7), 5)
        (0.05, 0.00248)
        """
        if self.alpha_life is None:
            return self.alpha
        return min(self.alpha, self.alpha_life * 6 / (pi * attempt) ** 2)

    def confidence(self, challengers: int, attempt: int = 1) -> float:
        """The confidence of each bound: 1 - alpha/k for k challengers, of what the attempt may spend.

        >>> Gate(alpha=0.05).confidence(2)
        0.975
        """
        return 1 - self.spends(attempt) / max(challengers, 1)


def judge(
    champion: Losses,
    challengers: Sequence[tuple[Version, Losses]],
    blocks: NDArray[np.int64],
    gate: Gate,
    attempt: int = 1,
) -> tuple[Trial, ...]:
    """Judge every challenger by its per-row losses against the champion's, all of shape (rows,).

    A challenger is better when the upper bound of its mean loss difference lies under -margin. ``attempt``
    counts the retrainings from 1.
    """
    confidence = gate.confidence(len(challengers), attempt)
    return tuple(
        _trial(version, losses, champion, blocks, confidence, gate.margin) for version, losses in challengers
    )


def without_constants(
    trials: tuple[Trial, ...], ranking: Mapping[int, Ranking | None], champion: int
) -> tuple[Trial, ...]:
    """The trials with what each challenger's ranking, by version number, adds to its losses.

    Where the champion ranks rows better than a constant, a challenger that does not is not better.
    """
    found = {number: one.ranks if one else None for number, one in ranking.items()}
    return tuple(
        replace(
            trial,
            ranks=found.get(trial.version),
            better=trial.better and not (found.get(champion) and found.get(trial.version) is False),
        )
        for trial in trials
    )


def lacking(labels: Losses, blocks: NDArray[np.int64], classes: Sequence[str], gate: Gate) -> str | None:
    """What held-out rows lack to judge a challenger on, and what to change; None where they will do.

    ``labels`` and ``blocks`` have shape (rows,); ``classes`` are the names of the labels 0 and 1, empty for
    numbers.
    """
    found = len(np.unique(blocks))
    if found < MINIMUM_BLOCKS:
        return (
            f"the held-out rows make {count(found, 'block')} of {gate.block}, "
            f"the gate needs {MINIMUM_BLOCKS}: raise gate.windows, or lower gate.block"
        )
    for label, name in enumerate(classes):
        rows = int(np.sum(labels == label))
        if rows < MINIMUM_OF_CLASS:
            return (
                f"the held-out rows hold {count(rows, 'row')} of the class {name!r}, {MINIMUM_OF_CLASS} are "
                "needed: raise gate.windows"
            )
    return None


def winner(trials: tuple[Trial, ...]) -> Trial | None:
    """The best of the challengers that are better; None where none is."""
    better = [trial for trial in trials if trial.better]
    return min(better, key=lambda t: t.difference) if better else None


def assert_unseen(held_out: set[str], trained: Mapping[int, set[str]]) -> None:
    """Raise LeakError if any version was trained on a held-out row; ``trained`` maps version to row ids."""
    for version, ids in trained.items():
        leaked = held_out & ids
        if leaked:
            raise LeakError(
                f"v{version} was trained on {len(leaked)} held-out rows, {min(leaked)!r} among them",
                "The comparison would be unfair, so nothing was promoted.",
            )


def _trial(
    version: Version,
    losses: Losses,
    champion: Losses,
    blocks: NDArray[np.int64],
    confidence: float,
    margin: float,
) -> Trial:
    found = block_t(losses - champion, blocks, confidence)
    return Trial(
        version=version.number,
        merge=version.merge,
        loss=float(losses.mean()),
        difference=found.mean,
        lower=found.lower,
        upper=found.upper,
        better=found.upper < -margin,
        heaviest=heaviest(losses - champion),
    )

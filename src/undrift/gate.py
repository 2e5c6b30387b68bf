"""The gate: champion against challengers on the same held-out rows, paired row by row.

The interval is taken over blocks of time, not over rows: rows of one day err together, and a row-wise test
promotes an equal model far too often. It is wider where days follow on one another. A gate that requires a
challenger to be ``better`` asks for a saving that is sure; with k challengers each bound then holds at 1 -
alpha/k, so that choosing the best of them does not raise the rate of wrong promotions. One that requires it
to be ``not_worse`` refuses only what surely costs.

Where a single row carries the mean (a few huge log losses), a bounded loss stands beside the deciding one.

A loss is not everything: a challenger that ranks rows no better than a constant never takes the place of
a champion that does, however much it saves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import pi

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError, LeakError, suggest
from undrift.records import Beside, Ranking, Trial, Version
from undrift.skill import heaviest
from undrift.statistics.intervals import Interval, serial_t
from undrift.windows import FEWEST_BLOCKS
from undrift.words.phrases import count

Losses = NDArray[np.float64]

MINIMUM_OF_CLASS = 10
"""Rows of each class under which even an AUC of 0.7 cannot be told from one half (standard error 0.09)."""


HEAVY = 0.1
"""Share of the squared deviations of a mean from which on a single row is said to carry it."""

ROUNDING = 1e-12
"""Differences smaller than this part of two losses come from the order of additions."""

REQUIRED = ["better", "not_worse"]
"""What a gate may ask for."""


@dataclass(frozen=True)
class Bounded:
    """The losses of the same contestants by a loss that no single row can carry, all of shape (rows,)."""

    name: str
    champion: Losses
    challengers: Sequence[Losses]


@dataclass(frozen=True)
class Gate:
    """How a challenger must prove itself.

    ``require`` is "better", a saving that is sure, or "not_worse", no cost that is sure. ``alpha`` is the
    rate of its errors, per retraining: promotions of a model that is no better, or refusals of one that is
    no worse. ``alpha_life`` is the chance of any wrong promotion over all retrainings there will ever be,
    None for no such limit. ``windows`` is how many of the newest matured windows are held out, ``block``
    the stretch of time within which rows err together, ``margin`` the mean loss a challenger must at least
    save.

    Guardrails hold for what would serve: in each label of the columns ``segments`` the loss must not surely
    rise by more than a share ``segment_margin``; with ``calibration`` probabilities that were right on
    average must not become wrong; its artifacts must not take more than ``max_bytes``.
    """

    require: str = "not_worse"
    alpha: float = 0.05
    windows: int = 2
    block: str = "1d"
    margin: float = 0.0
    alpha_life: float | None = None
    segments: tuple[str, ...] = ()
    segment_margin: float = 0.0
    calibration: bool = False
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError for a rate outside (0, 0.5), no held-out window or a negative margin."""
        if self.require not in REQUIRED:
            raise ConfigError(f"gate.require = {self.require!r} is unknown", suggest(self.require, REQUIRED))
        if self.require == "not_worse" and (self.margin or self.alpha_life is not None):
            named = "gate.margin" if self.margin else "gate.alpha_life"
            raise ConfigError(
                f"{named} is for a gate that requires a better model",
                f'Set gate.require = "better" as well, or leave {named} out.',
            )
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
        object.__setattr__(self, "segments", tuple(self.segments))
        if self.segment_margin < 0:
            raise ConfigError(
                f"gate.segment_margin = {self.segment_margin} is out of range",
                "Give 0 or a share, such as 0.05.",
            )
        if self.max_bytes is not None and self.max_bytes < 1:
            raise ConfigError(f"gate.max_bytes = {self.max_bytes} is out of range", "Give a number of bytes.")
        if self.margin < 0:
            raise ConfigError(
                f"gate.margin = {self.margin} is out of range", "Give 0 or the saving you ask for."
            )

    def spends(self, attempt: int = 1) -> float:
        """The rate of wrong promotions at a retraining, the first of which is 1.

        Under ``alpha_life`` it falls as 1/attempt²: however many there will be, their sum is that budget.

        >>> Gate().spends(7), round(Gate("better", alpha_life=0.2).spends(7), 5)
        (0.05, 0.00248)
        """
        if self.alpha_life is None:
            return self.alpha
        return min(self.alpha, self.alpha_life * 6 / (pi * attempt) ** 2)

    def confidence(self, challengers: int, attempt: int = 1) -> float:
        """The confidence of each bound: 1 - alpha/k for k challengers, of what the attempt may spend.

        To refuse the best of several only if it surely costs takes no correction: it is 1 - alpha.

        >>> Gate(require="better").confidence(2), Gate(require="not_worse").confidence(2)
        (0.975, 0.95)
        """
        among = max(challengers, 1) if self.require == "better" else 1
        return 1 - self.spends(attempt) / among


def judge(
    champion: Losses,
    challengers: Sequence[tuple[Version, Losses]],
    blocks: NDArray[np.int64],
    gate: Gate,
    attempt: int = 1,
    bounded: Bounded | None = None,
) -> tuple[Trial, ...]:
    """Judge every challenger by its per-row losses against the champion's, all of shape (rows,).

    A challenger is better when the upper bound of its mean loss difference lies under -margin, worse when
    the lower one lies above 0. ``attempt`` counts the retrainings from 1. Where a row makes up more than a
    tenth of the squared deviations, the ``bounded`` loss has a say: it finds what is better, unless the
    deciding loss surely rises; either may find what is worse.
    """
    confidence = gate.confidence(len(challengers), attempt)
    found = []
    for place, (version, losses) in enumerate(challengers):
        trial = _trial(version, losses, _differences(losses, champion), blocks, confidence, gate)
        if bounded is not None and (trial.heaviest or 0.0) > HEAVY:
            difference = bounded.challengers[place] - bounded.champion
            trial = _beside(trial, bounded.name, serial_t(difference, blocks, confidence))
        found.append(_passing(trial, gate.require))
    return tuple(found)


def _differences(losses: Losses, champion: Losses) -> Losses:
    """What each row loses more than with the champion; 0 where it is no more than rounding."""
    difference: Losses = losses - champion
    difference[np.abs(difference) < ROUNDING * (np.abs(losses) + np.abs(champion))] = 0.0
    return difference


def without_constants(
    trials: tuple[Trial, ...], ranking: Mapping[int, Ranking | None], champion: int
) -> tuple[Trial, ...]:
    """The trials with what each challenger's ranking, by version number, adds to its losses.

    Where the champion ranks rows better than a constant, a challenger that does not is not better, and does
    not pass.
    """
    ranks = {number: one.ranks if one else None for number, one in ranking.items()}
    found = []
    for trial in trials:
        own = ranks.get(trial.version)
        constant = bool(ranks.get(champion)) and own is False
        found.append(
            replace(
                trial,
                ranks=own,
                better=trial.better and not constant,
                passes=trial.admitted and not constant,
            )
        )
    return tuple(found)


def few(labels: Losses, classes: Sequence[str]) -> bool:
    """Whether there are too few rows of a class to judge by: see ``scarcest``."""
    return scarcest(labels, classes)[0] < MINIMUM_OF_CLASS


def scarcest(labels: Losses, classes: Sequence[str]) -> tuple[int, str]:
    """The rows of the class that has fewest, of two classes, and that class in words.

    Of more classes it is the rows of all but the commonest: a class of hundreds may well be absent.

    >>> scarcest(np.array([0.0, 0.0, 1.0]), ("no", "yes"))
    (1, "the class 'yes'")
    >>> scarcest(np.array([0.0, 0.0, 1.0, 2.0]), ("a", "b", "c"))
    (2, "classes other than the commonest, 'a'")
    """
    rows = [int(np.sum(labels == label)) for label in range(len(classes))]
    if len(classes) > 2:
        commonest = int(np.argmax(rows))
        return sum(rows) - rows[commonest], f"classes other than the commonest, {classes[commonest]!r}"
    return min((count, f"the class {name!r}") for count, name in zip(rows, classes, strict=True))


def lacking(labels: Losses, blocks: NDArray[np.int64], classes: Sequence[str]) -> str | None:
    """What held-out rows lack to judge a challenger on, and what to change; None where they will do.

    ``labels`` and ``blocks`` have shape (rows,); ``classes`` are the names of the labels 0, 1, …, empty for
    numbers.
    """
    found = len(np.unique(blocks))
    if found < FEWEST_BLOCKS:
        return f"{count(len(labels), 'row')} are held out, too few to judge on: raise gate.windows"
    if not classes or not few(labels, classes):
        return None
    rows, which = scarcest(labels, classes)
    return (
        f"the held-out rows hold {count(rows, 'row')} of {which}, {MINIMUM_OF_CLASS} are needed: "
        "raise gate.windows"
    )


def winner(trials: tuple[Trial, ...]) -> Trial | None:
    """The best of the challengers that pass; None where none does."""
    admitted = [trial for trial in trials if trial.admitted]
    return min(admitted, key=lambda t: t.difference) if admitted else None


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
    difference: Losses,
    blocks: NDArray[np.int64],
    confidence: float,
    gate: Gate,
) -> Trial:
    found = serial_t(difference, blocks, confidence)
    return Trial(
        version=version.number,
        merge=version.merge,
        loss=float(losses.mean()),
        difference=found.mean,
        lower=found.lower,
        upper=found.upper,
        better=found.upper < -gate.margin,
        heaviest=heaviest(difference) if np.isfinite(difference).all() else None,
        worse=found.lower > 0,
    )


def _beside(trial: Trial, loss: str, found: Interval) -> Trial:
    """A trial with what a bounded loss says of the same rows."""
    return replace(
        trial,
        better=found.upper < 0 and not trial.worse,
        worse=trial.worse or found.lower > 0,
        beside=Beside(loss, found.mean, found.lower, found.upper),
    )


def _passing(trial: Trial, require: str) -> Trial:
    """The trial with whether it passes; what leaves nothing to tell passes no gate."""
    told = np.isfinite(trial.difference)
    return replace(trial, passes=trial.better if require == "better" else bool(told and not trial.worse))

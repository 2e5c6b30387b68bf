"""The gate: champion against challengers on the same held-out rows, paired row by row.

The interval is taken over blocks of time, not over rows: rows of one day err together, and a
row-wise test promotes an equal model far too often. With k challengers each bound holds at
1 - alpha/k, so that choosing the best of them does not raise the rate of wrong promotions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from undrift.errors import ConfigError, LeakError
from undrift.intervals import block_t
from undrift.records import Trial, Version

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Losses = NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """How a challenger must prove itself.

    ``alpha`` is the rate of promotions of a model that is no better, ``windows`` the newest matured
    windows held out, ``block`` the stretch of time within which rows err together, ``margin`` the mean
    loss a challenger must at least save.
    """

    alpha: float = 0.05
    windows: int = 2
    block: str = "1d"
    margin: float = 0.0

    def __post_init__(self) -> None:
        """Raise ConfigError for a rate outside (0, 0.5), no held-out window or a negative margin."""
        if not 0 < self.alpha < 0.5:
            raise ConfigError(f"gate.alpha = {self.alpha}", "Give a rate between 0 and 0.5, such as 0.05.")
        if self.windows < 1:
            raise ConfigError(f"gate.windows = {self.windows}", "Hold out at least one window.")
        if self.margin < 0:
            raise ConfigError(f"gate.margin = {self.margin}", "Give 0 or the saving you ask for.")

    def confidence(self, challengers: int) -> float:
        """The confidence of each bound: 1 - alpha/k for k challengers.

        >>> Gate(alpha=0.05).confidence(2)
        0.975
        """
        return 1 - self.alpha / max(challengers, 1)


def judge(
    champion: Losses,
    challengers: Sequence[tuple[Version, Losses]],
    blocks: NDArray[np.int64],
    gate: Gate,
) -> tuple[Trial, ...]:
    """Judge every challenger by its per-row losses against the champion's, all of shape (rows,).

    A challenger is better when the upper bound of its mean loss difference lies under -margin.
    """
    confidence = gate.confidence(len(challengers))
    return tuple(
        _trial(version, losses, champion, blocks, confidence, gate.margin) for version, losses in challengers
    )


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
    )

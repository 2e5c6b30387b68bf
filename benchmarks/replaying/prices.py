"""What a training costs, what an oracle would save, and which share of that a policy recovers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replaying.bank import Bank
from replaying.streams import HISTORY, PLAYED, WINDOWS
from undrift.records import Selection

SAVES = 0.02
"""Share of never's cost that the oracle must save for a stream to count in the mean."""


@dataclass(frozen=True)
class Prices:
    """The yardsticks of one stream at one price."""

    never: float
    price: float
    oracle: float

    @property
    def counts(self) -> bool:
        """Whether there is enough to be recovered to divide by it."""
        return self.never - self.oracle >= SAVES * self.never

    def recovered(self, losses: NDArray[np.float64], retrainings: int) -> float:
        """(never - policy) / (never - oracle), where each pays for its trainings."""
        saved = self.never - float(losses.sum()) - self.price * retrainings
        gap = self.never - self.oracle
        return saved / gap if gap > 0 else float("nan")


def at_rho(bank: Bank, rho: float) -> Prices:
    """A training costs ``rho`` times what each of those of "always" gains on this stream."""
    never, always = whole_history(bank).sum(), every_window(bank).sum()
    return _prices(bank, rho * max(0.0, float(never - always)) / (PLAYED - 1))


def at_share(bank: Bank, share: float) -> Prices:
    """A training costs a share of what never loses in all windows together."""
    return _prices(bank, share * float(whole_history(bank).sum()))


def whole_history(bank: Bank) -> NDArray[np.float64]:
    """The losses of never: one model of the whole history."""
    return bank.mean(bank.selection("everything", HISTORY - 1))[HISTORY:]


def every_window(bank: Bank) -> NDArray[np.float64]:
    """The losses of always: a new model of everything known, after every window."""
    serving = [HISTORY - 1, *(t - 2 for t in range(HISTORY + 1, WINDOWS))]
    found = [
        bank.mean(bank.selection("everything", max(last, HISTORY - 1)))[t]
        for t, last in zip(range(HISTORY, WINDOWS), serving, strict=True)
    ]
    return np.array(found)


def _prices(bank: Bank, price: float) -> Prices:
    return Prices(float(whole_history(bank).sum()), price, _oracle(bank, price))


def _oracle(bank: Bank, price: float) -> float:
    """The least loss plus price that knowing the future allows, by dynamic programming.

    After any window it may train by any strategy on everything known; it does not go back to an older model.
    """
    models: list[tuple[int, Selection]] = [(HISTORY - 1, bank.selection("everything", HISTORY - 1))]
    models += [(t, bank.selection(m, t - 1)) for t in range(HISTORY, WINDOWS - 1) for m in bank.merges]
    born = np.array([at for at, _ in models])
    losses = np.array([bank.mean(selection) for _, selection in models])
    losses[~np.isfinite(losses)] = np.inf
    cost = np.where(born == HISTORY - 1, 0.0, np.inf)
    for t in range(HISTORY, WINDOWS):
        alive = np.isfinite(cost)
        cost[alive] += losses[alive, t]
        least = cost.min() + price
        cost = np.where(born == t, np.minimum(cost, least), cost)
    return float(cost.min())

"""Counts of rare rows (tails, nulls, unseen labels): how many too many, or too few, are surprising.

A window cannot hold more of them than it has rows, so their prediction is beta-binomial; where they are a
small part of the rows that is the negative binomial of an unbounded count, which is cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undrift.statistics.predictive import NOTICED, within
from undrift.statistics.scores import PRIOR, TINY, Bools, Floats, Places

NOTABLE = 0.3
"""p-values of the negative binomial below which the bound by the window's rows is asked for as well."""

NODES = np.linspace(0.0, 60.0, 481)
"""Where the mixture over shares is summed, as minus the logarithm of what lies above in it."""

SCARCE = 0.05
"""A share of rows up to which the bound makes no difference."""


@dataclass(frozen=True)
class Rare:
    """Counts against expectations.

    Their ``ratio`` (J, F), the ``dispersion`` (J, F) beyond a Poisson count, and whether they noticeably
    come in clumps (J, F).
    """

    ratio: Floats
    dispersion: Floats
    clumped: Bools

    def more(self, found: Floats, expected: Floats, rows: Floats) -> Floats:
        """P(as many or more), shape (J, F, W), of so many rows (J, F, W)."""
        from scipy.special import betainc

        k, mean = self._at(expected)
        p = np.where(found > 0, betainc(np.maximum(found, 1.0), 1 / k, k * mean / (1 + k * mean)), 1.0)
        bounded = (p < NOTABLE) & (found > SCARCE * rows)
        if bounded.any():
            share = np.clip(mean / np.maximum(rows, 1.0), TINY, 1 - SCARCE)[bounded]
            spread = np.broadcast_to(k, p.shape)[bounded]
            p[bounded] = _bounded(found[bounded], rows[bounded], share, spread)
        return p

    def fewer(self, found: Floats, expected: Floats) -> Floats:
        """P(as many or fewer), shape (J, F, W)."""
        from scipy.special import betainc

        k, mean = self._at(expected)
        return np.asarray(betainc(1 / k, found + 1.0, 1 / (1 + k * mean)))

    def deviance(self, found: Floats, expected: Floats) -> Floats:
        """Signed roots of the Poisson deviance (J, F, W): near N(0, 1), in the tails as well."""
        mean = np.maximum(self._at(expected)[1], TINY)
        log = np.log(np.maximum(found, TINY)) - np.log(mean)
        half = np.where(found > 0, found * log, 0.0) - (found - mean)
        return np.asarray(np.sign(found - mean) * np.sqrt(2 * np.maximum(half, 0.0)))

    def _at(self, expected: Floats) -> tuple[Floats, Floats]:
        return self.dispersion[:, :, None], expected * self.ratio[:, :, None]


def _bounded(found: Floats, rows: Floats, share: Floats, dispersion: Floats) -> Floats:
    """P(as many or more) of beta-binomial counts, all (N,), with a mean share and the variance of ``Rare``.

    The binomial's tail is averaged over the beta distribution of the share, from the top down.
    """
    from scipy.special import betainc, betaincinv

    correlation = np.clip(dispersion * share / (1 - share), TINY, 1 - 1e-9)
    total = np.minimum(1 / correlation - 1, 1e12)
    a, b = share * total, (1 - share) * total
    above = np.exp(-NODES)
    odds = 1 - betaincinv(b[:, None], a[:, None], above)
    least = np.minimum(found, rows)[:, None]
    tail = betainc(least, rows[:, None] - least + 1.0, odds)
    return np.asarray(np.trapezoid(tail * above, NODES, axis=1))


def rare(found: Floats, expected: Floats) -> Rare:
    """Fit counts (J, F, W) to expected counts (J, F, W): a ratio, and a dispersion by moments.

    The dispersion is raised by two of its standard errors and by the doubt about the ratio; clumps are
    noticed by the score test of Dean (1992).
    """
    total = found.sum(2)
    ratio = (total + PRIOR) / (expected.sum(2) + PRIOR)
    mean = expected * ratio[:, :, None]
    excess = ((found - mean) ** 2 - found).sum(2)
    square = np.maximum((mean**2).sum(2), TINY)
    k = np.maximum(excess / square, 0.0) * (1 + 2 / np.sqrt(found.shape[2]))
    return Rare(ratio, k + 1 / (total + PRIOR), excess > NOTICED * np.sqrt(2 * square))


def seasonal(found: Floats, total: Floats, phase: Places) -> Floats:
    """Shares (F, P) of counts (F, W) in totals (F, W) per phase, shrunk to the overall share by one row."""
    marks = within(phase)
    overall = (found.sum(1) + PRIOR) / (total.sum(1) + PRIOR)
    return np.asarray((found @ marks + 1) / (total @ marks + 1 / overall[:, None]))

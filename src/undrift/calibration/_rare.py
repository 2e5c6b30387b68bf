"""Counts of rare rows (tails, nulls, unseen labels): how many too many, or too few, are surprising."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undrift.calibration._predictive import NOTICED, within
from undrift.calibration._scores import PRIOR, TINY, Bools, Floats, Places


@dataclass(frozen=True)
class Rare:
    """Counts against expectations.

    Their ``ratio`` (J, F), the negative binomial's ``dispersion`` (J, F), and whether they noticeably come
    in clumps (J, F).
    """

    ratio: Floats
    dispersion: Floats
    clumped: Bools

    def more(self, found: Floats, expected: Floats) -> Floats:
        """P(as many or more), shape (J, F, W)."""
        from scipy.special import betainc

        k, mean = self._at(expected)
        return np.where(found > 0, betainc(np.maximum(found, 1.0), 1 / k, k * mean / (1 + k * mean)), 1.0)

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

"""What a window's bins say of a feature: how far it moved, how much wider it became, what is left over.

Arrays over bins have shape (F, W, K), so that every product over bins is one matrix product per feature;
arrays of scores have shape (J, F, W), so that each score of all windows lies in one piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.intp]

SCORES = 4
"""Location, spread, skew and peak: the scores that have a mean and a sign."""

PRIOR = 0.5
"""Added to the count of every bin that the history hit (Jeffreys' prior for a share)."""

TAIL = 0.006
"""A tail is the bins at one end that hold at most this share: those beyond the .005 and .995 quantiles."""

CLIP = 2.0
"""Skew and peak are read from scores clipped here: beyond it the tails are counted, and single rows would
decide cubes and fourth powers."""

STEEPEST = 4.0
"""Tilts stop here, in standard deviations: a window that moved further alarms whatever the rest says."""

NEGLIGIBLE = 1e-9
"""Variances below this are rounding: the score does not exist (a constant has no location)."""

TINY = 1e-300
"""Nothing that is divided by is smaller, and no logarithm is taken of less."""


@dataclass(frozen=True)
class Basis:
    """Reference shares p (F, K) and the scores of their bins psi (F, J, K), orthonormal under p.

    ``exists`` (J, F) says which scores a feature has; ``tails`` (F, 2, K) marks the bins of both tails;
    ``live`` (F, K) the bins that the history hit; ``floor`` (F,) is the share of a bin it did not hit.
    """

    p: Floats
    psi: Floats
    exists: Bools
    tails: Floats
    live: Bools
    floor: Floats


@dataclass(frozen=True)
class Measured:
    """What the bins of windows say.

    Rows (F, W), scores (J, F, W), ``residual`` rows (F, W, K) beside those of the reference ``tilted``
    (F, W, K) to the window's location, rows found in the ``tails`` and the share ``expected`` there, both
    (2, F, W).
    """

    rows: Floats
    scores: Floats
    residual: Floats
    tilted: Floats
    tails: Floats
    expected: Floats


def basis(counts: Floats, ordered: Bools) -> Basis:
    """The basis of pooled counts (F, K): four scores for ordered features, one for two labels, else none."""
    live = counts > 0
    filled = np.where(live, counts + PRIOR, 0.0)
    p = filled / np.maximum(filled.sum(1, keepdims=True), 1.0)
    scored = live & (ordered | (live.sum(1) == 2))[:, None]
    psi: list[Floats] = []
    for values in _normal_scores(p):
        psi.append(_unit(np.where(scored, values, 0.0), p, psi))
    stacked = np.stack(psi, 1)
    exists = np.any(stacked != 0, axis=2).T
    return Basis(p, stacked, exists, _tails(p, ordered), live, PRIOR / (counts.sum(1) + 1.0))


def _normal_scores(p: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Location, spread, skew and peak of the bins of p (F, K), each (F, K).

    The first two are the means of z and z² - 1 within each bin for a standard normal z, the efficient
    scores of a grouped normal; the others the third and fourth Hermite polynomials of clipped means.
    """
    from scipy.special import ndtri

    edge = np.concatenate([np.zeros((len(p), 1)), np.minimum(np.cumsum(p, 1), 1.0)], 1)
    inner = (edge > NEGLIGIBLE) & (edge < 1 - NEGLIGIBLE)
    z = ndtri(np.where(inner, edge, 0.5))
    density = np.where(inner, np.exp(-z * z / 2) / np.sqrt(2 * np.pi), 0.0)
    share = np.where(p > 0, p, 1.0)
    mean = -np.diff(density, axis=1) / share
    y = np.clip(mean, -CLIP, CLIP)
    return mean, -np.diff(z * density, axis=1) / share, y**3 - 3 * y, y**4 - 6 * y**2


def _unit(values: Floats, p: Floats, before: list[Floats]) -> Floats:
    """Values (F, K) made orthonormal under p to a constant and the scores before; 0 where nothing is left."""
    size = np.sqrt((p * values**2).sum(1, keepdims=True))
    left = (values - (p * values).sum(1, keepdims=True)) * (p > 0)
    for other in before:
        left = left - (p * left * other).sum(1, keepdims=True) * other
    norm = np.sqrt((p * left**2).sum(1, keepdims=True))
    return np.where(norm > size * np.sqrt(NEGLIGIBLE), left / np.maximum(norm, NEGLIGIBLE), 0.0)


def _tails(p: Floats, ordered: Bools) -> Floats:
    """Marks of the bins in the low and the high tail (F, 2, K)."""
    up = np.cumsum(p, 1)
    down = np.cumsum(p[:, ::-1], 1)[:, ::-1]
    return np.asarray(np.stack([up <= TAIL, down <= TAIL], 1) * ordered[:, None, None].astype(np.float64))


def measure(counts: Floats, basis: Basis, beside: Floats | None = None) -> Measured:
    """Scores, residuals and tails of windows (F, W, K), all but location taken beyond the window's own.

    Rows ``beside`` (F, W) lie in no bin and count all the same: shares are of all rows, so that labels
    which vanish are seen whatever takes their place.

    The reference is tilted, p exp(θ ψ₁), to the window's mean of ψ₁, and everything else is held against
    that: in an exponential family a pure move of location leaves nothing there. Each score is the
    efficient one given those before it (Cox and Hinkley, Theoretical Statistics, 9.3).
    """
    ones = np.ones_like(basis.psi[:, :1])
    sums = _sums(counts, ones, basis.tails, basis.psi)
    rows = sums[0] if beside is None else sums[0] + beside
    tails, means = sums[1:3], sums[3:] / np.maximum(rows, 1.0)
    tilted = _tilt(means[0], np.maximum(rows, 1.0), basis)
    first, second, low_high = _moments(tilted, np.maximum(rows, 1.0), basis)
    excess, left, slopes = _eliminate(means - first, first, second, basis)
    step = excess[0] / left[0]
    gain = _back(excess / left, slopes)
    residual = _fitted(gain, first, basis)
    residual *= tilted
    np.subtract(counts, residual, out=residual)
    scores = excess / np.sqrt(left)
    scores[0] = means[0]
    scores[1] = _cube_root(scores[1])
    expected = low_high[:2] + step * (low_high[2:] - low_high[:2] * first[0])
    return Measured(rows, scores, residual, tilted, tails, np.clip(expected, 0.0, 1.0))


def _sums(values: Floats, *columns: Floats) -> Floats:
    """Sums over bins (J, F, W) of values (F, W, K) times columns, in all (F, J, K)."""
    sums = values @ np.concatenate(columns, 1).transpose(0, 2, 1)
    return np.ascontiguousarray(np.moveaxis(sums, 2, 0))


def _tilt(mean: Floats, rows: Floats, basis: Basis) -> Floats:
    """So many tilted rows (F, W, K) with a mean of ψ₁ near ``mean`` (F, W): θ to second order in the mean."""
    one = basis.psi[:, 0]
    skew = (basis.p * one**3).sum(1, keepdims=True)
    theta = np.clip(mean - skew / 2 * mean**2, -STEEPEST, STEEPEST)
    tilted = theta[:, :, None] * one[:, None]
    np.exp(tilted, out=tilted)
    total = (tilted @ basis.p[:, :, None])[:, :, 0]
    tilted *= basis.p[:, None]
    tilted *= (rows / np.where(total > 0, total, 1.0))[:, :, None]
    return np.asarray(tilted)


def _moments(
    tilted: Floats, rows: Floats, basis: Basis
) -> tuple[Floats, dict[tuple[int, int], Floats], Floats]:
    """What so many tilted rows lead to expect of one.

    Means (J, F, W) of the scores, means of their products (F, W) by their numbers, and of the tails
    (4, F, W): their shares, and these times ψ₁.
    """
    psi = basis.psi
    pairs = [(i, j) for i in range(SCORES) for j in range(i, SCORES)]
    i, j = np.array(pairs).T
    sums = _sums(tilted, psi, psi[:, i] * psi[:, j], basis.tails, basis.tails * psi[:, :1]) / rows
    return sums[:SCORES], dict(zip(pairs, sums[SCORES:-4], strict=True)), sums[-4:]


def _eliminate(
    excess: Floats, first: Floats, second: dict[tuple[int, int], Floats], basis: Basis
) -> tuple[Floats, Floats, dict[tuple[int, int], Floats]]:
    """Excess and variance (J, F, W) of each score given those before it, and their slopes on them.

    The L D Lᵀ elimination of the covariance, for all windows at once; a score that does not exist has
    excess 0 and variance 1.
    """
    excess, left, slopes = excess * basis.exists[:, :, None], np.ones_like(excess), {}
    covariance = {(i, j): value - first[i] * first[j] for (i, j), value in second.items()}
    for i in range(SCORES):
        exists = basis.exists[i][:, None] & (covariance[i, i] > NEGLIGIBLE)
        left[i] = np.where(exists, covariance[i, i], 1.0)
        excess[i] *= exists
        for j in range(i + 1, SCORES):
            slope = slopes[i, j] = covariance[i, j] / left[i] * exists
            excess[j] -= slope * excess[i]
            for k in range(j, SCORES):
                covariance[j, k] = covariance[j, k] - slope * covariance[i, k]
    return excess, left, slopes


def _back(gain: Floats, slopes: dict[tuple[int, int], Floats]) -> Floats:
    """Coefficients (J, F, W) of the scores themselves, from those of the scores given one another."""
    for i in range(SCORES - 2, -1, -1):
        for j in range(i + 1, SCORES):
            gain[i] -= slopes[i, j] * gain[j]
    return gain


def _fitted(gain: Floats, first: Floats, basis: Basis) -> Floats:
    """1 + Σ gain (ψ - first), the fit over its tilt (F, W, K)."""
    constant = 1 - (gain * first).sum(0)
    weights = np.concatenate([constant[None], gain]).transpose(1, 2, 0)
    return np.asarray(weights @ np.concatenate([np.ones_like(basis.psi[:, :1]), basis.psi], 1))


def _cube_root(spread: Floats) -> Floats:
    """Scores of spread made nearly normal, 1 + √2 s being a mean of squares (Wilson and Hilferty 1931)."""
    return np.asarray(3 / np.sqrt(2) * (np.cbrt(1 + np.sqrt(2) * spread) - 1))

"""What is left of a window once its scores are taken out, as one quadratic form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undrift.statistics.predictive import LEAK, MOST, NOTICED, believed, some, within
from undrift.statistics.scores import TINY, Basis, Bools, Floats, Measured, Places

SOFT = 1.0
"""Rows added to a bin's expected count where residuals are scaled: one row alone in a bin that expects
next to none counts as one, not as the inverse of its expectation, and busy bins are left as they are."""

LEAST = 1e-3
"""A quadratic form below this part of its expectation counts as this (its logarithm is taken)."""

BARE = 0.1
"""The part of a window's own noise that its fit leaves is never taken for less."""

FINE = 1.2
"""Expectations of the form are computed for numbers of rows in steps of this factor."""


@dataclass(frozen=True)
class Level:
    """Of forms over their iid expectation, all (F,).

    Their mean and its degrees of freedom, and the effective windows behind them; the mean and deviation of
    the forms made even (see ``_evened``), and its degrees of freedom.
    """

    mean: Floats
    freedom: Floats
    windows: Floats
    even_mean: Floats
    even_sd: Floats
    even_freedom: Floats


@dataclass(frozen=True)
class Shape:
    """Residuals of a history and their quadratic forms.

    ``mean`` (F, P + 2, K) residual shares per phase and what squared moves of location and spread add to
    them, the rows ``behind`` phases (F, P), ``middle`` (F, 2) and ``covariance`` (F, 2, 2) of the squares;
    ``level`` of the forms, the ``rows`` (F,) of a typical window, whether anything is left (F,), and whether
    the form is ``bare`` (F,): of labels, with no scores taken out.
    """

    mean: Floats
    behind: Floats
    middle: Floats
    covariance: Floats
    level: Level
    rows: Floats
    exists: Bools
    bare: Bools


def shape(seen: Measured, moved: Floats, basis: Basis, phase: Places) -> Shape:
    """Fit the residuals of a history whose windows moved so far (J, F, W)."""
    marks = within(phase)
    behind = seen.rows @ marks
    share = seen.rows / np.maximum(behind[:, phase], 1.0)
    middle = (seen.rows * moved[:2] ** 2).sum(2).T / np.maximum(seen.rows.sum(1), 1.0)[:, None]
    x = _squares(moved, middle)
    mean, covariance = _means(x, marks, behind, seen, basis)
    lever = share + seen.rows * ((x @ covariance) * x).sum(2)
    valid = (seen.rows > 0) & (share < 1)
    form = _form(mean, x, seen, basis, phase)
    q = np.where(valid, np.maximum(form / np.maximum(1 - lever, BARE), LEAST), 0.0)
    typical = seen.rows.sum(1) / some(seen.rows > 0)
    most = _freedom(basis, typical)
    bare = np.logical_not(np.any(basis.exists, axis=0))
    level = _level(q, valid, (behind > 0).sum(1), most, bare)
    return Shape(mean, behind, middle, covariance, level, np.maximum(typical, 1.0), most > 0, bare)


def left_over(shape: Shape, seen: Measured, moved: Floats, basis: Basis, phase: Places) -> Floats:
    """p-values (F, W) of the residual forms of windows: the larger of an F and of a t prediction."""
    from scipy.special import fdtrc, stdtr

    x = _squares(moved, shape.middle)
    form = _form(shape.mean, x, seen, basis, phase)
    lever = 1 / np.maximum(shape.behind[:, phase], 1.0) + ((x @ shape.covariance) * x).sum(2)
    level, of = np.maximum(shape.level.mean, 1.0)[:, None], shape.level
    grown = 1 + (level - 1) * seen.rows / shape.rows[:, None]
    q = form / (1 + seen.rows * lever) * level / grown
    nu, windows = of.freedom[:, None], of.windows[:, None]
    by_f = fdtrc(nu, nu * windows, q / level)
    sd = of.even_sd[:, None] * np.sqrt(1 + 1 / windows)
    distance = (_evened(q, shape.bare) - of.even_mean[:, None]) / sd
    by_t = stdtr(of.even_freedom[:, None], -distance)
    return np.where(shape.exists[:, None] & (seen.rows > 0), np.maximum(by_f, by_t), 1.0)


def _squares(moved: Floats, middle: Floats) -> Floats:
    """Squares of location and spread beyond their mean in the history (F, W, 2)."""
    return np.stack(list(moved[:2] ** 2), 2) - middle[:, None]


def _means(x: Floats, marks: Floats, behind: Floats, seen: Measured, basis: Basis) -> tuple[Floats, Floats]:
    """Mean residuals of phases and a ridge regression of the rest on squared moves x (F, W, 2)."""
    weighted = (seen.rows[:, :, None] * x).transpose(0, 2, 1)
    every = np.broadcast_to(marks, (len(x), *marks.shape))
    sums = np.concatenate([every, x], 2).transpose(0, 2, 1) @ seen.residual
    mean, pull = sums[:, :-2] / np.maximum(behind, 1.0)[:, :, None], sums[:, -2:]
    prior = np.maximum(basis.live.sum(1), 1) / LEAK**2
    covariance = np.linalg.inv(weighted @ x + np.eye(2) * prior[:, None, None])
    return np.concatenate([mean, covariance @ (pull - weighted @ marks @ mean)], 1), covariance


def _form(mean: Floats, x: Floats, seen: Measured, basis: Basis, phase: Places) -> Floats:
    """Pearson's X² (F, W) of residuals beyond their means, over its iid expectation.

    ``SOFT`` rows are added to each expected count.
    """
    rows = np.maximum(seen.rows, 1.0)
    marks = np.eye(mean.shape[1] - 2)[phase]
    design = np.concatenate([np.broadcast_to(marks, (len(x), *marks.shape)), x], 2)
    residual = (seen.rows[:, :, None] * design) @ mean
    np.subtract(seen.residual, residual, out=residual)
    residual *= residual
    residual /= seen.tilted + SOFT
    form = residual @ np.ones(residual.shape[2])
    return np.asarray(form / np.maximum(_expected(basis, rows), LEAST))


def _expected(basis: Basis, rows: Floats) -> Floats:
    """The iid expectation of the form (F, W), straight between logarithms of rows."""
    low, high = np.log(rows.min()), np.log(rows.max())
    nodes = np.linspace(low, high, 2 + int((high - low) / np.log(FINE)))
    table = np.stack([_each(basis, np.exp(node)).sum(1) for node in nodes], 1)
    at = (np.log(rows) - low) / max(nodes[1] - nodes[0], LEAST)
    cell = np.minimum(at.astype(np.intp), len(nodes) - 2)
    feature = np.arange(len(rows))[:, None]
    lower = table[feature, cell]
    return np.asarray(lower + (at - cell) * (table[feature, cell + 1] - lower))


def _each(basis: Basis, rows: Floats | float) -> Floats:
    """The iid expectation (F, K) of each bin's part of the form, 0 where the scores leave nothing."""
    own = basis.p * np.maximum(1 - basis.p * (1 + (basis.psi**2).sum(1)), 0.0)
    own *= (basis.live.sum(1) > 1 + basis.exists.sum(0))[:, None]
    return np.asarray(own / (basis.p + SOFT / rows))


def _freedom(basis: Basis, rows: Floats) -> Floats:
    """Degrees of freedom (F,) of the form for so many rows (F,), 0 where nothing is left."""
    each = _each(basis, np.maximum(rows, 1.0)[:, None])
    return np.asarray(each.sum(1) ** 2 / np.maximum((each**2).sum(1), TINY))


def _evened(q: Floats, bare: Bools) -> Floats:
    """Forms (F, W) made about normal: logarithms, cube roots of bare ones (Wilson and Hilferty 1931).

    What is left of numbers is heavy-tailed; few labels have few degrees of freedom, and the logarithm of a
    chi-square with few of them is far from normal.
    """
    return np.where(bare[:, None], np.cbrt(q), np.log(np.maximum(q, LEAST)))


def _level(q: Floats, valid: Bools, phases: Floats, most: Floats, bare: Bools) -> Level:
    """Level of the forms q (F, W); their degrees of freedom, by moments, are at most ``most`` (F,)."""
    count = some(valid)
    mean = np.maximum(q.sum(1) / count, LEAST)
    around = np.where(valid, q - mean[:, None], 0.0)
    squares = np.maximum((around**2).sum(1), LEAST**2)
    r = (around[:, 1:] * around[:, :-1]).sum(1) / squares
    r = np.where(r > NOTICED / np.sqrt(count), np.clip(r, 0.0, MOST), 0.0)
    windows = np.maximum((count - phases) * (1 - r) / (1 + r), 1.0)
    freedom = 2 * mean**2 * np.maximum(count - 1, 1.0) / squares
    freedom = np.clip(freedom, 1.0, np.maximum(most, 1.0))
    return Level(mean, freedom, windows, *_moments(np.where(valid, _evened(q, bare), 0.0), valid, windows))


def _moments(even: Floats, valid: Bools, windows: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, deviation (upwards at least) and degrees of freedom (F,) of evened forms (F, W)."""
    count = some(valid)
    mean = even.sum(1) / count
    around = np.where(valid, even - mean[:, None], 0.0)
    squares = np.maximum((around**2).sum(1), 2 * (np.maximum(around, 0.0) ** 2).sum(1))
    sd = np.maximum(np.sqrt(squares / np.maximum(count - 1, 1.0)), LEAST)
    return mean, sd, believed(around, np.asarray(valid, dtype=np.float64), windows)

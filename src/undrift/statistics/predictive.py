"""How likely a window's scores are, given how much the history's own windows differed from one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undrift.statistics.scores import TINY, Bools, Floats, Places

NODES = 32
"""Values of the between-window variance over which a prediction is averaged."""

REACH = 10.0
"""The nodes reach so many standard deviations of the log variance beyond its least value."""

BELOW = 4.0
"""They begin so many of these below the estimate, but never below what sampling alone gives."""

STEADY = 2.0
"""Prior odds that windows do not differ at all, against a unit of log variance in which they do."""

SHRINK = 16.0
"""Windows that the pooled variance is worth beside those of one side, up or down."""

NOTICED = 1.64
"""A lag-1 correlation is used from so many of its standard errors on (one-sided 5 %)."""

MOST = 0.95
"""The largest persistence that is believed: beyond it no history would be long enough."""

LEAK = 1.0
"""Prior standard deviation of what a squared move adds to the scores after it: what is left of second order
where moves of the values are not the exponential family's. The history says how much it is."""

NEVER = 1e12
"""Prior precision of a leak that is ruled out: location has none, spread one from location alone."""


@dataclass(frozen=True)
class Leaks:
    """What squared moves of location and spread add to scores, as a ridge regression.

    ``middle`` (2, F, P) mean squares of the history per phase, ``slope`` (J, F, 2) and its posterior
    ``covariance`` (J, F, 2, 2).
    """

    middle: Floats
    slope: Floats
    covariance: Floats

    def squares(self, moved: Floats, phase: Places) -> Floats:
        """Squares of the first two of the moves (J, F, W), beyond those of the history, as (F, W, 2)."""
        return np.stack(list(moved[:2] ** 2 - self.middle[:, :, phase]), 2)

    def of(self, squares: Floats) -> Floats:
        """What they are expected to add to the scores (J, F, W)."""
        return np.asarray(np.moveaxis(squares @ self.slope.transpose(1, 2, 0), 2, 0))

    def unsure(self, squares: Floats) -> Floats:
        """The variance of that (J, F, W)."""
        return np.asarray(((squares @ self.covariance) * squares).sum(3))


@dataclass(frozen=True)
class Centre:
    """How scores of features vary between windows.

    ``mean`` (J, F, P) per phase and its variance ``known`` (J, F, P) per unit of a window's; ``leak`` what
    they take from others; ``tau`` (J, F) the between-window standard deviation, ``persistence`` (J, F) the
    lag-1 correlation, ``effective`` (J, F) independent windows that the history is worth; ``node`` and
    ``weight`` (J, F, 2, NODES) the distribution of a window's variance below and above the mean, and
    ``noise`` (J, F) the part of it that is sampling.
    """

    mean: Floats
    known: Floats
    leak: Leaks
    tau: Floats
    persistence: Floats
    effective: Floats
    node: Floats
    weight: Floats
    noise: Floats


@dataclass(frozen=True)
class _Moments:
    """Moments of scores within phases.

    Weighted means (J, F, P), their variance per unit, what is left (J, F, W); and (J, F) the scale of its
    variance and the part that is sampling, windows, and degrees of freedom.
    """

    mean: Floats
    known: Floats
    left: Floats
    scale: Floats
    noise: Floats
    windows: Floats
    freedom: Floats

    def between(self, left: Floats, weight: Floats) -> Floats:
        """Between-window variance (J, F) of what is left (DerSimonian and Laird 1986, any weights)."""
        return np.asarray(np.maximum((weight * left**2).sum(2) / self.scale - self.noise, 0.0))


def centre(scores: Floats, rows: Floats, phase: Places) -> Centre:
    """Fit scores (J, F, W), with a sampling variance of 1 / rows, of windows with so many rows (F, W)."""
    rough = np.repeat(rows[None], len(scores), 0)
    first = _moments(scores, rows, rough, phase)
    tau2 = first.between(first.left, rough)[:, :, None]
    weight = np.where(rows > 0, 1 / (1 / np.maximum(rows, 1.0) + tau2), 0.0)
    fit = _moments(scores, rows, weight, phase)
    leak = _leaks(fit.left, weight, phase)
    left = fit.left - leak.of(leak.squares(fit.left, phase))
    tau2 = fit.between(left, weight)
    r = _persistence(left * np.sqrt(weight), fit.windows)
    loss = (1 + r) / (1 - r)
    effective = np.maximum(fit.freedom / loss, 1.0)
    total = (tau2 + fit.noise) * np.where(r > 0, effective / np.maximum(effective - 1, 1.0), 1.0)
    node, share = _nodes(_sided(left, weight, total), fit.noise, believed(left, weight, effective))
    known = fit.known * loss[:, :, None]
    return Centre(fit.mean, known, leak, np.sqrt(tau2), r, effective, node, share, fit.noise)


def within(phase: Places) -> Floats:
    """Marks (W, P) of the phase of each window."""
    return np.eye(int(phase.max()) + 1)[phase]


def _moments(scores: Floats, rows: Floats, weight: Floats, phase: Places) -> _Moments:
    """Weighted moments within phases; the variance of what is left is a random effect's plus sampling's."""
    marks = within(phase)
    total = weight @ marks
    some = np.maximum(total, TINY)
    mean = (weight * scores) @ marks / some
    own = weight / some[:, :, phase]
    rest = weight * (1 - own)
    scale = np.maximum(rest.sum(2), TINY)
    noise = (rest / np.maximum(rows, 1.0)).sum(2) / scale
    known = own**2 @ marks
    windows = np.where(total > 0, 1 / np.maximum(known, TINY), 0.0).sum(2)
    freedom = np.maximum(windows - (total > 0).sum(2), 0.0)
    return _Moments(mean, known, scores - mean[:, :, phase], scale, noise, windows, freedom)


def _leaks(left: Floats, weight: Floats, phase: Places) -> Leaks:
    """Regress what is left (J, F, W), with inverse variances ``weight``, on squares of the first two."""
    marks = within(phase)
    middle = (weight[:2] * left[:2] ** 2) @ marks / np.maximum(weight[:2] @ marks, TINY)
    x = (left[:2] ** 2 - middle[:, :, phase]) * (weight[:2] > 0)
    a, b = x
    squares = np.stack([a * a, a * b, a * b, b * b], 2)
    by_feature = weight.transpose(1, 0, 2)
    precision = (by_feature @ squares).transpose(1, 0, 2).reshape(*weight.shape[:2], 2, 2)
    prior = np.full((len(left), 2), LEAK**-2.0)
    prior[0], prior[1, 1] = NEVER, NEVER
    covariance = np.linalg.inv(precision + (np.eye(2) * prior[:, None])[:, None])
    pull = ((by_feature * left.transpose(1, 0, 2)) @ x.transpose(1, 2, 0)).transpose(1, 0, 2)
    return Leaks(middle, (covariance @ pull[..., None])[..., 0], covariance)


def _persistence(left: Floats, windows: Floats) -> Floats:
    """Lag-1 correlation (J, F) of what is left, corrected for its small-sample bias, 0 unless noticed."""
    raw = (left[:, :, 1:] * left[:, :, :-1]).sum(2) / np.maximum((left**2).sum(2), TINY)
    windows = np.maximum(windows, 1.0)
    corrected = raw + (1 + 3 * raw) / windows  # Kendall (1954), Marriott and Pope (1954)
    return np.where(raw > NOTICED / np.sqrt(windows), np.clip(corrected, 0.0, MOST), 0.0)


def _sided(left: Floats, weight: Floats, total: Floats) -> Floats:
    """Variances (J, F, 2) of scores below and above the mean, each shrunk to the pooled one."""
    unit = weight * left**2
    ratio = (weight > 0).sum(2) / np.maximum(unit.sum(2), TINY)
    above = left > 0
    up, down = (unit * above).sum(2) * ratio, (unit * (left < 0)).sum(2) * ratio
    ups, downs = above.sum(2), (left < 0).sum(2)
    sides = [(down + SHRINK) / (downs + SHRINK), (up + SHRINK) / (ups + SHRINK)]
    return np.asarray(total[:, :, None] * np.stack(sides, 2))


def believed(left: Floats, weight: Floats, effective: Floats) -> Floats:
    """Degrees of freedom of predictions: those of the history, fewer where its tails are heavy.

    ``left`` and ``weight`` (..., W), ``effective`` and the answer (...). A t with n degrees of freedom has
    an excess kurtosis of 6 / (n - 4); one standard error of it is allowed.
    """
    unit = weight * left**2
    count = np.maximum((weight > 0).sum(-1), 1)
    size = unit.sum(-1) / count
    excess = (unit**2).sum(-1) / count / np.maximum(size**2, TINY) - 3 - np.sqrt(24 / count)
    heavy = np.where(excess > 0, 4 + 6 / np.maximum(excess, TINY), np.inf)
    return np.maximum(np.minimum(effective, heavy), 1.0)


def _nodes(variance: Floats, noise: Floats, freedom: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights (J, F, 2, NODES) of the posterior of a window's variance, never below its noise.

    Given ``variance`` (J, F, 2) with so many degrees of freedom (J, F) and a prior flat in its logarithm
    the posterior is scaled inverse chi-square, and a prediction from it Student's t (Gelman et al.,
    Bayesian Data Analysis, 3.2); sampling alone sets its lower end, where the prior has an atom.
    """
    nu = freedom[:, :, None, None]
    sd = np.sqrt(2 / nu)
    middle = np.log(np.maximum(variance, TINY))[..., None]
    floor = np.log(np.maximum(noise, TINY))[:, :, None, None]
    least = np.maximum(floor, middle - BELOW * np.minimum(sd, 1.0))
    step = np.linspace(0.0, 1.0, NODES)
    node = least + step**2 * REACH * sd
    log = -nu / 2 * (node - middle + np.exp(np.minimum(middle - node, np.log(1 / TINY))))
    density = np.exp(log - log.max(-1, keepdims=True))
    weight = density * 2 * step / (NODES - 1) * REACH * sd
    weight[..., :1] = STEADY * density[..., :1] * (least <= floor)
    return np.exp(node), weight / weight.sum(-1, keepdims=True)


def beyond(centre: Centre, scores: Floats, phase: Places) -> Floats:
    """Signed distances (J, F, W) of scores from their mean, leaks included."""
    return np.asarray(scores - centre.mean[:, :, phase])


def two_sided(centre: Centre, moved: Floats, rows: Floats, phase: Places) -> tuple[Floats, Floats]:
    """p-values (J, F, W) of distances from the mean of windows with so many rows, and these without leaks."""
    from scipy.special import ndtr

    squares = centre.leak.squares(moved, phase)
    unsure = centre.leak.unsure(squares)
    moved = moved - centre.leak.of(squares)
    score, feature = np.ogrid[: moved.shape[0], : moved.shape[1]]
    side = (score[..., None], feature[..., None], (moved > 0).astype(np.intp))
    node, weight = centre.node[side], centre.weight[side]
    between = np.maximum(node - centre.noise[:, :, None, None], 0.0)
    sampling = 1 / np.maximum(rows, 1.0) + unsure
    variance = sampling[..., None] + between + node * centre.known[:, :, phase][..., None]
    p = (weight * 2 * ndtr(-np.abs(moved)[..., None] / np.sqrt(variance))).sum(-1)
    return np.where(rows > 0, np.minimum(p, 1.0), 1.0), np.where(rows > 0, moved, 0.0)


def some(valid: Bools) -> Floats:
    """How many of each row (..., W), at least 1 so that it can be divided by."""
    return np.asarray(np.maximum(valid.sum(-1), 1.0), dtype=np.float64)

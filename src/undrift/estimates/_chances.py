"""Probabilities that are right on average, learnt from labelled rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLIP = 1e-6
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken."""

MANY = 1_000
"""Known rows from which on a map of free form is half of the answer: of fewer it would learn the noise."""

RIDGE = 1.0
"""How firmly coefficients are held near no correction, in rows."""


def calibrated(said: Floats, labels: Floats, now: Floats, weights: Floats | None = None) -> Floats:
    """The probability of every class (rows, classes) for predictions ``now``, from known ones with labels.

    For two classes it is the map of Kull, Silva Filho and Flach (beta calibration, Electronic Journal of
    Statistics 11, 2017), of many rows its mean with one of free form, for several a logistic map of the
    logarithms of all probabilities. Without both of two classes the probabilities stay as they are.
    """
    chances = _all(now)
    known = labels >= 0
    seen = np.unique(labels[known]).astype(np.int64)
    if len(seen) < 2:
        return chances
    x, y = _logs(_all(said))[known], labels[known].astype(np.int64)
    mass = np.ones(len(y)) if weights is None else weights[known]
    if said.ndim == 1:
        odds = _fit(_beta(x), y.astype(np.float64), mass)
        second = _sigmoid(_beta(_logs(chances)) @ odds)
        if len(y) >= MANY:
            second = (second + _rising(said[known], y, mass, now)) / 2
        return np.column_stack([1 - second, second])
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0, max_iter=500).fit(x[:, seen], y, sample_weight=mass)
    found = np.zeros_like(chances)
    rest = np.delete(chances, seen, axis=1).sum(axis=1)
    found[:] = chances
    found[:, seen] = model.predict_proba(_logs(chances)[:, seen]) * (1 - rest)[:, None]
    return found


def _all(predictions: Floats) -> Floats:
    """The probability of every class."""
    return np.column_stack([1 - predictions, predictions]) if predictions.ndim == 1 else predictions


def _logs(chances: Floats) -> Floats:
    found: Floats = np.log(np.clip(chances, CLIP, 1 - CLIP))
    return found


def _beta(logs: Floats) -> Floats:
    """A constant and the two logarithms, of which the first counts against the second class."""
    return np.column_stack([np.ones(len(logs)), logs[:, 1], -logs[:, 0]])


def _rising(said: Floats, y: NDArray[np.int64], weights: Floats, now: Floats) -> Floats:
    """The probability of the second class by a map that only rises (Zadrozny and Elkan, KDD 2002)."""
    from sklearn.isotonic import IsotonicRegression

    steps = IsotonicRegression(y_min=CLIP, y_max=1 - CLIP, out_of_bounds="clip")
    found: Floats = np.asarray(steps.fit(said, y, sample_weight=weights).predict(now), dtype=np.float64)
    return found


def _fit(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Logistic coefficients by damped Newton steps, held near those of no correction: 0, 1 and 1."""
    start = np.array([0.0, 1.0, 1.0])
    found = start.copy()
    hold = np.diag([1e-6, RIDGE, RIDGE])

    def cost(at: Floats) -> float:
        odds = x @ at
        return float(weights @ (np.logaddexp(0, odds) - y * odds) + (at - start) @ hold @ (at - start) / 2)

    for _ in range(50):
        chance = _sigmoid(x @ found)
        slope = x.T @ (weights * (chance - y)) + hold @ (found - start)
        bend = (x * (weights * chance * (1 - chance))[:, None]).T @ x + hold
        step = np.linalg.solve(bend, slope)
        while np.abs(step).max() > 1e-9 and cost(found - step) > cost(found):
            step = step / 2
        found = found - step
        if np.abs(step).max() < 1e-9:
            break
    return found


def _sigmoid(values: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-np.clip(values, -500, 500)))
    return found

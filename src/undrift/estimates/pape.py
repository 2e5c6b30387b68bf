"""Confidence-based performance estimation where rows come from elsewhere than the known ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.artifacts import threads
from undrift.estimates import Estimator, Expected, Side
from undrift.estimates._chances import calibrated
from undrift.estimates._numbers import numbers
from undrift.estimates.cbpe import with_chances
from undrift.losses import Loss
from undrift.records import TaskName

Floats = NDArray[np.float64]

MOST = 20.0
"""How much more a known row may count than on average."""

FOLDS = 2


class Pape:
    """As ``cbpe``, with probabilities that are put right where the window's rows lie.

    Known rows count as much as rows like them are more frequent in the window: a classifier that tells the
    two apart gives the ratio of densities (Bickel, Brückner and Scheffer, JMLR 10, 2009). Source: Białek,
    Kivimäki, Kuberski and Perrakis, NeurIPS 2025, arXiv:2401.08348.
    """

    tasks: tuple[TaskName, ...] = ("binary", "multiclass")

    def expected(self, known: Side, window: Side, loss: Loss) -> Expected:
        """The expected loss of the window's rows; NaN where a pooled loss is not defined."""
        if known.labels is None:
            return Expected(float("nan"), 0)
        weights = ratios(known, window) * (1.0 if known.weights is None else known.weights)
        chances = calibrated(known.predictions, known.labels, window.predictions, weights)
        borne = float(weights.sum() ** 2 / (weights**2).sum())  # Kish: as many rows of equal weight
        return Expected(with_chances(window, chances, loss), borne)


def ratios(known: Side, window: Side) -> Floats:
    """How much more frequent rows like each of the known ones (rows,) are in the window; 1 on average."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    x = np.vstack([numbers(known, known, window), numbers(window, known, window)])
    y = np.repeat([0, 1], [len(known), len(window)])
    fold = np.random.default_rng(0).integers(0, FOLDS, len(y))
    chance = np.empty(len(y))
    for one in range(FOLDS):
        model = HistGradientBoostingClassifier(
            max_iter=40, max_leaf_nodes=15, learning_rate=0.1, early_stopping=False, random_state=0
        )
        with threads(window.rows):
            model.fit(x[fold != one], y[fold != one])
            chance[fold == one] = model.predict_proba(x[fold == one])[:, 1]
    odds = chance[: len(known)] / np.maximum(1 - chance[: len(known)], 1e-6)
    odds = np.clip(odds / odds.mean(), 0, MOST)
    scaled: Floats = odds / odds.mean()
    return scaled


_: type[Estimator] = Pape

"""What a mean loss does not show: whether predictions rank rows, and whether probabilities are too high.

Log loss rewards probabilities that are right on average before it rewards those that tell rows apart: where
positives are rare, their share, said of every row, beats a good ranking on the wrong scale.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from undrift.records import MeanCalibration, Ranking
from undrift.statistics.intervals import block_t
from undrift.statistics.ranks import against_others, area

Floats = NDArray[np.float64]
Blocks = NDArray[np.int64]

SURE = 0.95
"""Confidence with which a model must rank better than a constant; not split among challengers."""

PLAINLY = 1.5
"""Odds that are surely wrong by more than this factor are not calibrated; drift may do as much as that."""


def told_apart(labels: Floats, predictions: Floats, blocks: Blocks) -> Ranking | None:
    """How well predictions tell two classes apart: the AUC, whose lower bound must be over one half.

    All arrays have shape (rows,), ``labels`` are 0 and 1. None where all labels are the same.
    """
    if len(np.unique(labels)) < 2:
        return None
    return _ranking("AUC", 0.5, _auc_by_row(labels, predictions), blocks)


def each_told_apart(labels: Floats, predictions: Floats, blocks: Blocks) -> Ranking | None:
    """How well probabilities tell each class from all others: the mean AUC over the classes that occur.

    ``labels`` and ``blocks`` have shape (rows,), ``predictions`` (rows, classes). None where all labels are
    the same. Source: Provost and Domingos, 2000, with all classes alike.
    """
    found = [_auc_by_row(own, chance) for own, chance in against_others(labels, predictions)]
    return _ranking("AUC", 0.5, np.mean(found, axis=0), blocks) if found else None


def mean_auc(labels: Floats, predictions: Floats) -> float | None:
    """The mean area under the ROC curves of each class against all others; None with one class only.

    >>> mean_auc(np.array([0.0, 1.0, 2.0]), np.eye(3))
    1.0
    """
    found = [area(own, chance) for own, chance in against_others(labels, predictions)]
    return float(np.mean(found)) if found else None


def correlated(labels: Floats, predictions: Floats, blocks: Blocks) -> Ranking | None:
    """How well predictions order the rows: the rank correlation (Spearman) with the labels, over 0.

    All arrays have shape (rows,). None where all labels are the same.
    """
    if len(np.unique(labels)) < 2:
        return None
    return _ranking("rank correlation", 0.0, _correlation_by_row(labels, predictions), blocks)


def auc(labels: Floats, predictions: Floats) -> float | None:
    """Area under the ROC curve by mid-ranks (Mann-Whitney); None with one class only.

    >>> auc(np.array([0.0, 1.0]), np.array([0.2, 0.9]))
    1.0
    """
    known = len(np.unique(labels)) > 1
    return area(labels, predictions) if known else None


def mean_calibration(labels: Floats, predictions: Floats, blocks: Blocks) -> MeanCalibration | None:
    """Whether probabilities are right on average: odds of their mean over odds of the share of positives.

    All arrays have shape (rows,), ``labels`` are 0 and 1. The interval is that of the log odds ratio by the
    delta method, over blocks, with 95 % confidence. None where there is one class only, or one probability of
    0 or 1.

    >>> labels, days = np.array([0.0, 0.0, 0.0, 1.0] * 10), np.arange(40) // 4
    >>> found = mean_calibration(labels, np.full(40, 0.5), days)
    >>> round(found.ratio, 6), found.off
    (3.0, True)
    """
    said, happened = float(predictions.mean()), float(labels.mean())
    if not (0 < said < 1 and 0 < happened < 1):
        return None
    log_ratio = _logit(said) - _logit(happened)
    by_row = log_ratio + (predictions - said) / _spread(said) - (labels - happened) / _spread(happened)
    found = block_t(by_row, blocks, 0.975)
    off = max(found.lower, -found.upper) > math.log(PLAINLY)
    return MeanCalibration(said, happened, math.exp(log_ratio), _exp(found.lower), _exp(found.upper), off=off)


def heaviest(values: Floats) -> float:
    """The share of the squared deviations from the mean that the row farthest from it makes up.

    >>> heaviest(np.array([0.0, 0.0, 0.0, 9.0])), heaviest(np.array([1.0, 1.0]))
    (0.75, 0.0)
    """
    squared = (values - values.mean()) ** 2 if len(values) else values
    total = float(squared.sum())
    return float(squared.max()) / total if total else 0.0


def _ranking(name: str, chance: float, by_row: Floats, blocks: Blocks) -> Ranking:
    """The mean of what each row adds, with its lower bound over blocks."""
    found = block_t(by_row, blocks, SURE)
    return Ranking(name, found.mean, found.lower, ranks=found.lower > chance)


def _auc_by_row(labels: Floats, predictions: Floats) -> Floats:
    """Values of each row whose mean is the AUC and whose totals by block give its standard error.

    Each row's part is how it stands to the rows of the other class: E. DeLong et al., Biometrics 44, 1988;
    for rows that belong together N. Obuchowski, Biometrics 53, 1997.
    """
    positive = labels > 0.5
    ones, zeros = predictions[positive], predictions[~positive]
    placed = np.empty(len(labels))
    placed[positive] = _share_below(ones, zeros)
    placed[~positive] = 1 - _share_below(zeros, ones)
    whole = area(labels, predictions)
    weight = np.where(positive, len(labels) / len(ones), len(labels) / len(zeros))
    return whole + (placed - whole) * weight


def _share_below(values: Floats, others: Floats) -> Floats:
    """The share of the others that lie below each value; those that equal it count half."""
    ordered = np.sort(others)
    places = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return places / (2 * len(others))


def _correlation_by_row(labels: Floats, predictions: Floats) -> Floats:
    """Values of each row whose mean is the rank correlation, by its influence function; 0 for a constant."""
    x, y = _scores(predictions), _scores(labels)
    correlation = float(np.mean(x * y))
    return correlation + x * y - correlation * (x**2 + y**2) / 2 if x.any() else x


def _scores(values: Floats) -> Floats:
    """Ranks, ties in the middle, with mean 0 and mean square 1; all 0 where there is one value only."""
    ordered = np.sort(values)
    ranks = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    centred = ranks - ranks.mean()
    size = float(np.sqrt(np.mean(centred**2)))
    return centred / size if size else np.zeros(len(values))


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


def _spread(share: float) -> float:
    return share * (1 - share)


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))

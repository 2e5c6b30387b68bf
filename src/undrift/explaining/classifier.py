"""What tells the rows of a window from those that a model was trained on: a classifier on sampled rows.

It is judged on rows that it was not fitted on. Rows that come one after another are alike: dealt to the
folds one by one, the neighbours of a row would give it away. So each side is cut into runs of rows, and
whole runs are dealt to the folds in turn: every fold knows all of the reference, and finds a change that
began within the window, which three stretches of it would not (measured: never, where this finds one in
three). The interval of the AUC is DeLong's with the runs as clusters: E. DeLong and others, Biometrics 44,
1988; N. Obuchowski, Biometrics 53, 1997. It holds for the rows at hand and explains an alarm, it raises none:
of quiet windows of 200 independent rows 5 % are told apart, of 200 rows with an autocorrelation of 0.9 half.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from undrift import artifacts
from undrift.arrow import is_vector, lists, usual_length
from undrift.errors import TooFewError
from undrift.explaining import importance
from undrift.losses.log_loss import log_loss
from undrift.records import Condition, Explanation, Region, Schema
from undrift.schema import PREFIX, VECTOR, features
from undrift.statistics.intervals import block_t
from undrift.words.phrases import count

Floats = NDArray[np.float64]

ROWS = 5_000
"""Rows of each side, at most."""

FAR = 1e150
"""Numbers beyond are taken for this, so that differences of two of them are numbers."""

RUNS = 12
"""Runs of rows that each side is cut into."""

FOLDS = 3
"""Each a third of the runs, and judged by a classifier that was fitted on the other two."""

COMPONENTS = 16
"""Principal components that are looked at of lists of numbers."""

FEWEST = 5 * RUNS
"""Rows that each side needs."""

CONFIDENCE = 0.95
"""How often the interval of the AUC holds."""

NAMED = 5
"""Features that are named, at most."""

LEAST = 0.01
"""The share of a feature that is named, at least."""

STEPS = 20
"""A number is cut at every twentieth of the rows when a region is looked for."""

LABELS = 20
"""Labels of a feature that are looked at, the most frequent ones."""

GAIN = 0.05
"""What a second condition must add to the difference of the shares to be worth saying."""


def explain(window: pa.Table, reference: pa.Table, schema: Schema) -> Explanation:
    """How well a classifier tells the window's rows from the reference's, by which features, and where.

    Both tables are in the order in which their rows came and have the schema's features. The same rows
    give the same answer. Raises TooFewError under 60 rows on a side.
    """
    sides = [_sampled(window, "the window"), _sampled(reference, "the reference")]
    sizes = [side.num_rows for side in sides]
    both = pa.concat_tables(sides, promote_options="default")
    shown = artifacts.frame(both, schema)
    parts = {name: _components(both[name]) for name in _listed(both, schema)}
    runs = np.concatenate([np.arange(size) * RUNS // size for size in sizes])
    labels = np.repeat([1.0, 0.0], sizes)
    auc, lower, upper, shares = _told_apart(_with_parts(_coded(shown), parts), labels, runs)
    shares = _summed(shares, parts)
    ranked = sorted(shares.items(), key=lambda item: -item[1]) if lower > 0.5 else []
    named = {name: share for name, share in ranked[:NAMED] if share >= LEAST}
    return Explanation(
        window="",
        reference=None,
        rows_window=sizes[0],
        rows_reference=sizes[1],
        auc=auc,
        lower=lower,
        upper=upper,
        features=named,
        where=_where(shown, labels, list(takewhile(shown.columns.__contains__, named))[:2], schema),
    )


def _sampled(table: pa.Table, side: str) -> pa.Table:
    if table.num_rows < FEWEST:
        raise TooFewError(
            f"{side} has {count(table.num_rows, 'row')}",
            f"Telling rows apart needs {FEWEST}: explain a window with more.",
        )
    return table.take(importance.sample(table.num_rows, ROWS))


def _listed(table: pa.Table, schema: Schema) -> list[str]:
    """The columns of lists of numbers, such as embeddings."""
    left_out = [column.name for column in schema.columns if column.reason == VECTOR]
    return [name for name in left_out if name in table.column_names and is_vector(table[name].type)]


def _components(values: pa.ChunkedArray) -> Floats:
    """The first principal components of the lists of the usual length, (rows, K); NaN for other rows.

    They are of both sides together and know nothing of which row is of which, so that no fold is given away.
    """
    from sklearn.decomposition import PCA

    length = usual_length(values)
    found, known = lists(values, length) if length else (np.empty((0, 0)), np.zeros(len(values), dtype=bool))
    parts = min(COMPONENTS, *found.shape)
    shown = np.full((len(values), parts), np.nan)
    if parts:
        shown[known] = PCA(parts, svd_solver="randomized", random_state=0).fit_transform(found)
    return shown


def _with_parts(rows: pd.DataFrame, parts: Mapping[str, Floats]) -> pd.DataFrame:
    """The rows with the components of every column of lists, which are named by their column and place."""
    found = {(name, place): column for name, all_ in parts.items() for place, column in enumerate(all_.T)}
    more = {_part(*key): _codes(pd.Series(column)) for key, column in found.items()}
    return rows.assign(**more) if more else rows


def _summed(shares: Mapping[str, float], parts: Mapping[str, Floats]) -> dict[str, float]:
    """The shares by column: those of a list's components are its own."""
    columns = {_part(name, place): name for name, all_ in parts.items() for place in range(all_.shape[1])}
    found: dict[str, float] = {}
    for name, share in shares.items():
        column = columns.get(name, name)
        found[column] = found.get(column, 0.0) + share
    return found


def _part(name: str, place: int) -> str:
    return f"{PREFIX}{name}[{place}]"


def _coded(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as numbers: labels by the alphabet, and what is missing under everything else.

    Trees cut it off like any number; scikit-learn's fail on a column without any, as one fold may have.
    """
    return pd.DataFrame({name: _codes(column) for name, column in rows.items()})


def _codes(column: pd.Series) -> Floats:
    if column.dtype == object:
        return pd.factorize(column, sort=True)[0].astype(np.float64)
    least = column.min() if column.notna().any() else 0.0
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    below = max(float(least), -FAR) - abs(max(float(least), -FAR)) - 1
    return np.where(np.isnan(values), below, np.clip(values, -FAR, FAR))


def _told_apart(
    rows: pd.DataFrame, labels: Floats, runs: NDArray[np.int64]
) -> tuple[float, float, float, dict[str, float]]:
    """The AUC with its bounds, and the share of every feature in telling the rows apart."""
    judged = [_judged(rows, labels, runs % FOLDS == fold) for fold in range(FOLDS)]
    order = np.concatenate([np.flatnonzero(runs % FOLDS == fold) for fold in range(FOLDS)])
    placements = np.concatenate([found for found, _ in judged])
    total = {name: sum(changes[name] for _, changes in judged) for name in map(str, rows.columns)}
    return *_interval(placements, labels[order], runs[order]), importance.shares(total)


def _judged(rows: pd.DataFrame, labels: Floats, unseen: NDArray[np.bool_]) -> tuple[Floats, dict[str, float]]:
    """The placement of every unseen row by a classifier fitted on the others, and what shuffling costs it."""
    ask = partial(_ask, _classifier(rows[~unseen], labels[~unseen]))
    rows, labels = rows[unseen], labels[unseen]
    return _placements(ask(rows), labels), importance.increases(ask, rows, labels, _balanced)


def _classifier(rows: pd.DataFrame, labels: Floats) -> Any:
    """Boosted trees that give both sides the same weight; shallow, as windows are small."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        l2_regularization=1.0,
        class_weight="balanced",
        early_stopping=False,
        random_state=0,
    )
    with artifacts.threads(rows):
        return model.fit(rows, labels)


def _ask(model: Any, rows: pd.DataFrame) -> Floats:
    """The probability of belonging to the window, of every row."""
    with artifacts.threads(rows):
        return np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64)


def _placements(scores: Floats, labels: Floats) -> Floats:
    """The share of reference rows scored below each row of the window; for these, of the window's above."""
    mine = labels == 1
    placements = np.empty_like(scores)
    placements[mine] = _below(scores[mine], scores[~mine])
    placements[~mine] = 1 - _below(scores[~mine], scores[mine])
    return placements


def _below(scores: Floats, others: Floats) -> Floats:
    """The share of the others under each score, of equals one half."""
    ordered = np.sort(others)
    left, right = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
    return (left + right) / (2 * len(others))


def _interval(placements: Floats, labels: Floats, runs: NDArray[np.int64]) -> tuple[float, float, float]:
    """The AUC and its bounds, from the placements of the rows of both sides."""
    confidence = (1 + CONFIDENCE) / 2
    window, reference = (block_t(placements[labels == s], runs[labels == s], confidence) for s in (1, 0))
    reach = math.hypot(window.upper - window.mean, reference.upper - reference.mean)
    return window.mean, max(0.0, window.mean - reach), min(1.0, window.mean + reach)


def _balanced(labels: Floats, values: Floats) -> float:
    """The log loss with both sides counted alike."""
    losses = log_loss(labels, values)
    return float(losses[labels == 1].mean() + losses[labels == 0].mean()) / 2


def _where(rows: pd.DataFrame, labels: Floats, names: Sequence[str], schema: Schema) -> Region | None:
    """The region of at most two features in which the shares of the two sides differ most.

    It describes the rows at hand: it was looked for in them, so it is no test.
    """
    kinds = {column.name: column.kind for column in features(schema)}
    found = [
        candidate
        for name in names
        for candidate in (
            _labels(name, rows[name]) if kinds[name] != "numeric" else _cuts(name, rows[name].to_numpy())
        )
    ]
    if not found:
        return None
    conditions, fits = [c for c, _ in found], np.array([fit for _, fit in found], dtype=np.float32)
    inside, outside = fits[:, labels == 1], fits[:, labels == 0]
    window = inside @ inside.T / inside.shape[1]
    reference = outside @ outside.T / outside.shape[1]
    first, second = _best(window - reference)
    return Region(
        conditions=tuple(conditions[i] for i in sorted({first, second})),
        window=float(window[first, second]),
        reference=float(reference[first, second]),
    )


def _best(differences: NDArray[np.float32]) -> tuple[int, int]:
    """The one condition (twice) with the largest difference, or the pair that is clearly better."""
    alone = int(np.argmax(differences.diagonal()))
    pair = np.unravel_index(int(np.argmax(differences)), differences.shape)
    if differences[pair] - differences[alone, alone] < GAIN:
        return alone, alone
    return int(pair[0]), int(pair[1])


def _cuts(name: str, values: Floats) -> Iterator[tuple[Condition, NDArray[np.bool_]]]:
    """Every condition on a number, with the rows that meet it."""
    present = values[~np.isnan(values)]
    if len(present) < len(values):
        yield Condition(name, "missing"), np.isnan(values)
    if not len(present):
        return
    cuts = np.quantile(present, np.arange(1, STEPS) / STEPS)
    reach = float(present.max() - present.min())
    digits = 2 - math.floor(math.log10(reach)) if reach else 0
    for cut in sorted({round(float(c), digits) for c in cuts}):
        yield Condition(name, "≤", value=cut), values <= cut
        yield Condition(name, ">", value=cut), values > cut


def _labels(name: str, values: pd.Series) -> Iterator[tuple[Condition, NDArray[np.bool_]]]:
    """Every condition on a label, with the rows that meet it."""
    missing = values.isna().to_numpy()
    if missing.any():
        yield Condition(name, "missing"), missing
    for label in values.value_counts().index[:LABELS]:
        mine = (values == label).to_numpy()
        text = str(label) if values.dtype == object else str(bool(label)).lower()
        yield Condition(name, "=", label=text), mine
        yield Condition(name, "≠", label=text), ~mine & ~missing

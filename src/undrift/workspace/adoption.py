"""What a model that was fitted elsewhere promises for rows that it has not seen.

Its loss on the rows that it was fitted on promises nothing: a forest that has learnt them by heart would
look worse on the first quiet window, and be retrained for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import artifacts, inputs, tasks
from undrift.errors import ConfigError, DataError, TooFewError
from undrift.lakes import BATCH, ID, TIME, WINDOW
from undrift.records import Batch, Schema, Window
from undrift.tasks import UNSEEN
from undrift.trainers.refit import Refit
from undrift.windows import spanning
from undrift.workspace.archive import Archive, Labelled
from undrift.workspace.intake import Intake

FOLDS = 5
"""Parts that are predicted by clones fitted on the others: each clone sees four fifths of the rows."""

RUNS = 10
"""Runs of rows that are dealt to the folds where there are fewer windows than folds."""


@dataclass(frozen=True)
class Unseen:
    """Labelled rows that a model was not trained on, and the last window that holds rows that it was."""

    data: Labelled
    through: int


def unseen(intake: Intake, history: Batch, trained_until: datetime | None, holdout: Any) -> Unseen | None:
    """The rows that a model was not trained on, where somebody says which; ``holdout`` joins the history.

    Raises DataError for a holdout that is the history itself, ConfigError where both are named.
    """
    if trained_until is not None and holdout is not None:
        raise ConfigError("both --trained-until and --holdout are given", "Give one of them.")
    if trained_until is not None:
        return after(intake.archive, trained_until)
    if holdout is None:
        return None
    source = inputs.label_of(holdout)
    kept = intake.add(inputs.read(holdout), source, history=True)
    if kept.id == history.id:
        raise DataError(f"{source} holds the same rows as --from", "Name rows the model has not seen.")
    return delivered(intake.archive, kept)


def after(archive: Archive, moment: datetime) -> Unseen:
    """The rows of the history after a moment; raises TooFewError where none of them has a label."""
    if archive.schema.time is None:
        raise ConfigError("--trained-until needs event times", "Name their column with --time.")
    late = pc.greater(_history(archive)[TIME], pa.scalar(moment, pa.timestamp("us", "UTC")))
    return _unseen(archive, late, f"after {moment.isoformat()}")


def delivered(archive: Archive, batch: Batch) -> Unseen:
    """The rows of the history that came with a batch; raises TooFewError where none of them has a label."""
    ours = pc.equal(_history(archive)[BATCH], batch.kept_as or batch.id)
    return _unseen(archive, ours, "in the holdout that are not in --from as well")


def cross_fitted(model: Any, data: Labelled, schema: Schema) -> NDArray[np.float64]:
    """One prediction per row, each by a clone of the model that was fitted without that row's part.

    Windows are dealt to the parts in turn, so that every part sees all seasons. Raises ModelError for a model
    that cannot be cloned or fitted.
    """
    rows = artifacts.frame(data.rows, schema, artifacts.columns(schema, model))
    folds = _folds(data)
    values = np.empty(tasks.named(schema.task).shape(len(data), schema.classes))
    for fold in np.unique(folds):
        out = folds == fold
        known = ~out & ((data.labels != UNSEEN) | (not schema.classes))
        weights = () if data.weights is None else (data.weights[known],)
        clone = Refit().fit(rows[known], data.labels[known], schema, model, *weights)
        values[out] = artifacts.predict(clone, rows[out], schema)
    return values


def trained(windows: Sequence[Window], through: int) -> list[Window]:
    """Those of the history's windows that hold rows a model was trained on; all where none does."""
    return [w for w in windows if w.index <= through] or list(windows)


def _folds(data: Labelled) -> NDArray[np.int64]:
    windows, place = np.unique(data.rows[WINDOW].to_numpy(), return_inverse=True)
    if len(windows) < FOLDS:
        place = np.arange(len(data)) * RUNS // max(len(data), 1)
    return place % FOLDS


def _history(archive: Archive) -> pa.Table:
    history = spanning(archive.windows(history=True))
    return archive.rows(history.first, history.last)


def _unseen(archive: Archive, chosen: pa.ChunkedArray, where: str) -> Unseen:
    """The chosen rows of the history, where they are labelled, and the last window of the others."""
    windows = archive.windows(history=True)
    rows = _history(archive)
    seen = rows.filter(pc.invert(chosen))[WINDOW]
    data = archive.labelled(spanning(windows))
    mine = np.asarray(pc.is_in(data.ids, rows.filter(chosen)[ID].combine_chunks()))
    if not mine.any():
        raise TooFewError(f"there are no labelled rows {where}", "Name rows that the model has not seen.")
    return Unseen(data.only(mine), max(seen.to_pylist(), default=windows[0].index - 1))

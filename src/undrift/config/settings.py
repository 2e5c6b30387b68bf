"""Every setting: its default, its type, and what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its default, its type, and what to tell whoever reads the file."""

    default: Any
    type: Any
    comment: str


SETTINGS: dict[str, Setting] = {
    "data.target": Setting(None, str | None, "what the model predicts"),
    "data.time": Setting(None, str | None, "the event time; without one, rows are taken in order"),
    "data.time_format": Setting(
        None, str | None, 'how times are written: "epoch", "year", "%d.%m.%Y %H:%M"; by default as they look'
    ),
    "data.id": Setting(None, str | None, "names a row, so that late labels find it"),
    "data.prediction": Setting(
        None, str | None, "a foreign model's predictions, where undrift holds no model"
    ),
    "data.task": Setting(
        None, str | None, '"regression", "binary" or "multiclass"; by default what the target looks like'
    ),
    "data.weight": Setting(None, str | None, "how much a row counts in training, scores and the gate"),
    "data.ignore": Setting([], list, "columns that are neither kept, compared nor shown to the model"),
    "data.calendar": Setting(
        [], list, 'shown to the model beside the columns: "hour", "weekday", "month" of the time (UTC)'
    ),
    "windows.size": Setting("batch", str | int, '"7d" or "12h" of event time, a number of rows, or "batch"'),
    "labels.delay": Setting(None, str | None, "how long after a window its labels are complete"),
    "labels.coverage": Setting(0.9, float, "share of a window's rows that need a label before it is scored"),
    "drift.metric": Setting("psi", str, "how far a feature has moved"),
    "drift.threshold": Setting(
        None, float | None, "the smallest move worth caring about, in the metric's units"
    ),
    "drift.also": Setting(["missing", "unseen"], list, "metrics watched beside it, at their own thresholds"),
    "drift.alarm_rate": Setting(0.01, float, "how often a quiet window may alarm, over all features"),
    "drift.calibration": Setting(
        None,
        str | None,
        "what estimates ordinary variation: history where windows are known, else asymptotic",
    ),
    "drift.novelty": Setting(
        0.1, float, "share of rows on ground the model hardly knows that is drift; 0: never"
    ),
    "drift.multivariate": Setting(["rank_correlation"], list, "what looks at features together"),
    "drift.ignore": Setting([], list, "features that are not watched; the model still sees them"),
    "drift.season": Setting(None, str | None, '"day", "week" or "year": compare like with like'),
    "score.loss": Setting(
        "auto",
        str,
        'what decides: "absolute", "log_loss", "auc", …: see docs/tasks.md; or one of another package',
    ),
    "estimate.use": Setting(
        None,
        str | None,
        'the loss of windows whose labels are late, by "cbpe", "pape" or "dle"; by default none',
    ),
    "policy.use": Setting("clock", str, "when to retrain"),
    "lineup.use": Setting("mixture", str, 'what serves: "mixture" of versions, or a "single" one'),
    "merge.candidates": Setting(["everything", "recent"], list, "rows to train on: one challenger each"),
    "model.use": Setting(
        None, str | None, 'what to train: "module:name" of a class, a function that makes a model, or a model'
    ),
    "model.also": Setting(
        [], list, "other learners that challengers are trained by: further [[model]] tables"
    ),
    "model.seed": Setting(0, int, "given to the model as random_state"),
    "model.trust_pickle": Setting(False, bool, "consent to load a pickled model, which can run any code"),
    "gate.require": Setting(
        "not_worse", str, 'what a new model must be: "not_worse" (no cost that is sure) or "better"'
    ),
    "gate.alpha": Setting(0.05, float, "how often, at most, the gate errs: see docs/retraining.md"),
    "gate.alpha_life": Setting(
        None, float | None, "the chance that any retraining ever does so; by default there is no such limit"
    ),
    "gate.windows": Setting(2, int, "newest labelled windows that challengers are judged on"),
    "gate.block": Setting("1d", str, "rows of one block err together: the interval is over blocks"),
    "gate.margin": Setting(0.0, float, "the mean loss that a challenger must at least save"),
    "gate.segments": Setting([], list, "columns in each label of which what serves must not get worse"),
    "gate.segment_margin": Setting(0.0, float, "share by which the loss of a segment may surely rise"),
    "gate.calibration": Setting(False, bool, "refuse probabilities that become wrong on average"),
    "gate.max_bytes": Setting(None, int | None, "the most that the artifacts of what serves may take"),
    "lake.use": Setting("delta", str, "where rows are kept"),
    "lake.uri": Setting(".undrift/lake", str, "a folder or object storage"),
    "registry.use": Setting("folder", str, "where models are kept"),
    "registry.path": Setting(".undrift/models", str, "a folder"),
    "store.use": Setting("sql", str, "where records are kept"),
    "store.url": Setting("sqlite:///.undrift/store.db", str, "an SQLAlchemy URL"),
}
"""Every setting by dotted name. A section with ``use`` takes the arguments of its part besides."""

SECTIONS = tuple(dict.fromkeys(name.partition(".")[0] for name in SETTINGS))

PARTS = ("policy", "lineup", "lake", "registry", "store")
"""Sections whose keys are the arguments of the part that ``use`` names."""

TUPLES = ("also", "multivariate", "ignore")
"""Lists in ``[drift]``."""

OPEN_TABLES = ("drift.features", "model.params", "score.params")
"""Tables whose keys are the user's: feature names, and arguments of a model's constructor or of a loss."""

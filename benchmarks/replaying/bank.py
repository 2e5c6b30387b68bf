"""The model bank: one fit for each set of rows that a policy may ask for, which predicts every later row
once.

All policies of a stream share it. Models are fitted and asked by the library's own code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replaying.streams import HISTORY, WINDOWS, Stream
from undrift import artifacts, losses, tasks
from undrift.errors import ModelError
from undrift.losses import Loss
from undrift.merging import Merge
from undrift.merging.everything import Everything
from undrift.merging.recent import Recent
from undrift.records import Selection, Window
from undrift.tasks import UNSEEN
from undrift.trainers.estimator import Estimator
from undrift.windows import weights

LEARNERS = {
    "boosting": {"binary": ("sklearn.ensemble:HistGradientBoostingClassifier", {}),
                 "multiclass": ("sklearn.ensemble:HistGradientBoostingClassifier", {}),
                 "regression": ("sklearn.ensemble:HistGradientBoostingRegressor", {})},
    "linear": {"binary": ("sklearn.linear_model:LogisticRegression", {"C": 0.1, "max_iter": 300}),
               "multiclass": ("sklearn.linear_model:LogisticRegression", {"C": 0.1, "max_iter": 300}),
               "regression": ("sklearn.linear_model:Ridge", {})},
    "forest": {"binary": ("sklearn.ensemble:RandomForestClassifier", {"min_samples_leaf": 5}),
               "multiclass": ("sklearn.ensemble:RandomForestClassifier", {"min_samples_leaf": 5}),
               "regression": ("sklearn.ensemble:RandomForestRegressor", {"min_samples_leaf": 5})},
}  # fmt: skip
"""Boosting as undrift trains it by default; the others behind its own preprocessing."""

MERGES: Mapping[str, Merge] = {"everything": Everything(), "recent": Recent()}

EARLIEST = HISTORY - 3
"""The last window of the first model's twin, which leaves out two of the history."""


@dataclass
class Bank:
    """What every model says about every later row of one stream, and what that costs."""

    stream: Stream
    learner: str
    cache: Path
    merges: Mapping[str, Merge] = field(default_factory=lambda: MERGES)
    _said: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    _losses: dict[tuple[Selection, str], NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take up what an earlier run left in the cache."""
        if self._file.exists():
            with np.load(self._file) as kept:
                self._said = dict(kept)
        self.task = tasks.named(self.stream.schema.task)
        self.deciding: Loss = losses.named(self.task.loss, self.task.name)

    @property
    def _file(self) -> Path:
        return self.cache / f"{self.stream.name}.{self.learner}.npz"

    def selection(self, merge: str, last: int) -> Selection:
        """The rows that a strategy chooses of all windows up to ``last``."""
        return self.merges[merge].select([Window(str(i), i, self.stream.size) for i in range(last + 1)])

    def fill(self) -> None:
        """Fit whatever is missing, and keep it."""
        known = len(self._said)
        for last in range(EARLIEST, WINDOWS - 1):
            for merge in self.merges:
                self.said(self.selection(merge, last))
        if len(self._said) > known:
            self.keep()

    def keep(self) -> None:
        """Write the cache."""
        self.cache.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part.npz")
        np.savez(part, **self._said)
        part.replace(self._file)

    def said(self, selection: Selection) -> NDArray[np.float64]:
        """Predictions of every row after a selection; NaN before, or where nothing trains."""
        key = repr(selection)
        if key not in self._said:
            self._said[key] = self._ask(selection)
        return self._said[key]

    def _ask(self, selection: Selection) -> NDArray[np.float64]:
        stream, size = self.stream, self.stream.size
        found = np.full(self.task.shape(len(stream.labels), stream.schema.classes), np.nan)
        rows = slice(selection.first * size, (selection.last + 1) * size)
        weigh = weights(selection, np.arange(rows.start, rows.stop) // size)
        path, params = LEARNERS[self.learner][self.task.name]
        extra = () if weigh is None else (weigh,)
        try:
            known = stream.labels[rows] != UNSEEN if stream.schema.classes else slice(None)
            model = Estimator(path, params).fit(
                stream.rows[rows][known],
                stream.labels[rows][known],
                stream.schema,
                None,
                *(one[known] for one in extra),
            )
            found[rows.stop :] = artifacts.predict(model, stream.rows[rows.stop :], stream.schema)
        except ModelError:
            found[:] = np.nan
        return found

    def per_row(self, selection: Selection) -> NDArray[np.float64]:
        """The deciding loss of every row after a selection."""
        return self._loss(selection, "deciding")

    def _loss(self, selection: Selection, name: str) -> NDArray[np.float64]:
        key = (selection, name)
        if key not in self._losses:
            said = self.said(selection)
            known = ~np.isnan(said if said.ndim == 1 else said[:, 0])
            found = np.full(len(said), np.nan)
            found[known] = self.deciding(self.stream.labels[known], said[known])
            self._losses[key] = found
        return self._losses[key]

    def mean(self, selection: Selection) -> NDArray[np.float64]:
        """The mean loss in each window, shape (47,); NaN up to the selection's end."""
        return self.per_row(selection).reshape(WINDOWS, self.stream.size).mean(axis=1)

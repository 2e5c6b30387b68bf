"""The versions of a workspace: trained or adopted, kept, loaded, asked and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial
from math import fsum
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift import artifacts, lineup, losses, skill, stores, tasks
from undrift.errors import ModelError, NotFoundError
from undrift.explaining import importance
from undrift.lakes import ORDER, TIME, WINDOW
from undrift.losses import Loss
from undrift.profiles.table import TableProfile, of_schema
from undrift.records import (
    Importance,
    MeanCalibration,
    Member,
    Promise,
    Schema,
    Selection,
    Version,
    Window,
)
from undrift.registries import Registry
from undrift.stores import Store
from undrift.tasks import UNSEEN, Task
from undrift.trainers import ByPath, Trainer
from undrift.windows import blocks, spanning, weights
from undrift.workspace import adoption, kept
from undrift.workspace.archive import FOREIGN, Archive, Labelled

if TYPE_CHECKING:
    import pandas as pd

ROOM = 32 * 2**20
"""Bytes of rows up to which a frame of them is remembered for the next model that is asked."""

FORMS = get_args(artifacts.Format)
"""How a model may be kept."""

HALF = 0.5
"""Where rounding changes."""


@dataclass(frozen=True)
class Judged:
    """What a model's predictions on labelled rows were worth; ``promise`` says which rows they were."""

    promise: Promise = ""
    score: float | None = None
    mean_calibration: MeanCalibration | None = None
    heaviest: float | None = None
    importance: dict[str, float] = field(default_factory=dict)
    values: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)


@dataclass
class Models:
    """Every model version of one workspace; the artifact's hash is checked before it is loaded.

    Rows within a ``block`` of event time err together.
    """

    archive: Archive
    store: Store
    registry: Registry
    trainers: Mapping[str, Trainer] = field(default_factory=dict)
    loss: str = "auto"
    loss_params: Mapping[str, Any] = field(default_factory=dict)
    trust_pickle: bool = False
    block: timedelta = timedelta(days=1)
    loaded: dict[str, Any] = field(default_factory=dict, repr=False)
    framed: tuple[pa.Table, list[str], pd.DataFrame] | None = field(default=None, repr=False)
    trained: dict[int, Labelled] = field(default_factory=dict, repr=False)
    said: dict[int, tuple[pa.ChunkedArray, NDArray[np.float64]]] = field(default_factory=dict, repr=False)

    @property
    def schema(self) -> Schema:
        """What the rows look like."""
        return self.archive.schema

    @property
    def task(self) -> Task:
        """What is predicted: a number, or a class."""
        return tasks.named(self.schema.task)

    @cached_property
    def deciding(self) -> Loss:
        """The loss by which models are judged."""
        if self.loss == "auto":
            named = self.schema.prediction is not None and self.task.name == "multiclass"
            return losses.named("zero_one" if named else self.task.loss, self.task.name, self.loss_params)
        return losses.named(self.loss, self.task.name, self.loss_params)

    @property
    def plain(self) -> Loss:
        """The loss that the task decides by when none is named: one number for every row."""
        return losses.named(self.task.loss, self.task.name)

    @property
    def metric(self) -> str:
        """What the mean of the deciding loss is called."""
        return self.deciding.mean

    def by_row(
        self, data: Labelled, values: NDArray[np.float64], loss: Loss | None = None
    ) -> NDArray[np.float64]:
        """Values of every row (rows,) whose mean is the deciding loss, or another one, of all of them."""
        return (loss or self.deciding).by_row(data.labels, values, self.blocks(data), data.weights)

    def loss_of(self, data: Labelled, values: NDArray[np.float64]) -> float:
        """The deciding loss of labelled rows together; NaN where these have none."""
        return self.deciding.over(data.labels, values, data.weights)

    def blocks(self, data: Labelled) -> NDArray[np.int64]:
        """The block of every row, over which intervals are taken."""
        return blocks(data.times, len(data), self.block)

    def version(self, number: int) -> Version:
        """The record of a version; raises NotFoundError if there is none."""
        return stores.version(self.store, number)

    def load(self, number: int) -> Any:
        """The fitted model that serves as a version; None for a foreign one, or a mixture of several."""
        version = self.version(number)
        if number == FOREIGN or version.members:
            return None
        return self._model(version, version.artifact, version.format)

    def check(self, number: int) -> None:
        """Load whatever serves as a version; raises UntrustedError for what is not what was stored."""
        for member in self.members(self.version(number)):
            self.load(member.version)

    def members(self, version: Version) -> tuple[Member, ...]:
        """Who serves as a version, and what each weighs by now; of one that is no mixture, itself."""
        return stores.members(self.store, version)

    def newest_of(self, version: Version) -> Version:
        """The version itself, or of a mixture the member that was trained last."""
        return self.version(max(m.version for m in self.members(version)))

    def load_twin(self, version: Version) -> Any:
        """The fitted model that was judged for a version."""
        twin = version.twin
        return self._model(version, twin.artifact, twin.format) if twin else self.load(version.number)

    def _model(self, version: Version, artifact: str, kept_as: str) -> Any:
        """One of a version's models, loaded once; its hash is checked."""
        if artifact not in self.loaded:
            form: artifacts.Format = kept_as if kept_as in FORMS else "skops"  # type: ignore[assignment]
            own = form in ("pickle", "folder") and self.makes(version.trainer)
            trusted = self.trust_pickle or own
            self.loaded[artifact] = artifacts.load(self.registry.get(artifact), form, trust_pickle=trusted)
        return self.loaded[artifact]

    def makes(self, name: str) -> bool:
        """Whether the settings name own code that makes versions of such a name, and so may load them."""
        own = [t for t in self.trainers.values() if isinstance(t, ByPath) and t.made(name)]
        for trainer in own:
            trainer.ready()
        return bool(own)

    def forget_all_but(self, numbers: set[int]) -> None:
        """Keep only these versions in memory."""
        numbers |= {m.version for v in map(self.version, numbers) for m in v.members}
        served = [v for v in stores.versions(self.store) if v.number in numbers]
        kept_on = {v.artifact for v in served} | {v.twin.artifact for v in served if v.twin}
        self.loaded = {artifact: model for artifact, model in self.loaded.items() if artifact in kept_on}
        self.trained = {n: data for n, data in self.trained.items() if n in numbers}
        self.said.clear()
        self.framed = None

    def reference(self, number: int) -> TableProfile:
        """The profile of the rows that a version was trained on."""
        known = kept.get(self.store, f"v{number}")
        if known is not None:
            return known
        version = self.version(number)
        base = self.grounded(version)
        if base is not version:
            return self.reference(base.number)
        if version.snapshot is None and not version.members:
            raise NotFoundError(
                f"the reference profile of v{number} is missing", "Restore the store from a backup."
            )
        found = self.profiled(self.trained_rows(number))
        kept.put(self.store, f"v{number}", found)
        return found

    def importance_of(self, version: Version) -> dict[str, float]:
        """The permutation importance of every feature in a version; empty where nothing is known of it."""
        if version.members:
            return self._importance_of_members(version)
        found = self.store.get(Importance, str(version.number))
        return found.shares if found else version.importance

    def _importance_of_members(self, version: Version) -> dict[str, float]:
        """The weighted mean of what is known of the members of a mixture."""
        found: dict[str, float] = {}
        for member in self.members(version):
            for name, share in self.importance_of(self.version(member.version)).items():
                found[name] = found.get(name, 0.0) + member.weight * share
        total = fsum(found.values())  # whatever the order in which the store gives them
        return {name: share / total for name, share in found.items()} if total else {}

    def predictions(self, number: int, data: Labelled, windows: list[Window]) -> NDArray[np.float64]:
        """What a version says about labelled rows; a foreign one is looked up in what was logged.

        A challenger has said so already about the rows that it was judged on when it was trained.
        """
        if number == FOREIGN:
            return self.logged(FOREIGN, data.ids, windows)
        said = self.said.get(number)
        if said is not None and said[0].equals(data.ids):
            return said[1]
        return self.ask(number, data.rows)

    def ask(self, number: int, rows: Any, members: tuple[Member, ...] | None = None) -> NDArray[np.float64]:
        """A prediction for each row; a mixture's ``members`` weigh what they do by now by default."""
        version = self.version(number)
        if version.members:
            said = {m.version: self.ask(m.version, rows) for m in version.members}
            return self.mixed(version, said, members)
        return self._asked(self.load(number), rows)

    def mixed(
        self,
        version: Version,
        said: Mapping[int, NDArray[np.float64]],
        members: tuple[Member, ...] | None = None,
    ) -> NDArray[np.float64]:
        """What a mixture says, from what its members say; raises ModelError where none says anything."""
        weights = {m.version: m.weight for m in members or self.members(version)}
        known = {number: values for number, values in said.items() if number in weights}
        if not known:
            raise ModelError(f"no member of v{version.number} could predict", "See undrift why.")
        return lineup.mixed(known, weights)

    def ask_unseen(self, version: Version, rows: pa.Table) -> NDArray[np.float64]:
        """One prediction per row of a table; what a version was refitted on, its twin is asked about.

        The members of a mixture weigh what they did when it was made.
        """
        if version.members:
            told = {m.version: self.ask_unseen(self.version(m.version), rows) for m in version.members}
            return self.mixed(version, told, version.members)
        seen = np.asarray(rows[WINDOW]) <= version.through
        if version.twin is None or not seen.any():
            return self.ask(version.number, rows)
        values = self.archive.unsaid(len(seen))
        values[seen] = self.ask_twin(version, rows.filter(pa.array(seen)))
        if not seen.all():
            values[~seen] = self.ask(version.number, rows.filter(pa.array(~seen)))
        return values

    def ask_twin(self, version: Version, rows: pa.Table) -> NDArray[np.float64]:
        """One prediction per row of a table, by the model that was judged for a version."""
        return self._asked(self.load_twin(version), rows)

    def _asked(self, model: Any, rows: pa.Table) -> NDArray[np.float64]:
        return artifacts.predict(model, self.frame(rows, model), self.schema)

    def logged(self, number: int, ids: pa.ChunkedArray, windows: Sequence[Window]) -> NDArray[np.float64]:
        """What a version said about rows when they came; raises DataError where a prediction is gone."""
        return self.archive.said(number, ids, [w.index for w in windows])

    def trained_on(self, number: int) -> Labelled:
        """The labelled rows that a version was trained on; for one from elsewhere, those of the history."""
        if number in self.trained:
            return self.trained[number]
        version = self.grounded(self.version(number))
        if version.members:
            return self._by_weight(version)
        snapshot = version.snapshot
        if snapshot is not None:
            return self.archive.as_of(snapshot)
        return self.archive.labelled(self._came_with(version.number))

    def grounded(self, version: Version) -> Version:
        """The version itself, or of a recalibrated one the version whose output it maps."""
        return version if version.base is None else self.grounded(self.version(version.base))

    def trained_rows(self, number: int) -> pa.Table:
        """The rows that a version was trained on; for one from elsewhere, the history it came with."""
        version = self.grounded(self.version(number))
        if version.snapshot is not None or version.members:
            return self.trained_on(number).rows
        history = self._came_with(version.number)
        return self.archive.rows(history.first, history.last)

    def _by_weight(self, version: Version) -> Labelled:
        """The rows that the members of a mixture were trained on, by weight, evenly thinned.

        A row weighs what the members trained on it weigh, each by the number of its rows: the heaviest rows
        are all kept, of others the share that they weigh in comparison.
        """
        weighed = [
            (m.weight, one, self._came_with(one.number) if one.snapshot is None else one.snapshot.selection)
            for m in version.members
            if m.weight > 0
            for one in (self.grounded(self.version(m.version)),)
        ]
        first, last = min(s.first for *_, s in weighed), max(s.last for *_, s in weighed)
        data = self.archive.labelled(Selection(first, last))
        at = data.rows[WINDOW].to_numpy()
        density = np.zeros(len(at))
        for weight, _, chosen in weighed:
            inside = ((at >= chosen.first) & (at <= chosen.last)).astype(np.float64)
            own = weights(chosen, at)
            inside *= 1.0 if own is None else own
            density += weight * inside / max(inside.sum(), 1.0)
        reached = np.floor(np.cumsum(density / density.max()) + HALF)
        kept_on = np.diff(reached, prepend=0.0) > 0
        return data.only(kept_on)

    def mean_calibrations(
        self, data: Labelled, predicted: Mapping[int, NDArray[np.float64]]
    ) -> dict[str, MeanCalibration]:
        """Whether probabilities are right on average, by version; empty for numbers."""
        block = self.blocks(data)
        found = {n: self.task.mean_calibration(data.labels, v, block) for n, v in predicted.items()}
        return {str(number): one for number, one in found.items() if one}

    def _came_with(self, number: int) -> Selection:
        """The windows of the history that a model from elsewhere may have been trained on."""
        through = self.version(number).through
        return spanning(adoption.trained(self.archive.windows(history=True), through))

    def judged(
        self,
        model: Any,
        data: Labelled,
        promise: Promise,
        trained_on: pa.Table | None = None,
        *,
        weigh: bool = True,
    ) -> Judged:
        """What a model is worth on labelled rows, and the importance of every feature there if wanted."""
        if not len(data):
            return Judged(promise)
        values = artifacts.predict(model, self.frame(data.rows, model), self.schema)
        weights = self.shares(model, data, trained_on) if weigh else {}
        return replace(self.worth(data, values, promise), importance=weights, values=values)

    def worth(self, data: Labelled, values: NDArray[np.float64], promise: Promise) -> Judged:
        """What predictions of labelled rows are worth, all of shape (rows,)."""
        if not len(data):
            return Judged(promise)
        calibration = self.mean_calibrations(data, {FOREIGN: values}).get(str(FOREIGN))
        score = self.loss_of(data, values)
        heaviest = None if self.deciding.pooled else skill.heaviest(self.by_row(data, values))
        return Judged(promise, None if np.isnan(score) else score, calibration, heaviest)

    def learnable(self, data: Labelled) -> Labelled:
        """Labelled rows without those whose class none of the agreed ones is: no model could say it."""
        return data.only(data.labels != UNSEEN) if self.schema.classes else data

    def frame(self, rows: pa.Table, model: Any) -> pd.DataFrame:
        """Rows with all columns that a model may be shown; made once for models that are asked in turn."""
        columns = artifacts.columns(self.schema, model)
        if self.framed is None or self.framed[0] is not rows or self.framed[1] != columns:
            frame = artifacts.frame(rows, self.schema, columns)
            self.framed = (rows, columns, frame) if rows.nbytes < ROOM else None
            return frame
        return self.framed[2]

    def shares(self, model: Any, data: Labelled, trained_on: pa.Table | None) -> dict[str, float]:
        """The permutation importance of every feature on labelled rows; empty for a model that they break.

        Values are taken from the rows that it was ``trained_on`` where they are given.
        """
        rows = self.frame(data.rows, model)
        pool = None if trained_on is None else self.frame(trained_on, model)
        ask = partial(artifacts.predict, model, schema=self.schema)
        try:
            return importance.shares(importance.increases(ask, rows, data.labels, self._cost, pool))
        except ModelError:
            return {}

    def _cost(self, labels: NDArray[np.float64], values: NDArray[np.float64]) -> float:
        return self.deciding.over(labels, values)

    def profiled(self, rows: pa.Table) -> TableProfile:
        """The reference profile of some rows, with short blocks of them in the order of time or of rows."""
        time = self.schema.time or ORDER
        if self.schema.time and self.schema.time_format != "iso":
            time = TIME
        return of_schema(rows, self.schema, window=self.archive.cut.length, time=time)

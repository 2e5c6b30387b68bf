"""The versions of a workspace: trained or adopted, kept, loaded, asked and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift import artifacts, lineup, losses, skill, stores, tasks
from undrift.errors import BusyError, ModelError, NotFoundError
from undrift.explaining import importance
from undrift.lakes import ORDER, TIME, WINDOW
from undrift.losses import Loss
from undrift.profiles.table import TableProfile, of_schema
from undrift.records import (
    Importance,
    MeanCalibration,
    Member,
    Outcome,
    Promise,
    Recipe,
    Refitted,
    Schema,
    Selection,
    Snapshot,
    Version,
    Window,
)
from undrift.registries import Registry
from undrift.stores import Store, keep
from undrift.tasks import Task
from undrift.trainers import ByPath, Trainer
from undrift.windows import blocks, spanning, weights
from undrift.workspace import adoption, kept
from undrift.workspace.adoption import Unseen
from undrift.workspace.archive import FOREIGN, Archive, Labelled
from undrift.workspace.occasions import Occasion

if TYPE_CHECKING:
    import pandas as pd

ROOM = 32 * 2**20
"""Bytes of rows up to which those that a version was refitted on are remembered until it is complete."""

MIXTURE = "mixture"
"""What a version that is a mixture is trained by, and on."""

HALF = 0.5
"""Where rounding changes."""

Fitted = tuple[Any, bytes, artifacts.Format]
"""A model that was fitted elsewhere, the bytes of its file, and their format."""


@dataclass(frozen=True)
class Judged:
    """What a model's predictions on labelled rows were worth; ``promise`` says which rows they were."""

    promise: Promise = ""
    score: float | None = None
    mean_calibration: MeanCalibration | None = None
    heaviest: float | None = None
    importance: dict[str, float] = field(default_factory=dict)
    values: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Fitting:
    """A model that was fitted just now, where its artifact is kept, and the rows that it was fitted on."""

    model: Any
    artifact: str
    format: str
    bytes: int
    snapshot: Snapshot
    data: Labelled


@dataclass
class Models:
    """Every model version of one workspace; the artifact's hash is checked before it is loaded.

    Rows within a ``block`` of event time err together.
    """

    archive: Archive
    store: Store
    registry: Registry
    trainer: Trainer | None
    loss: str = "auto"
    trust_pickle: bool = False
    block: timedelta = timedelta(days=1)
    _loaded: dict[str, Any] = field(default_factory=dict, repr=False)
    _trained: dict[int, Labelled] = field(default_factory=dict, repr=False)
    _said: dict[int, tuple[pa.ChunkedArray, NDArray[np.float64]]] = field(default_factory=dict, repr=False)

    @property
    def schema(self) -> Schema:
        """What the rows look like."""
        return self.archive.schema

    @property
    def task(self) -> Task:
        """What is predicted: a number, or one of two classes."""
        return tasks.named(self.schema.task)

    @cached_property
    def deciding(self) -> Loss:
        """The loss by which models are judged."""
        return losses.named(self.task.loss if self.loss == "auto" else self.loss, self.task.name)

    @property
    def metric(self) -> str:
        """What the mean of the deciding loss is called."""
        return self.deciding.mean

    def per_row(self, labels: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The deciding loss of every row."""
        return self.deciding(labels, values)

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
        if artifact not in self._loaded:
            form: artifacts.Format = "pickle" if kept_as == "pickle" else "skops"
            trusted = self.trust_pickle or (form == "pickle" and self._makes(version.trainer))
            self._loaded[artifact] = artifacts.load(self.registry.get(artifact), form, trust_pickle=trusted)
        return self._loaded[artifact]

    def ready(self) -> None:
        """Import what challengers are trained by; raises ConfigError where it cannot be.

        Where that was once done with the same settings it is not done again: libraries take a while to load.
        """
        if not isinstance(self.trainer, ByPath):
            return
        recipe = self.trainer.recipe
        if not recipe or self.store.get(Recipe, recipe) is None:
            self.trainer.ready()
            if recipe:
                self.store.put(recipe, Recipe(self.trainer.recipe))

    def _makes(self, name: str) -> bool:
        """Whether the settings name own code that makes versions of such a name, and so may load them."""
        if not (isinstance(self.trainer, ByPath) and self.trainer.made(name)):
            return False
        self.trainer.ready()
        return True

    def forget_all_but(self, numbers: set[int]) -> None:
        """Keep only these versions in memory."""
        numbers |= {m.version for v in map(self.version, numbers) for m in v.members}
        served = [v for v in stores.versions(self.store) if v.number in numbers]
        kept_on = {v.artifact for v in served} | {v.twin.artifact for v in served if v.twin}
        self._loaded = {artifact: model for artifact, model in self._loaded.items() if artifact in kept_on}
        self._trained = {n: data for n, data in self._trained.items() if n in numbers}
        self._said.clear()

    def reference(self, number: int) -> TableProfile:
        """The profile of the rows that a version was trained on."""
        known = kept.get(self.store, f"v{number}")
        if known is not None:
            return known
        version = self.version(number)
        if version.snapshot is None and not version.members:
            raise NotFoundError(
                f"the reference profile of v{number} is missing", "Restore the store from a backup."
            )
        found = self._profiled(self.trained_rows(number))
        kept.put(self.store, f"v{number}", found)
        return found

    def complete(self, version: Version) -> None:
        """Keep what only a version that goes live needs: its reference profile, and what it uses."""
        if version.members:
            for member in version.members:
                self._weighed(self.version(member.version))
            self.reference(version.number)
            return
        if version.snapshot is None:
            return
        self.reference(version.number)
        self._weighed(version)

    def _weighed(self, version: Version) -> None:
        """Keep what a version uses, measured on the rows that its twin was judged on."""
        if version.importance or self.store.get(Importance, str(version.number)) is not None:
            return
        outcomes = [o for o in self.store.all(Outcome) if version.number in {t.version for t in o.trials}]
        every = [*self.archive.windows(history=True), *self.archive.windows()]
        held_out = [w for o in outcomes[-1:] for w in every if w.key in o.held_out]
        if held_out:
            data, trained_on = self.archive.labelled_in(held_out), self.trained_rows(version.number)
            shares = self._weights(self.load_twin(version), data, trained_on)
            keep(self.store, str(version.number), Importance(version.number, shares))
        self._trained.pop(version.number, None)

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
        total = sum(found.values())
        return {name: share / total for name, share in found.items()} if total else {}

    def train(
        self,
        window: str,
        merge: str,
        selection: Selection,
        unseen: Labelled,
        on: str = "",
    ) -> Version:
        """Train one model, keep its artifact and its record, in this order; it is judged on ``unseen`` rows.

        Only the version that goes live is ``refit`` and ``complete``.
        """
        live = self.store.champion()
        made = self._fitted(selection)
        judged = self._judged(
            made.model, unseen, "held out", None if live else made.data.rows, weigh=not live
        )
        number = max((v.number for v in self.store.all(Version)), default=FOREIGN) + 1
        version = Version(
            number=number,
            window=window,
            merge=merge,
            trainer=self._trainer.name,
            artifact=made.artifact,
            format=made.format,
            bytes=made.bytes,
            through=selection.last,
            snapshot=made.snapshot,
            metric=self.metric,
            reference_score=judged.score,
            libraries=artifacts.libraries(),
            importance=judged.importance,
            promise=judged.promise,
            mean_calibration=judged.mean_calibration,
            heaviest=judged.heaviest,
            on=on,
        )
        if judged.values is not None:
            self._said[number] = (unseen.ids, judged.values)
        return self._keep(version, None, made.model)

    def mix(
        self,
        occasion: Occasion,
        members: tuple[Member, ...],
        through: int,
        data: Labelled,
        values: NDArray[np.float64],
    ) -> Version:
        """Keep the record of a mixture that said ``values`` about labelled rows; it has no artifact."""
        worth = self._worth(data, values, "held out")
        version = Version(
            number=max(v.number for v in self.store.all(Version)) + 1,
            window=occasion.window.key,
            merge=MIXTURE,
            trainer=MIXTURE,
            artifact="",
            format="",
            bytes=0,
            through=through,
            metric=self.metric,
            reference_score=worth.score,
            libraries=artifacts.libraries(),
            promise=worth.promise,
            mean_calibration=worth.mean_calibration,
            heaviest=worth.heaviest,
            on=occasion.on,
            members=members,
        )
        return self._keep(version, None, None)

    def refitted_together(self, version: Version) -> None:
        """Put on record up to which window the members of a mixture were trained since it went live."""
        through = max(self.version(m.version).through for m in version.members)
        keep(self.store, str(version.number), Refitted(version.number, "", "", 0, through))

    def refit(self, version: Version, selection: Selection) -> None:
        """Fit the recipe of a version anew on more rows, and let that model serve in its place."""
        made = self._fitted(selection)
        record = Refitted(
            version.number, made.artifact, made.format, made.bytes, selection.last, made.snapshot
        )
        keep(self.store, str(version.number), record)
        self._loaded[made.artifact] = made.model
        if made.data.rows.nbytes < ROOM:
            self._trained[version.number] = made.data

    @property
    def _trainer(self) -> Trainer:
        """What trains; raises ModelError where nothing does."""
        if self.trainer is None:
            raise ModelError("there is no model to train", "Set model.use, or name a prediction column.")
        return self.trainer

    def _fitted(self, selection: Selection) -> Fitting:
        """A model fitted on the labelled rows of a selection, its artifact already kept."""
        trainer = self._trainer
        data = self.archive.labelled(selection)
        champion = self.store.champion()
        live = self.newest_of(champion) if champion else None
        template = self.load(live.number) if live else None
        names = dict.fromkeys([*artifacts.columns(self.schema), *artifacts.columns(self.schema, template)])
        rows = artifacts.frame(data.rows, self.schema, [*names])
        pa.default_memory_pool().release_unused()  # the fit may need what reading the rows left behind
        weigh = weights(selection, data.rows[WINDOW].to_numpy())
        more = () if weigh is None else (weigh,)
        model = trainer.fit(rows, data.labels, self.schema, template, *more)
        pickled = live is not None and live.format == "pickle" and self.trust_pickle
        artifact, form = artifacts.serialise(model, prefer_pickle=pickled or self._makes(trainer.name))
        snapshot = self.archive.snapshot(selection, data)
        return Fitting(model, self.registry.put(artifact), form, len(artifact), snapshot, data)

    def adopt(self, windows: list[Window], fitted: Fitted | None, unseen: Unseen | None = None) -> Version:
        """Keep a model that was fitted elsewhere, or the stream of its predictions when there is none.

        Its reference score is that on ``unseen`` rows; without any it is cross-fitted.
        """
        through = unseen.through if unseen else windows[-1].index
        trained = adoption.trained(windows, through)
        rows = self.archive.rows(trained[0].index, trained[-1].index)
        if fitted is None:
            number, name, model, artifact, form = FOREIGN, "prediction column", None, b"", ""
            judged = self._foreign(windows, unseen)
        else:
            model, artifact, form = fitted
            number, name = FOREIGN + 1, type(model).__name__
            artifacts.predict(model, self._frame(rows.slice(0, 100), model), self.schema)
            judged = self._adopted(model, windows, unseen, rows)
        version = Version(
            number=number,
            window=windows[-1].key,
            merge="adopted",
            trainer=name,
            artifact=self.registry.put(artifact) if artifact else "",
            format=form,
            bytes=len(artifact),
            through=through,
            metric=self.metric if self.schema.task else None,
            reference_score=judged.score,
            libraries=artifacts.libraries(),
            importance=judged.importance,
            promise=judged.promise,
            mean_calibration=judged.mean_calibration,
            heaviest=judged.heaviest,
        )
        return self._keep(version, self._profiled(rows), model)

    def predictions(self, number: int, data: Labelled, windows: list[Window]) -> NDArray[np.float64]:
        """What a version says about labelled rows; a foreign one is looked up in what was logged.

        A challenger has said so already about the rows that it was judged on when it was trained.
        """
        if number == FOREIGN:
            return self.logged(FOREIGN, data.ids, windows)
        said = self._said.get(number)
        if said is not None and said[0].equals(data.ids):
            return said[1]
        return self.ask(number, data.rows)

    def ask(self, number: int, rows: Any) -> NDArray[np.float64]:
        """One prediction per row of a table."""
        version = self.version(number)
        if version.members:
            return self.mixed(version, {m.version: self.ask(m.version, rows) for m in version.members})
        return self._asked(self.load(number), rows)

    def mixed(self, version: Version, said: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
        """What a mixture says, from what its members say; raises ModelError where none says anything."""
        weights = {m.version: m.weight for m in self.members(version)}
        known = {number: values for number, values in said.items() if number in weights}
        if not known:
            raise ModelError(f"no member of v{version.number} could predict", "See undrift why.")
        return lineup.mixed(known, weights)

    def ask_unseen(self, version: Version, rows: pa.Table) -> NDArray[np.float64]:
        """One prediction per row of a table; what a version was refitted on, its twin is asked about."""
        if version.members:
            told = {m.version: self.ask_unseen(self.version(m.version), rows) for m in version.members}
            return self.mixed(version, told)
        seen = np.asarray(rows[WINDOW]) <= version.through
        if version.twin is None or not seen.any():
            return self.ask(version.number, rows)
        values = np.empty(len(seen))
        twin = self.load_twin(version)
        values[seen] = self._asked(twin, rows.filter(pa.array(seen)))
        if not seen.all():
            values[~seen] = self.ask(version.number, rows.filter(pa.array(~seen)))
        return values

    def _asked(self, model: Any, rows: pa.Table) -> NDArray[np.float64]:
        return artifacts.predict(model, self._frame(rows, model), self.schema)

    def logged(self, number: int, ids: pa.ChunkedArray, windows: Sequence[Window]) -> NDArray[np.float64]:
        """What a version said about rows when they came; raises DataError where a prediction is gone."""
        return self.archive.said(number, ids, [w.index for w in windows])

    def trained_on(self, number: int) -> Labelled:
        """The labelled rows that a version was trained on; for one from elsewhere, those of the history."""
        if number in self._trained:
            return self._trained[number]
        version = self.version(number)
        if version.members:
            return self._by_weight(version)
        snapshot = version.snapshot
        if snapshot is not None:
            return self.archive.as_of(snapshot)
        return self.archive.labelled(self._came_with(number))

    def trained_rows(self, number: int) -> pa.Table:
        """The rows that a version was trained on; for one from elsewhere, the history it came with."""
        version = self.version(number)
        if version.snapshot is not None or version.members:
            return self.trained_on(number).rows
        history = self._came_with(number)
        return self.archive.rows(history.first, history.last)

    def _by_weight(self, version: Version) -> Labelled:
        """The rows that the members of a mixture were trained on, by weight, evenly thinned.

        A row weighs what the members trained on it weigh, each by the number of its rows: the heaviest rows
        are all kept, of others the share that they weigh in comparison.
        """
        weighed = [
            (m.weight, one, self._came_with(one.number) if one.snapshot is None else one.snapshot.selection)
            for m in self.members(version)
            if m.weight > 0
            for one in (self.version(m.version),)
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
        times = None if data.times is None else data.times[kept_on]
        return Labelled(data.rows.filter(pa.array(kept_on)), data.labels[kept_on], times)

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

    def _adopted(self, model: Any, windows: list[Window], unseen: Unseen | None, rows: pa.Table) -> Judged:
        """What an adopted model is worth on unseen rows, else by clones of it, if there can be any."""
        if self.schema.task is None:
            return Judged()
        if unseen is not None:
            return self._judged(model, unseen.data, "held out", rows)
        data = self.archive.labelled(spanning(windows))
        weights = self._judged(model, data, "in sample").importance
        try:
            values = adoption.cross_fitted(model, data, self.schema)
        except ModelError:
            return Judged("first windows", importance=weights)
        return replace(self._worth(data, values, "cross-fitted"), importance=weights)

    def _foreign(self, windows: list[Window], unseen: Unseen | None) -> Judged:
        """What the predictions that came with rows are worth, on unseen rows where there are any."""
        if self.schema.task is None:
            return Judged()
        data = unseen.data if unseen else self.archive.labelled(spanning(windows))
        return self._worth(data, self.logged(FOREIGN, data.ids, windows), "held out" if unseen else "logged")

    def _judged(
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
        values = artifacts.predict(model, self._frame(data.rows, model), self.schema)
        weights = self._weights(model, data, trained_on) if weigh else {}
        return replace(self._worth(data, values, promise), importance=weights, values=values)

    def _worth(self, data: Labelled, values: NDArray[np.float64], promise: Promise) -> Judged:
        """What predictions of labelled rows are worth, all of shape (rows,)."""
        if not len(data):
            return Judged(promise)
        per_row = self.per_row(data.labels, values)
        calibration = self.mean_calibrations(data, {FOREIGN: values}).get(str(FOREIGN))
        return Judged(promise, float(per_row.mean()), calibration, skill.heaviest(per_row))

    def _frame(self, rows: pa.Table, model: Any) -> pd.DataFrame:
        """Rows with all columns that a model may be shown."""
        return artifacts.frame(rows, self.schema, artifacts.columns(self.schema, model))

    def _weights(self, model: Any, data: Labelled, trained_on: pa.Table | None) -> dict[str, float]:
        """The permutation importance of every feature on labelled rows; empty for a model that they break.

        Values are taken from the rows that it was ``trained_on`` where they are given.
        """
        rows = self._frame(data.rows, model)
        pool = None if trained_on is None else self._frame(trained_on, model)
        ask = partial(artifacts.predict, model, schema=self.schema)
        try:
            return importance.shares(importance.increases(ask, rows, data.labels, self._cost, pool))
        except ModelError:
            return {}

    def _cost(self, labels: NDArray[np.float64], values: NDArray[np.float64]) -> float:
        return float(self.per_row(labels, values).mean())

    def _profiled(self, rows: pa.Table) -> TableProfile:
        """The reference profile of some rows, with short blocks of them in the order of time or of rows."""
        time = self.schema.time or ORDER
        if self.schema.time and self.schema.time_format != "iso":
            time = TIME
        return of_schema(rows, self.schema, window=self.archive.cut.length, time=time)

    def _keep(self, version: Version, reference: TableProfile | None, model: Any) -> Version:
        if reference is not None:
            kept.put(self.store, f"v{version.number}", reference)
        if not keep(self.store, str(version.number), version):
            raise BusyError("another process trained at the same time", "Run the step again.")
        if version.artifact:
            self._loaded[version.artifact] = model
        return version

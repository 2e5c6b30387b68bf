"""How versions come about: trained, refitted, mixed or adopted, and kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift import artifacts
from undrift.errors import BusyError, ModelError
from undrift.lakes import WINDOW
from undrift.profiles.table import TableProfile
from undrift.records import (
    Fit,
    Importance,
    Member,
    Outcome,
    Recipe,
    Refitted,
    Selection,
    Version,
    Window,
)
from undrift.stores import keep
from undrift.trainers import ByPath, OnUnseen, Trainer
from undrift.windows import spanning, weights
from undrift.workspace import adoption, kept
from undrift.workspace.adoption import Unseen
from undrift.workspace.archive import FOREIGN, Labelled
from undrift.workspace.models import Judged, Models
from undrift.workspace.occasions import Occasion

ROOM = 32 * 2**20
"""Bytes of rows up to which those that a version was refitted on are remembered until it is complete."""

MIXTURE = "mixture"
"""What a version that is a mixture is trained by, and on."""

Fitted = tuple[Any, bytes, artifacts.Format]
"""A model that was fitted elsewhere, the bytes of its file, and their format."""


@dataclass(frozen=True)
class Fitting:
    """A model that was fitted just now, where its artifact is kept, and the rows that it was fitted on."""

    model: Any
    fit: Fit
    data: Labelled


@dataclass
class Making:
    """Makes the versions of one workspace; of each the artifact is kept before the record."""

    models: Models

    def ready(self) -> None:
        """Import what challengers are trained by; raises ConfigError where it cannot be.

        Where that was once done with the same settings it is not done again: libraries take a while to load.
        """
        for trainer in self.models.trainers.values():
            if not isinstance(trainer, ByPath):
                continue
            recipe = trainer.recipe
            if not recipe or self.models.store.get(Recipe, recipe) is None:
                trainer.ready()
                if recipe:
                    self.models.store.put(recipe, Recipe(recipe))

    def train(
        self,
        window: str,
        merge: str,
        selection: Selection,
        unseen: Labelled,
        on: str = "",
        trainer: Trainer | None = None,
    ) -> Version:
        """Train one model, keep its artifact and its record, in this order; it is judged on ``unseen`` rows.

        The first of the trainers does it if none is given. Only the version that goes live is ``refit`` and
        ``complete``.
        """
        live = self.models.store.champion()
        trainer = trainer or self._trainer
        template = self.models.newest_of(live) if live else None
        made = self._fitted(selection, trainer, template)
        maps = template is not None and isinstance(trainer, OnUnseen)
        base = self.models.grounded(template).number if maps and template else None
        judged = self.models.judged(
            made.model, unseen, "held out", None if live else made.data.rows, weigh=not live
        )
        version = self._version(
            judged, made.fit, window=window, merge=merge, trainer=trainer.name, on=on, base=base
        )
        if judged.values is not None:
            self.models.said[version.number] = (unseen.ids, judged.values)
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
        worth = self.models.worth(data, values, "held out")
        made = {"window": occasion.window.key, "merge": MIXTURE, "trainer": MIXTURE, "on": occasion.on}
        version = self._version(worth, Fit("", "", 0, through), **made, members=members)
        return self._keep(version, None, None)

    def refit(self, version: Version, selection: Selection) -> None:
        """Fit the recipe of a version anew on more rows, and let that model serve in its place."""
        trainer = self.models.trainers.get(version.trainer, self._trainer)
        made = self._fitted(selection, trainer, self.models.version(version.number))
        keep(self.models.store, str(version.number), Refitted(version.number, made.fit))
        self.models.loaded[made.fit.artifact] = made.model
        if made.data.rows.nbytes < ROOM:
            self.models.trained[version.number] = made.data

    def refitted_together(self, version: Version) -> None:
        """Put on record up to which window the members of a mixture were trained since it went live."""
        through = max(self.models.version(m.version).through for m in version.members)
        keep(self.models.store, str(version.number), Refitted(version.number, Fit("", "", 0, through)))

    def adopt(self, windows: list[Window], fitted: Fitted | None, unseen: Unseen | None = None) -> Version:
        """Keep a model that was fitted elsewhere, or the stream of its predictions when there is none.

        Its reference score is that on ``unseen`` rows; without any it is cross-fitted.
        """
        through = unseen.through if unseen else windows[-1].index
        trained = adoption.trained(windows, through)
        rows = self.models.archive.rows(trained[0].index, trained[-1].index)
        if fitted is None:
            number, name, model, artifact, form = FOREIGN, "prediction column", None, b"", ""
            judged = self._foreign(windows, unseen)
        else:
            model, artifact, form = fitted
            number, name = FOREIGN + 1, type(model).__name__
            artifacts.predict(model, self.models.frame(rows.slice(0, 100), model), self.models.schema)
            judged = self._adopted(model, windows, unseen, rows)
        kept_as = self.models.registry.put(artifact) if artifact else ""
        fit = Fit(kept_as, form, len(artifact), through)
        version = self._version(
            judged, fit, number=number, window=windows[-1].key, merge="adopted", trainer=name
        )
        return self._keep(version, self.models.profiled(rows), model)

    def _version(self, judged: Judged, fit: Fit, **made: Any) -> Version:
        """The record of a version: its worth, where it is kept, and what ``made`` it."""
        numbers = (v.number for v in self.models.store.all(Version))
        return Version(
            **({"number": max(numbers, default=FOREIGN) + 1} | made),
            artifact=fit.artifact,
            format=fit.format,
            bytes=fit.bytes,
            through=fit.through,
            snapshot=fit.snapshot,
            metric=self.models.metric if self.models.schema.task else None,
            reference_score=judged.score,
            libraries=artifacts.libraries(),
            importance=judged.importance,
            promise=judged.promise,
            mean_calibration=judged.mean_calibration,
            heaviest=judged.heaviest,
        )

    def complete(self, version: Version) -> None:
        """Keep what only a version that goes live needs: its reference profile, and what it uses."""
        if version.members:
            for member in version.members:
                self._weighed(self.models.version(member.version))
            self.models.reference(version.number)
            return
        if version.snapshot is None:
            return
        self.models.reference(version.number)
        self._weighed(version)

    def _weighed(self, version: Version) -> None:
        """Keep what a version uses, measured on the rows that its twin was judged on."""
        if version.importance or self.models.store.get(Importance, str(version.number)) is not None:
            return
        outcomes = [
            o for o in self.models.store.all(Outcome) if version.number in {t.version for t in o.trials}
        ]
        every = [*self.models.archive.windows(history=True), *self.models.archive.windows()]
        held_out = [w for o in outcomes[-1:] for w in every if w.key in o.held_out]
        if held_out:
            data, trained_on = (
                self.models.archive.labelled_in(held_out),
                self.models.trained_rows(version.number),
            )
            shares = self.models.shares(self.models.load_twin(version), data, trained_on)
            keep(self.models.store, str(version.number), Importance(version.number, shares))
        self.models.trained.pop(version.number, None)

    def _fitted(self, selection: Selection, trainer: Trainer, live: Version | None) -> Fitting:
        """A model fitted on the labelled rows of a selection, its artifact already kept.

        The trainer is shown the model of the ``live`` version, if there is one.
        """
        data = self.models.archive.labelled(selection)
        template = self.models.load(live.number) if live else None
        names = dict.fromkeys(
            [*artifacts.columns(self.models.schema), *artifacts.columns(self.models.schema, template)]
        )
        known = self.models.learnable(data)
        rows = artifacts.frame(known.rows, self.models.schema, [*names])
        pa.default_memory_pool().release_unused()  # the fit may need what reading the rows left behind
        weigh = weights(selection, known.rows[WINDOW].to_numpy())
        if known.weights is not None:
            weigh = known.weights if weigh is None else weigh * known.weights
        more = () if weigh is None else (weigh,)
        model = trainer.fit(rows, known.labels, self.models.schema, template, *more)
        pickled = live is not None and live.format == "pickle" and self.models.trust_pickle
        artifact, form = artifacts.serialise(model, prefer_pickle=pickled or self.models.makes(trainer.name))
        snapshot = self.models.archive.snapshot(selection, data)
        fit = Fit(self.models.registry.put(artifact), form, len(artifact), selection.last, snapshot)
        return Fitting(model, fit, data)

    @property
    def _trainer(self) -> Trainer:
        """What trains the first model; raises ModelError where nothing does."""
        trainer = next(iter(self.models.trainers.values()), None)
        if trainer is None:
            raise ModelError("there is no model to train", "Set model.use, or name a prediction column.")
        return trainer

    def _adopted(self, model: Any, windows: list[Window], unseen: Unseen | None, rows: pa.Table) -> Judged:
        """What an adopted model is worth on unseen rows, else by clones of it, if there can be any."""
        if self.models.schema.task is None:
            return Judged()
        if unseen is not None:
            return self.models.judged(model, unseen.data, "held out", rows)
        data = self.models.archive.labelled(spanning(windows))
        weights = self.models.judged(model, data, "in sample").importance
        try:
            values = adoption.cross_fitted(model, data, self.models.schema)
        except ModelError:
            return Judged("first windows", importance=weights)
        return replace(self.models.worth(data, values, "cross-fitted"), importance=weights)

    def _foreign(self, windows: list[Window], unseen: Unseen | None) -> Judged:
        """What the predictions that came with rows are worth, on unseen rows where there are any."""
        if self.models.schema.task is None:
            return Judged()
        data = unseen.data if unseen else self.models.archive.labelled(spanning(windows))
        return self.models.worth(
            data, self.models.logged(FOREIGN, data.ids, windows), "held out" if unseen else "logged"
        )

    def _keep(self, version: Version, reference: TableProfile | None, model: Any) -> Version:
        if reference is not None:
            kept.put(self.models.store, f"v{version.number}", reference)
        if not keep(self.models.store, str(version.number), version):
            raise BusyError("another process trained at the same time", "Run the step again.")
        if version.artifact:
            self.models.loaded[version.artifact] = model
        return version

"""Which models are trained: the first one, and one challenger for each way to merge old and new rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from undrift import stores
from undrift.errors import ModelError, TooFewError
from undrift.gate import Gate
from undrift.merging import Merge
from undrift.records import Outcome, Refitted, Rule, Selection, Version
from undrift.stores import Store, tell
from undrift.trainers import OnUnseen, Trainer
from undrift.windows import spanning
from undrift.workspace.adoption import Unseen
from undrift.workspace.archive import FOREIGN
from undrift.workspace.chronicle import Chronicle
from undrift.workspace.contest import Contest, uncontested
from undrift.workspace.held_out import Split
from undrift.workspace.lease import Lease
from undrift.workspace.making import MIXTURE, Fitted, Making
from undrift.workspace.models import Models
from undrift.workspace.occasions import Occasion
from undrift.workspace.weighing import Weighing

Floats = NDArray[np.float64]

UNSEEN = "unseen"
"""How the rows were chosen that are newer than those of the model whose output is mapped."""


@dataclass(frozen=True)
class Training:
    """Trains on the labelled rows that are not held out, and lets the gate judge on those that are."""

    store: Store
    chronicle: Chronicle
    models: Models
    making: Making
    merges: Mapping[str, Merge]
    weighing: Weighing
    gate: Gate
    lease: Lease

    def first(self, fitted: Fitted | None, unseen: Unseen | None) -> Version:
        """The first version: one that was fitted elsewhere, or one that is trained on the history."""
        windows = self.models.archive.windows(history=True)
        kept = self.store.get(Version, "1") or self.store.get(Version, str(FOREIGN))
        if fitted is not None or self.models.schema.prediction is not None:
            return kept or self.making.adopt(windows, fitted, unseen)
        split = self.chronicle.split(None)
        if not split.available or not split.held_out:
            raise TooFewError(
                f"the history makes {len(split.available) + len(split.held_out)} labelled windows",
                f"Training needs at least {self.gate.windows + 1}: more rows, or a smaller windows.size.",
            )
        if kept is None:
            newest_rows = self.models.archive.labelled_in(split.held_out)
            kept = self.making.train(windows[-1].key, "everything", spanning(split.available), newest_rows)
        self.give_back(kept)
        return stores.version(self.store, kept.number)

    def give_back(self, version: Version) -> None:
        """Refit a version that goes live on all labelled rows, with those that were held out to judge it.

        The model that was judged serves where that was done before, or its recipe does not fit again.
        """
        done = self.store.get(Refitted, str(version.number)) is not None
        if version.members:
            for member in version.members:
                self.give_back(stores.version(self.store, member.version))
            self.making.refitted_together(version)
        if version.snapshot is None or done:
            return
        try:
            self.making.refit(version, self._everything_known(version))
        except ModelError as error:
            tell("failure", Rule(version.merge, holds=False, text=str(error)))

    def _everything_known(self, version: Version) -> Selection:
        """What a version's strategy chooses of all windows up to the newest that it was judged on."""
        split = self.chronicle.split(self.chronicle.reached(None))
        outcomes = [o for o in self.store.all(Outcome) if version.number in {t.version for t in o.trials}]
        last = {key for outcome in outcomes for key in outcome.held_out}
        known = split.every
        newest = max((w.index for w in known if w.key in last), default=known[-1].index)
        merge = self.merges.get(version.merge)
        first = version.snapshot.selection.first if version.base is not None and version.snapshot else None
        usable = [w for w in known if w.index <= newest and (first is None or w.index >= first)]
        return merge.select(usable) if merge else spanning(usable)

    def contest(self, occasion: Occasion, now: datetime | None) -> Outcome:
        """Train the challengers, and judge them against the champion on the rows that are held out."""
        split, live = self.chronicle.split(now), self.chronicle.live()
        failed: dict[str, str] = {}
        challengers = self.challengers(occasion, split, failed)
        self.lease.renew()
        if not challengers:
            return uncontested(occasion, live, self.models.metric, failed)
        contest = Contest.of(occasion, live, challengers, split.held_out, self.weighing)
        mixture = self._mixture(contest, split) if self.weighing.lineup.members > 1 else None
        outcome = contest.judged(self.models, self.gate, failed, mixture)
        admitted = [t.version for t in outcome.trials if t.admitted]
        self.models.forget_all_but({live.number, *self.chronicle.shadows(), *admitted})
        return outcome

    def _mixture(self, contest: Contest, split: Split) -> tuple[Version, Floats]:
        """The version that would serve with the challengers, and what it says about held-out rows."""
        found = contest.mixture(self.weighing)
        known = self._trained_before(contest.occasion).get((MIXTURE, MIXTURE))
        if known is None:
            through = split.available[-1].index
            known = self.making.mix(contest.occasion, found.members, through, contest.data, found.values)
        return known, found.values

    def challengers(self, occasion: Occasion, split: Split, failed: dict[str, str]) -> list[Version]:
        """One version for each selection of rows; why one could not be trained is added to ``failed``."""
        known, trained = self._trained_before(occasion), []
        unseen = self.models.archive.labelled_in(split.held_out)
        for name, selection, trainer in self._recipes(split, failed):
            self.lease.renew()
            try:
                again = known.get((name, trainer.name))
                trained.append(
                    again
                    or self.making.train(
                        occasion.window.key, name, selection, unseen, on=occasion.on, trainer=trainer
                    )
                )
            except ModelError as error:
                what = name if len(self.models.trainers) == 1 else f"{name}, {trainer.name}"
                failed[what] = str(error)
                tell("failure", Rule(what, holds=False, text=str(error)))
        return trained

    def _recipes(self, split: Split, failed: dict[str, str]) -> Iterator[tuple[str, Selection, Trainer]]:
        """Which rows each trainer is given, by the name of how they were chosen."""
        selections = self._selections(split)
        through = self.models.newest_of(self.chronicle.live()).through
        for trainer in self.models.trainers.values():
            if not isinstance(trainer, OnUnseen):
                for name, selection in selections.items():
                    yield name, selection, trainer
                continue
            newer = [w for w in split.available if w.index > through]
            if newer:
                yield UNSEEN, spanning(newer), trainer
            else:
                failed[trainer.name] = "no labelled window but those held out is newer than the live model"

    def _selections(self, split: Split) -> dict[str, Selection]:
        """The rows that each strategy chooses; of those that choose the same the first one."""
        found: dict[Selection, str] = {}
        for name, merge in self.merges.items():
            found.setdefault(merge.select(split.available), name)
        return {name: selection for selection, name in found.items()}

    def _trained_before(self, occasion: Occasion) -> dict[tuple[str, str], Version]:
        """Challengers of this occasion that a process trained before it died, by strategy and trainer."""
        first = self.chronicle.first().number
        mine = (occasion.window.key, occasion.on)
        kept = [v for v in self.store.all(Version) if (v.window, v.on) == mine and v.number != first]
        return {(v.merge, v.trainer): v for v in kept}

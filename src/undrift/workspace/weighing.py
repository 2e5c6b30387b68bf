"""What the members of a mixture weigh: by what they say about the newest labelled rows, all unseen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from undrift.errors import UndriftError
from undrift.lineup import LineUp, mixed
from undrift.records import Member, Version, Weights, Window
from undrift.stores import Store, keep
from undrift.workspace import honest
from undrift.workspace.archive import FOREIGN, Labelled
from undrift.workspace.chronicle import Chronicle
from undrift.workspace.honest import Answer
from undrift.workspace.models import Models

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Together:
    """Several versions as one: what each weighs, and what they say together, one number per row."""

    members: tuple[Member, ...]
    values: Floats
    losses: dict[int, float]


@dataclass(frozen=True)
class Weighing:
    """Weighs versions on labelled rows, and keeps anew what the members of mixtures weigh."""

    store: Store
    chronicle: Chronicle
    models: Models
    lineup: LineUp

    def together(self, said: Mapping[int, Floats], data: Labelled, most: int | None = None) -> Together:
        """Versions weighed by their losses on labelled rows, at ``most`` so many: those that fit best."""
        losses = {number: self.models.by_row(data, values) for number, values in said.items()}
        if any(np.isnan(values).any() for values in losses.values()):
            plain = self.models.plain
            losses = {number: self.models.by_row(data, values, plain) for number, values in said.items()}
        block = self.models.blocks(data)
        means = {number: float(values.mean()) for number, values in losses.items()}
        weights = self.lineup.weigh(losses, block)
        if most is not None and len(weights) > most:
            best = sorted(weights, key=lambda n: (-weights[n], means[n]))[:most]
            weights = self.lineup.weigh({n: losses[n] for n in sorted(best)}, block)
        members = tuple(Member(n, weight) for n, weight in sorted(weights.items()))
        return Together(members, mixed(said, weights), {n: means[n] for n in weights})

    def pool(self, version: Version) -> list[Version]:
        """Versions that challengers would serve beside: the members of a mixture, or the champion."""
        numbers = [m.version for m in version.members] or [version.number]
        return [self.models.version(n) for n in numbers if n != FOREIGN]

    def renew(self, now: datetime | None) -> None:
        """Weigh the members of the mixtures that serve next on the newest labelled window, once for each."""
        serving = (self.chronicle.live().number, *self.chronicle.shadows())
        mixtures = [v for v in map(self.models.version, dict.fromkeys(serving)) if v.members]
        if not mixtures:
            return
        windows = self.chronicle.split(now).every[-1:]
        due = [v for v in mixtures if windows and self._is_due(v, windows[-1])]
        if not due:
            return
        data = self.models.archive.labelled_in(windows)
        numbers = sorted({m.version for v in due for m in v.members})
        answers = {n: self._answer(self.models.version(n), data, windows) for n in numbers}
        for version in due:
            said = {m.version: answers[m.version] for m in version.members}
            self._keep(version, {n: one.values for n, one in said.items() if one is not None}, data, windows)

    def _is_due(self, version: Version, newest: Window) -> bool:
        """Whether a mixture was not weighed on this window yet, neither when it was made nor since."""
        unseen = version.through < newest.index
        return unseen and self.store.get(Weights, _key(version, newest)) is None

    def _answer(self, version: Version, data: Labelled, windows: Sequence[Window]) -> Answer | None:
        """What a member says about rows that it was not fitted on; None where it has seen them, or fails."""
        try:
            answer = honest.ask(self.models, version, data, windows, logged=True)
        except UndriftError:
            return None
        return None if answer.seen else answer

    def _keep(
        self, version: Version, said: Mapping[int, Floats], data: Labelled, windows: Sequence[Window]
    ) -> None:
        if not said:
            return
        found = self.together(said, data)
        silent = tuple(Member(m.version, 0.0) for m in version.members if m.version not in said)
        members = tuple(sorted((*found.members, *silent), key=lambda m: m.version))
        losses = {str(n): loss for n, loss in found.losses.items()}
        newest = windows[-1]
        keys = tuple(w.key for w in windows)
        record = Weights(version.number, newest.key, newest.index, members, losses, keys)
        keep(self.store, _key(version, newest), record)


def _key(version: Version, window: Window) -> str:
    return f"{window.key}/v{version.number}"

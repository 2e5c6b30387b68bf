"""Windows beside the reference of the live model: what moved, since when, and what tells them apart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift import inputs
from undrift import schema as agreed
from undrift.archive import FOREIGN, Archive
from undrift.comparison import Result
from undrift.errors import DataError, ModelError
from undrift.explanation import explain
from undrift.judging import judge
from undrift.lakes import ID
from undrift.limits import Limits
from undrift.models import Models
from undrift.overview import overview
from undrift.profiles.codec import dumps, loads
from undrift.profiles.table import TableProfile, of_schema, profile
from undrift.records import Comparison, Explanation, Schema, Version, Window
from undrift.schema import OUTPUT
from undrift.stores import Store

EARLIER = 60
"""Windows before the present one in which a slow drift may have begun."""


@dataclass
class Watch:
    """Compares rows of a workspace with what its live model was trained on."""

    archive: Archive
    store: Store
    models: Models
    limits: Limits
    _references: dict[int, TableProfile] = field(default_factory=dict, repr=False)
    _compared: dict[str, TableProfile] = field(default_factory=dict, repr=False)

    @property
    def schema(self) -> Schema:
        """What the rows look like."""
        return self.archive.schema

    def reference(self, live: Version) -> TableProfile:
        """The profile of the rows that the live model was trained on."""
        if live.number not in self._references:
            self._references = {live.number: self.models.reference(live.number)}
        return self._references[live.number]

    def compare(self, window: Window, live: Version) -> Comparison:
        """Profile a window, keep the profile, and compare every feature with the reference."""
        rows = self.archive.rows(window.index, window.index)
        reference, current = self._sides(rows, window, live)
        self.store.put_profile(_key(window.key), dumps(current))
        found = judge(
            reference,
            current,
            self.limits,
            earlier=self._before(window, live),
            relevance=_relevance(live),
        )
        return replace(found, window=window, reference=live.number)

    def check(self, rows: Any, live: Version) -> Result:
        """Compare rows that are not kept; raises DataError when they have none of the features."""
        reference = self.reference(live).without(OUTPUT)
        table = agreed.conform_where_possible(inputs.read(rows), self.schema)
        wanted = [c.name for c in agreed.features(self.schema)]
        if not set(wanted) & set(table.column_names):
            problem = f"{inputs.label_of(rows)} has none of the model's features"
            raise DataError(problem, f"It should have {', '.join(wanted[:5])} …")
        current = profile(table, like=reference)
        own = {self.schema.target, self.schema.prediction, *(c.name for c in self.schema.columns)}
        current = replace(current, new=tuple(n for n in current.new if n not in own))
        reference = reference.awakened(current)
        found = judge(reference, current, self.limits, relevance=_relevance(live))
        return Result(found, reference, current)

    def explain(self, window: str, live: Version) -> Explanation:
        """What tells a window's rows from those of the version that it was compared with."""
        line = overview(self.store).line(window)
        number = live.number if line.comparison.reference is None else line.comparison.reference
        rows = self.archive.rows(line.window.index, line.window.index)
        found = explain(rows, self.models.trained_rows(number), self.schema)
        return replace(found, window=line.window.key, reference=number)

    def changed(self) -> datetime | None:
        """When windows began to drift for the last time: the last change on record."""
        begun, drifting = None, False
        for comparison in self.store.all(Comparison):
            drifts = comparison.verdict == "drift" and comparison.window is not None
            if drifts and not drifting and comparison.window is not None:
                begun = comparison.window.start
            drifting = drifts
        return begun

    def forget(self) -> None:
        """Read references anew: another model is live."""
        self._references.clear()
        self._compared.clear()

    def _sides(self, rows: pa.Table, window: Window, live: Version) -> tuple[TableProfile, TableProfile]:
        """The reference and a window's profile, with the model's output where both have it."""
        reference = self.reference(live)
        if OUTPUT in reference.features:
            try:
                return reference, self.models.with_output(rows, self._output(rows, window, live), reference)
            except (ModelError, KeyError):
                reference = reference.without(OUTPUT)
        return reference, of_schema(rows, self.schema, reference)

    def _output(self, rows: pa.Table, window: Window, live: Version) -> NDArray[np.float64]:
        """What the live model says about a window's rows; a foreign one has said so with them."""
        if live.number != FOREIGN:
            return self.models.ask(live.number, rows)
        logged = self.archive.predictions(window.index)[FOREIGN]
        return np.array([logged[id_] for id_ in rows[ID].to_pylist()], dtype=np.float64)

    def _before(self, window: Window, live: Version) -> list[TableProfile]:
        """The newest windows before this one that were compared with the same reference."""
        before = [
            c.window.key
            for c in self.store.all(Comparison, EARLIER)
            if c.reference == live.number and c.window is not None and c.window.index < window.index
        ]
        for key in before:
            if key not in self._compared and (data := self.store.get_profile(_key(key))) is not None:
                self._compared[key] = loads(data)
        self._compared = {key: self._compared[key] for key in before if key in self._compared}
        return list(self._compared.values())


def _relevance(live: Version) -> dict[str, float] | None:
    """The importance of every feature and of the output; None where nothing is known of any."""
    return {**live.importance, OUTPUT: 1.0} if any(live.importance.values()) else None


def _key(window: str) -> str:
    return f"window/{window}"

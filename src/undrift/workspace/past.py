"""The stream's own past: its windows one after the other, whoever served them, over grids of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from undrift.calibration import Reading
from undrift.lakes import TIME, WINDOW
from undrift.profiles.feature import AnyProfile
from undrift.profiles.table import TableProfile, of_schema
from undrift.records import Schema, Selection, Window
from undrift.stores import Store
from undrift.workspace import kept

KEPT = 366
"""Windows that are remembered, the newest: of days, a year."""

GROWTH, AFTER = 1.5, 183
"""Grids are cut anew, from the rows in the lake, whenever so many times the windows are known, and at the
latest after so many further windows."""

LASTING = 2
"""Windows out of the ordinary, one after the other, from which on a drift may be learnt from."""

Rows = Callable[[Sequence[Window]], pa.Table]
"""Reads the rows of some windows, with the lake's own columns."""


@dataclass(frozen=True)
class Remembered:
    """Windows as the history of one profile, and the key under which its grids are kept.

    ``unseen`` is the profile of those windows alone that the model was not trained on and that were not out
    of the ordinary; where no model is asked that is all of them.
    """

    key: str
    profile: TableProfile
    unseen: TableProfile


@dataclass
class Past:
    """Windows of one kind of rows (features, a model's output, labels), counted and kept one by one.

    ``rows`` reads windows from the lake, ``schema`` says what is counted of them, ``length`` is that of a
    window of time. Grids are cut from the rows of the first ``least`` windows, and anew as the past grows.
    Windows up to the index ``through`` are those that a model was trained on.
    """

    store: Store
    name: str
    schema: Schema
    rows: Rows
    length: timedelta | None = None
    least: int = 1
    through: int | None = None
    _held: dict[str, tuple[tuple[str, ...], TableProfile, TableProfile]] = field(
        default_factory=dict, repr=False
    )

    def before(
        self, windows: Sequence[Window], cuts: Iterable[int] = (), aside: Container[int] = ()
    ) -> Remembered | None:
        """These windows, oldest first; None while there are fewer than the least.

        At the counts in ``cuts`` the stream became another one: grids are cut anew there. Windows ``aside``
        were out of the ordinary.
        """
        if len(windows) < self.least:
            return None
        size = _cut(len(windows), self.least, cuts)
        base, later = windows[max(0, size - KEPT) : size], windows[size:]
        key = f"past/{self.name}/{base[-1].key}"
        keys = tuple(window.key for window in later)
        known, found, unseen = self._held.get(key) or ((), *self._base(key, base, aside))
        if known != keys[: len(known)]:
            known, (found, unseen) = (), self._base(key, base, aside)
        fresh = [(window, self._one(key, window, found)) for window in later[len(known) :]]
        usual = [one for window, one in fresh if window.index not in aside]
        found, unseen = _merged([found, *(one for _, one in fresh)]), _merged([unseen, *usual])
        self._held = {key: (keys, found, unseen)}
        return Remembered(key, _newest(found), unseen)

    def keep(self, past: Remembered, rows: pa.Table, window: Window) -> TableProfile:
        """The profile of one more window over the grids of a past; kept for the windows to come."""
        found = like(past.profile, rows, self.schema)
        kept.put(self.store, f"{past.key}/{window.key}", found, past.key)
        return found

    def _base(
        self, key: str, windows: Sequence[Window], aside: Container[int]
    ) -> tuple[TableProfile, TableProfile]:
        """The first windows, and those of them that no model was trained on, over grids of all of them."""
        whole, part = kept.get(self.store, key), kept.get(self.store, f"{key}/unseen")
        if whole is not None and (part is not None or self.through is None):
            return whole, part if part is not None else whole
        width = self.length // timedelta(microseconds=1) if self.length else 1
        time = TIME if self.length else WINDOW
        rows = self.rows(windows)
        found = of_schema(rows, self.schema, time=time, width=width)
        unseen = found
        if self.through is not None:
            fresh = [w.index for w in windows if w.index > self.through and w.index not in aside]
            chosen = rows.filter(pc.is_in(rows[WINDOW], pa.array(fresh, pa.int64())))
            unseen = like(found, chosen, self.schema)
            kept.put(self.store, f"{key}/unseen", unseen)
        kept.put(self.store, key, found)
        return found, unseen

    def _one(self, key: str, window: Window, over: TableProfile) -> TableProfile:
        found = kept.get(self.store, f"{key}/{window.key}")
        if found is not None:
            return found
        return self.keep(Remembered(key, over, over), self.rows([window]), window)


def _merged(profiles: Sequence[TableProfile]) -> TableProfile:
    """All of them together, the newest ones with one another first: they are short, and the first is long."""
    first, *rest = profiles
    while len(rest) > 1:
        rest = [reduce(TableProfile.merge, rest[i : i + 2]) for i in range(0, len(rest), 2)]
    return first.merge(rest[0]) if rest else first


def like(past: TableProfile, rows: pa.Table, schema: Schema) -> TableProfile:
    """The profile of rows over the grids of a past; nothing is kept."""
    return of_schema(rows, schema, past)


def _newest(found: TableProfile) -> TableProfile:
    """The profile with the newest windows of its history."""
    history = found.history
    if history is None or len(history.blocks) <= KEPT:
        return found
    return replace(found, history=history.after(int(history.blocks[-KEPT])))


def _cut(windows: int, least: int, cuts: Iterable[int]) -> int:
    """Of so many windows, how many there were when the grids were last cut.

    >>> _cut(9, 4, ()), _cut(9, 4, (8,))
    (9, 9)
    """
    sizes = [least]
    while (larger := min(math.ceil(sizes[-1] * GROWTH), sizes[-1] + AFTER)) <= windows:
        sizes.append(larger)
    return max(size for size in (*sizes, *cuts) if size <= windows)


@dataclass(frozen=True)
class Changes:
    """What the stream has been through: windows ``aside``, when its ``era`` began, and ``cuts`` of grids.

    Windows are named by index; a cut is the count of windows that were known when a change was learnt from.
    """

    aside: frozenset[int] = frozenset()
    era: int | None = None
    cuts: tuple[int, ...] = ()

    def reading(self, served: int | None = None) -> Reading:
        """How the past is read, for a model that serves since the window ``served``."""
        return Reading(self.aside, self.era, served)


def changes(
    windows: Sequence[int], unusual: Iterable[int], learnt: Sequence[tuple[Selection, int]]
) -> Changes:
    """What the stream has been through, from records alone.

    ``windows`` are all known ones, oldest first, ``unusual`` those that were out of the ordinary, ``learnt``
    the rows behind each promotion and the window after which it happened. A drift that lasted two windows,
    both among the rows of a promoted model, is a change of the world: from its first window on the
    stream is another one. Other windows out of the ordinary stand aside.

    >>> changes(range(9), {5, 6, 7}, [(Selection(0, 6), 7)])
    Changes(aside=frozenset(), era=5, cuts=(8,))
    """
    odd = set(unusual)
    era, cuts, known = None, [], set[int]()
    for selection, after in learnt:
        runs = [run for run in _runs([w for w in windows if w <= after], odd) if era is None or run[0] > era]
        lasting = [
            r for r in runs if len([w for w in r if selection.first <= w <= selection.last]) >= LASTING
        ]
        if lasting:
            era = lasting[-1][0]
            known = {w for w in odd if era <= w <= after}
            cuts.append(sum(w <= after for w in windows))
    return Changes(frozenset(odd - known), era, tuple(cuts))


def _runs(windows: Sequence[int], odd: set[int]) -> list[list[int]]:
    """Unusual windows that follow one another, among all windows."""
    runs: list[list[int]] = [[]]
    for window in windows:
        if window in odd:
            runs[-1].append(window)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def pictured(store: Store, window: str, reference: int, feature: str) -> tuple[AnyProfile, AnyProfile] | None:
    """What a feature of a window was compared with, and what it was; None where that is not kept.

    A model's output and labels are kept apart from the features; 0.1.0 kept the output with the reference.
    """
    before = (f"v{reference}", f"window/{window}/output", f"v{reference}/output", f"v{reference}/target")
    now = (f"window/{window}", f"window/{window}/target")
    sides = [_first(store, keys, feature) for keys in (before, now)]
    return None if sides[0] is None or sides[1] is None else (sides[0], sides[1])


def _first(store: Store, keys: Iterable[str], feature: str) -> AnyProfile | None:
    """The feature in the first of some profiles that has it."""
    for key in keys:
        profile = kept.get(store, key)
        if profile is not None and feature in profile.features:
            return profile.features[feature]
    return None

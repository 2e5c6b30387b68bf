"""The past of a reference: its rows counted coarsely in consecutive short blocks of time.

What a quiet feature does from one window to the next can only be learnt from windows. So a reference with
a time column keeps, beside its fine counts, a few bins per feature and block; blocks of any window size
are merged from them. A history is a commutative monoid like every profile: blocks are named by their
place in time, those of one place add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift.columns.times import moments
from undrift.errors import DataError, MergeError
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.embedding import Embedding
from undrift.profiles.feature import AnyProfile
from undrift.profiles.grid import MONITORED
from undrift.profiles.joint import Joint
from undrift.profiles.numeric import NumericProfile
from undrift.windows import MONDAY

START = int(MONDAY.timestamp()) * 1_000_000
"""Calendar blocks are counted from the same Monday as windows, in microseconds since 1970."""

UNITS = tuple(
    timedelta(**unit) // timedelta(microseconds=1)
    for unit in ({"minutes": 1}, {"minutes": 10}, {"hours": 1}, {"hours": 6}, {"days": 1}, {"weeks": 1})
)
"""Lengths of calendar blocks in microseconds; each divides the next."""

BLOCKS = 1000
"""Blocks that are kept at most, the newest ones; blocks are as short as fit into so many."""

ENOUGH = 50
"""Blocks that a history should have at least, where that can be chosen."""

CELLS = 30_000_000
"""Counts that all blocks may hold, over all features and segments: with many of these, blocks are longer."""

LABELS = 20
"""Labels of a reference that have a bin of their own; the others share one."""

STRAY = 0.005
"""Share of rows at either end of a window that does not stretch it: late rows, or those of a wrong clock."""

RUNS = 7
"""Parts of a window, as many as a week has days, that show how far its rows hang together."""

FINE = 20_000
"""Blocks, over all features, up to which they are short enough for a window to have a few: a megabyte."""

FEWEST_RUNS = 4
"""Days under which a window is cut into runs of rows instead."""

DAY = 86_400_000_000
"""Microseconds."""

UNTIMED = np.iinfo(np.int64).min
"""The block of rows without a time."""

Ints = NDArray[np.int64]
Cells = Ints | tuple[str, ...]
"""How the bins of a feature are merged: where each begins among the fine cells, or which labels have one."""


@dataclass(frozen=True, eq=False)
class History:
    """Counts of every feature in consecutive blocks.

    ``width`` is the length of a block: microseconds where ``calendar``, else in units of the time column.
    ``blocks`` are the places of the B blocks that have rows, rising; ``counts`` maps a feature to an array
    of shape (B, K + 2): its K bins, rows with a label the reference never had, rows without a value.
    ``shortest`` is the length in blocks of the shortest window to be judged. ``stays`` maps a feature of
    labels to the first and last block of each label of its vocabulary, (2, L).
    ``joint`` holds sums over features together for the same blocks, ``embeddings`` those over each column
    of lists of numbers, ``note`` says what should be known about the choice of blocks, ``form`` in which
    format the times are written, "" where they are as they are.
    """

    time: str
    width: int
    calendar: bool
    cells: Mapping[str, Cells] = field(default_factory=dict)
    blocks: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    counts: Mapping[str, Ints] = field(default_factory=dict)
    shortest: int = 1
    stays: Mapping[str, Ints] = field(default_factory=dict)
    joint: Joint | None = None
    embeddings: Mapping[str, Embedding] = field(default_factory=dict)
    note: str = ""
    form: str = ""
    derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """What was worked out of it before, by what it was worked out for; never saved."""

    @classmethod
    def over(
        cls,
        times: pa.ChunkedArray,
        name: str,
        features: Mapping[str, AnyProfile],
        shortest: timedelta | None = None,
        parts: int = 1,
        width: int | None = None,
    ) -> History:
        """The history of no rows: block length and bins from (sampled) times and filled feature profiles.

        ``shortest`` is the length of the shortest window to be judged, ``parts`` how many such histories
        there will be; a ``width`` is taken as it is. Raises DataError for a time column that holds no times.
        """
        calendar, moments = _moments(times, name)
        most = min(BLOCKS, CELLS // (30 * parts * max(len(features), 1)))
        fine = FINE // (parts * max(len(features), 1))
        width = width or _width(moments, calendar, shortest, max(most, 2), fine)
        cells = {n: _cells(f) for n, f in features.items()}
        labels = {n: len(f.counts) for n, f in features.items() if isinstance(f, CategoricalProfile)}
        stays = {n: np.empty((2, count), np.int64) for n, count in labels.items()}
        named = shortest // timedelta(microseconds=width) if shortest and calendar else 1
        return cls(
            name, width, calendar, cells, shortest=max(named, 1), stays=stays, joint=Joint.over(features)
        ).empty()

    def empty(self) -> History:
        """The history of no rows over the same blocks and bins: the neutral element of ``merge``."""
        none = {name: np.empty((0, _bins(cells) + 2), np.int64) for name, cells in self.cells.items()}
        joint = self.joint.empty() if self.joint else None
        lists = {name: one.empty() for name, one in self.embeddings.items()}
        stays = {name: absent(stay.shape[1]) for name, stay in self.stays.items()}
        nothing = np.empty(0, np.int64)
        return replace(self, blocks=nothing, counts=none, stays=stays, joint=joint, embeddings=lists)

    def places(self, times: pa.Array | pa.ChunkedArray) -> Ints:
        """The block of each row; UNTIMED for rows without a time."""
        calendar, moments = _moments(times, self.time)
        if calendar != self.calendar and (moments != UNTIMED).any():
            raise DataError(
                f"time column {self.time!r} is {times.type}", "Give it the type that it had in the reference."
            )
        known = moments != UNTIMED
        return np.where(known, _place(moments, self.width, self.calendar), UNTIMED)

    def coarse(self, name: str, profile: AnyProfile) -> Ints:
        """The counts of one profile of a feature over its bins, shape (K + 2,).

        >>> past = History("t", 1, False, {"c": ("a", "b")})
        >>> past.coarse("c", CategoricalProfile(counts={"a": 3, "b": 1, "z": 2}, null=1)).tolist()
        [3, 1, 2, 0, 1]
        """
        cells = self.cells[name]
        if isinstance(profile, NumericProfile):
            bins = np.add.reduceat(profile.ordered, np.asarray(cells, np.int64))
            return np.append(bins, [0, profile.missing]).astype(np.int64)
        own = [profile.counts.get(label, 0) for label in cells]
        rest = sum(profile.counts.values()) - sum(own)
        return np.array([*own, rest, profile.outside, profile.missing], dtype=np.int64)

    def with_blocks(
        self,
        places: Ints,
        counts: Mapping[str, Ints],
        stays: Mapping[str, Ints],
        joint: Joint | None,
        embeddings: Mapping[str, Embedding],
    ) -> History:
        """The history of these blocks, which rise: their counts by feature, and the stays of labels."""
        found = replace(self, counts=counts, stays=stays, joint=joint, embeddings=embeddings)
        return found._summed(places)

    def merge(self, other: History) -> History:
        """The history of both; raises MergeError for other blocks or bins."""
        if not self.alike(other):
            raise MergeError(
                "the histories have unlike blocks", "Profile both with like= the same reference."
            )
        counts = {n: np.concatenate([mine, other.counts[n]]) for n, mine in self.counts.items()}
        joint = None
        if self.joint is not None and other.joint is not None:
            joint = self.joint.of(np.concatenate([self.joint.sums, other.joint.sums]))
        firsts = {n: np.minimum(stay[0], other.stays[n][0]) for n, stay in self.stays.items()}
        stays = {
            n: np.stack([first, np.maximum(self.stays[n][1], other.stays[n][1])])
            for n, first in firsts.items()
        }
        lists = {
            name: one.of(np.concatenate([one.sums, other.embeddings[name].sums]))
            for name, one in self.embeddings.items()
            if name in other.embeddings
        }
        both = replace(self, counts=counts, stays=stays, joint=joint, embeddings=lists)
        return both._summed(np.concatenate([self.blocks, other.blocks]))

    def only(self, names: Iterable[str]) -> History:
        """The same blocks with these features only."""
        kept = {*names}
        return replace(
            self,
            cells={n: cells for n, cells in self.cells.items() if n in kept},
            counts={n: counts for n, counts in self.counts.items() if n in kept},
            stays={n: stay for n, stay in self.stays.items() if n in kept},
            joint=self.joint if self.joint and kept.issuperset(self.joint.names) else None,
        )

    def after(self, place: int) -> History:
        """The blocks from this place on."""
        return self._rows(self.blocks >= place)

    def windows(self, span: int, anchor: int) -> tuple[History, Ints]:
        """Consecutive windows of ``span`` blocks, one of which begins at block ``anchor``.

        Gives one block per window that has rows, with the number of its window (0 is the anchor's), and
        leaves out windows that reach beyond the history's ends.
        """
        numbers = (self.blocks - anchor) // span
        first, last = (int(self.blocks[0]), int(self.blocks[-1])) if len(self.blocks) else (0, -1)
        whole = (numbers * span + anchor >= first) & ((numbers + 1) * span + anchor - 1 <= last)
        kept = self._rows(whole)
        merged = kept._summed(numbers[whole])
        return merged, merged.blocks

    @property
    def rows(self) -> Ints:
        """Rows of each block, shape (B,)."""
        some = next(iter(self.counts.values()), np.zeros((len(self.blocks), 1), np.int64))
        return np.asarray(some.sum(axis=1))

    @property
    def runs(self) -> Ints:
        """The run that each block belongs to: a day where there are a few, else a seventh of the rows."""
        if self.calendar and self.width <= DAY:
            days = self.blocks * self.width // DAY
            if len(np.unique(days)) >= FEWEST_RUNS:
                return np.asarray(days)
        rows = self.rows
        middle = np.cumsum(rows) - rows / 2
        return np.minimum((middle * RUNS / max(int(rows.sum()), 1)).astype(np.int64), RUNS - 1)

    @property
    def extent(self) -> tuple[int, int]:
        """The first block and how many blocks it spans, in whole windows of the shortest length.

        Stray rows at either end, with a gap before the others, do not count. (0, 0) if there are no rows.
        """
        rows = self.rows
        if not rows.sum():
            return 0, 0
        below = np.cumsum(rows) / rows.sum()
        first, last = int(np.argmax(below > STRAY)), int(np.argmax(below >= 1 - STRAY))
        while first > 0 and self.blocks[first] - self.blocks[first - 1] == 1:
            first -= 1
        while last < len(rows) - 1 and self.blocks[last + 1] - self.blocks[last] == 1:
            last += 1
        begin = int(self.blocks[first]) // self.shortest
        return begin * self.shortest, (int(self.blocks[last]) // self.shortest - begin + 1) * self.shortest

    def start(self, place: int) -> datetime | int:
        """When a block begins: a moment in UTC, or a value of the time column."""
        begin = place * self.width
        if not self.calendar:
            return begin
        return datetime.fromtimestamp((begin + START) / 1_000_000, UTC)

    def _rows(self, chosen: NDArray[np.bool_]) -> History:
        counts = {name: counts[chosen] for name, counts in self.counts.items()}
        joint = self.joint.of(self.joint.sums[chosen]) if self.joint else None
        lists = {name: one.of(one.sums[chosen]) for name, one in self.embeddings.items()}
        return replace(self, blocks=self.blocks[chosen], counts=counts, joint=joint, embeddings=lists)

    def _summed(self, places: Ints) -> History:
        """The blocks, whose places these are, in order: those of one place added up, the newest ones kept."""
        found, group = np.unique(places, return_inverse=True)
        order = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[order], np.arange(len(found)))

        def summed(rows: Ints) -> Ints:
            return np.asarray(
                np.add.reduceat(rows[order], starts, axis=0)[-BLOCKS:] if len(found) else rows[:0]
            )

        return replace(
            self,
            blocks=found[-BLOCKS:],
            counts={name: summed(rows) for name, rows in self.counts.items()},
            joint=self.joint.of(summed(self.joint.sums)) if self.joint else None,
            embeddings={name: one.of(summed(one.sums)) for name, one in self.embeddings.items()},
        )

    def alike(self, other: History) -> bool:
        """Whether the other has the same blocks and bins, so that both can be merged."""
        mine, theirs = self.cells, other.cells
        return (self.time, self.width, self.calendar) == (other.time, other.width, other.calendar) and (
            mine.keys() == theirs.keys() and all(np.array_equal(mine[n], theirs[n]) for n in mine)
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, History)
            and self.alike(other)
            and np.array_equal(self.blocks, other.blocks)
            and all(np.array_equal(counts, other.counts[n]) for n, counts in self.counts.items())
            and all(np.array_equal(stay, other.stays[n]) for n, stay in self.stays.items())
            and (self.joint is None) == (other.joint is None)
            and (not self.joint or not other.joint or np.array_equal(self.joint.sums, other.joint.sums))
            and self.embeddings.keys() == other.embeddings.keys()
            and all(np.array_equal(e.sums, other.embeddings[n].sums) for n, e in self.embeddings.items())
        )

    __hash__ = None  # type: ignore[assignment]  # arrays


def _moments(times: pa.Array | pa.ChunkedArray, name: str) -> tuple[bool, Ints]:
    """Whether these are points in time, and each as microseconds or as it is; UNTIMED for nulls."""
    try:
        return moments(times, UNTIMED)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"time column {name!r} is {times.type}", "Write times in ISO 8601, or whole numbers that rise."
        ) from error


def absent(labels: int) -> Ints:
    """First and last blocks of labels that have none, (2, labels)."""
    return np.array([[np.iinfo(np.int64).max], [np.iinfo(np.int64).min]]).repeat(labels, axis=1)


def _place(moments: Ints, width: int, calendar: bool) -> Ints:
    """The block of each moment."""
    return (moments - (START if calendar else 0)) // width


def _width(moments: Ints, calendar: bool, shortest: timedelta | None, most: int, fine: int) -> int:
    """The length of a block.

    Where the shortest window is named, the longest unit that makes enough blocks and divides it into a few
    parts, if there are no more than ``fine``; else the shortest unit that makes at most so many, as long as
    that makes no difference: times to the day give blocks of a day.
    """
    known = np.sort(moments[moments != UNTIMED])
    blocks = {unit: _distinct(_place(known, unit, calendar)) for unit in _units(known, calendar)}
    fit = [unit for unit, found in blocks.items() if found <= most] or [max(blocks)]
    if shortest is None or not calendar:
        return max(unit for unit in fit if blocks[unit] == blocks[fit[0]])
    asked = shortest // timedelta(microseconds=1)
    dividing = [unit for unit in fit if asked % unit == 0]
    enough = [unit for unit in dividing if blocks[unit] >= ENOUGH]
    parts = [unit for unit in enough if asked // unit >= FEWEST_RUNS and blocks[unit] <= fine]
    return max(parts or enough, default=min(dividing, default=asked))


def _distinct(rising: Ints) -> int:
    """How many different numbers there are among numbers that do not fall."""
    return int(np.count_nonzero(np.diff(rising))) + (len(rising) > 0)


def _units(known: Ints, calendar: bool) -> Iterable[int]:
    """Lengths to choose from, shortest first: of the calendar, or one, two and five times powers of ten."""
    if calendar:
        return UNITS
    extent = int(known[-1] - known[0]) if len(known) else 0
    return [step * 10**power for power in range(min(len(str(extent)) + 1, 18)) for step in (1, 2, 5)]


def _cells(profile: AnyProfile) -> Cells:
    """The bins of a feature: between the quantiles of the monitor, or of its most frequent labels."""
    if isinstance(profile, CategoricalProfile):
        ranked = sorted(profile.counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(label for label, _ in ranked[:LABELS])
    counts = profile.ordered
    below = np.cumsum(counts)
    total = max(int(below[-1]), 1)
    ends = np.searchsorted(below, MONITORED * total - 1e-9) + 1
    ends = np.concatenate([[0, 1], ends, [len(counts) - 1]])
    return np.unique(ends[ends < len(counts)]).astype(np.int64)


def _bins(cells: Cells) -> int:
    return len(cells) + 1 if isinstance(cells, tuple) else len(cells)

"""The calibrated monitor: a window beside how the reference's own windows differ from one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from undrift.calibration import Calibration, Evidence, Judgement, Reading
from undrift.calibration.asymptotic import Asymptotic
from undrift.profiles.blocks import History as Past
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.ordering import sorted_by
from undrift.profiles.table import TableProfile
from undrift.statistics.monitor import COMPONENTS, CYCLES, Counts, Judged, Monitor
from undrift.statistics.slow import Slow, slow
from undrift.statistics.tempered import WINDOWS, backtested, tempered
from undrift.words.phrases import count, cut

FEW = 30
"""Windows from which on their variation is known well enough; with fewer, p-values are wider and say so."""

FEWEST = 2
"""Windows under which nothing can be learnt from how they differ."""

EARLIER = 60
"""Windows before the present one in which a slow drift may have begun."""

MICROSECONDS = {"day": 86_400_000_000, "week": 604_800_000_000, "year": 31_556_952_000_000}
"""Lengths of the seasons; the year is the mean Gregorian one."""

TAIL = 0.005
"""The share of the reference's rows that is a tail."""

KEPT = 4
"""Ways to cut a history that are kept with it: windows by count keep changing length."""

SLOWLY = "; slow drift is tested separately, at the same alarm rate"
"""What is said where the windows before are known."""

SMALL = 0.05
"""p-values from which on it is asked whether the history bears them out; larger ones decide nothing."""

PHASES = 12
"""Phases of a year: about its months."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """The windows of a history that are as long as the one to be judged.

    ``past`` holds one block per window, ``phases`` (H,) their places in the season, None without one.
    ``span`` and ``anchor`` say in blocks how windows are cut, ``note`` what should be known about them.
    """

    past: Past
    span: int
    anchor: int
    phases: Ints | None
    note: str
    monitors: dict[tuple[str, ...], Monitor] = field(default_factory=dict, repr=False)
    """Monitors that were fitted to these windows before, by the features that they watch."""

    @classmethod
    def of(cls, past: Past, span: int, anchor: int, season: str | None = None) -> Windows:
        """Cut a history into windows of ``span`` blocks, one of which would begin at block ``anchor``.

        What was cut once is kept with the history: many windows are judged by one reference.
        """
        kept: dict[object, Windows] = past.derived
        key = (span, anchor % span, season)
        if key not in kept:
            while len(kept) >= KEPT:
                kept.pop(next(iter(kept)))
            merged, numbers = past.windows(span, anchor)
            phases, note = _phases(past, span, anchor + numbers * span, season)
            kept[key] = cls(merged, span, anchor, phases, note)
        return kept[key]

    def __len__(self) -> int:
        return len(self.past.blocks)

    def phase_of(self, place: int, season: str) -> int:
        """The phase of a window that begins at this block."""
        return int(_phase(self.past, self.span, np.array([place], dtype=np.int64), season)[0])

    def counts(self, ref: TableProfile, names: Sequence[str]) -> Counts:
        """The counts of all windows of a reference; labels of one window alone count as new there.

        The reference has seen them all, but a monitor that learnt from the other windows would not have.
        """
        return stacked([self._apart(ref, name) for name in names])

    def _apart(self, ref: TableProfile, name: str) -> Ints:
        counts, profile = self.past.counts[name].copy(), ref.features[name]
        if name not in self.past.stays or not isinstance(profile, CategoricalProfile):
            return counts
        cells = {label: place for place, label in enumerate(self.past.cells[name])}
        first, last = (self.past.stays[name] - self.anchor) // self.span
        windows = np.searchsorted(self.past.blocks, first)
        for place, (label, rows) in enumerate(profile.counts.items()):
            window = int(windows[place])
            if (
                rows
                and first[place] == last[place]
                and window < len(self)
                and self.past.blocks[window] == first[place]
            ):
                cell = cells.get(label, len(cells))
                timed = min(rows, int(counts[window, cell]))
                counts[window, cell] -= timed
                counts[window, -2] += timed
        return counts

    def fitted(self, ref: TableProfile, names: tuple[str, ...]) -> Monitor:
        """What these windows say of those to come; fitted once."""
        if names not in self.monitors:
            self.monitors[names] = Monitor.of(self.counts(ref, names), is_ordered(ref, names), self.phases)
        return self.monitors[names]

    @property
    def places(self) -> Ints:
        """The block in which each window begins."""
        return np.asarray(self.past.blocks * self.span + self.anchor)

    def read(self, reading: Reading) -> _Read | None:
        """The windows that a reading learns from; None while too few have followed its change."""
        learnt = ~np.isin(self.places, list(reading.aside))
        if reading.era is None:
            return _Read(learnt, self.phases)
        since = self.places >= reading.era
        known = int((learnt & since).sum())
        if known < FEWEST:
            return None
        if known >= FEW or not (learnt & ~since).any():
            return _Read(learnt & since, self.phases)
        return _Read(learnt, since.astype(np.int64), era=True)


@dataclass(frozen=True)
class _Read:
    """Which windows are learnt from (W,), and their phases (W,): of a season, or 0 and 1 in a new ``era``."""

    learnt: NDArray[np.bool_]
    phases: Ints | None
    era: bool = False

    def monitor(self, counts: Counts, ordered: NDArray[np.bool_], among: NDArray[np.bool_]) -> Monitor:
        """What the windows that are learnt from, among some, say of those to come."""
        chosen = self.learnt & among
        phases = None if self.phases is None else self.phases[chosen]
        return Monitor.of(counts.of(chosen), ordered, phases, FEWEST if self.era else CYCLES)

    def now(self, phases: Ints | None, windows: int) -> Ints | None:
        """The phases of windows to be judged: in a new era all belong to it."""
        return np.ones(windows, np.int64) if self.era else phases


class History:
    """Learns from the reference's own windows how much quiet ones differ; what goes beyond is surprising.

    Location, spread, shape and tails of numbers, shares of labels, missing and new values are each compared
    with what sampling and the ordinary differences between windows make of them, on a level that persists
    as it did before. With a ``season`` ("day", "week", "year") a window is compared with those of the same
    phase. Falls back on ``asymptotic``, and says so, where there is no history of such windows.
    """

    def __init__(self, season: str | None = None) -> None:
        self.season = season

    def judge(
        self,
        ref: TableProfile,
        cur: TableProfile,
        names: Sequence[str],
        earlier: Sequence[TableProfile] = (),
        reading: Reading | None = None,
    ) -> Judgement:
        """The evidence for each feature, from a history of windows as long as the current one."""
        past, span, anchor, lacking = _usable(ref, cur)
        windows = Windows.of(past, span, anchor, self.season) if past is not None else None
        if windows is None or len(windows) < FEWEST:
            lacking = lacking or f"the reference is not long enough to hold {FEWEST} windows like this one"
            found = Asymptotic().judge(ref, cur, names)
            return Judgement(f"{found.assumes} ({lacking})", found.evidence, instead="asymptotic")
        known = tuple(name for name in names if name in windows.past.counts)
        if not known:
            return Judgement(_assumes(windows, len(windows)))
        if reading is not None:
            return self._in_stream(ref, cur, known, windows, reading)
        monitor = windows.fitted(ref, known)
        tables = [*(table for table in earlier if _comparable(table, known)), cur]
        judged = monitor.judge(_counts(windows, tables, known), _phases_of(windows, tables, self.season))
        moving = slow(judged.z, monitor.effective, monitor.persistence) if len(tables) > 1 else None
        starts = [windows.past.start(t.history.extent[0]) for t in tables if t.history is not None]
        judged = _borne_out(
            judged, lambda: windows.counts(ref, known), is_ordered(ref, known), windows.phases
        )
        return _judgement(
            ref, cur, known, judged, moving, starts, _assumes(windows, len(windows)), len(windows)
        )

    def _in_stream(
        self, ref: TableProfile, cur: TableProfile, names: tuple[str, ...], windows: Windows, reading: Reading
    ) -> Judgement:
        """The evidence beside a stream's past: what is ordinary, and what drifts slowly."""
        read = windows.read(reading)
        if read is None or read.learnt.sum() < FEWEST:
            few = f"fewer than {FEWEST} windows are known since the stream changed"
            return Judgement(
                f"{few}: nothing is called out of the ordinary",
                {name: Evidence({"values": 1.0}) for name in names},
                sure=False,
            )
        counts, ordered = windows.counts(ref, names), is_ordered(ref, names)
        now = _counts(windows, [cur], names)
        phases = read.now(_phases_of(windows, [cur], self.season), 1)
        every = np.ones(len(windows), dtype=np.bool_)
        monitor = read.monitor(counts, ordered, every)
        judged = monitor.judge(now, phases)
        kept = read.learnt & (read.phases == 0) if read.era and read.phases is not None else read.learnt
        seasons = None if read.era or read.phases is None else read.phases[kept]
        judged = _borne_out(judged, lambda: counts.of(kept), ordered, seasons)
        assumes = _assumes(windows, int(read.learnt.sum()))
        moving, starts = None, [windows.past.start(windows.anchor)]
        later = _later(windows, reading)
        before = ~later & (windows.places < windows.places[later].min(initial=windows.anchor))
        if later.any() and (read.learnt & before).sum() >= FEWEST and not read.era:
            base = read.monitor(counts, ordered, before)
            places = np.append(windows.places[later], windows.anchor)
            tables = Counts.joined(counts.of(later), now)
            seasons = None if windows.phases is None else _phase(windows.past, 1, places, self.season or "")
            moving = slow(base.judge(tables, seasons).z, base.effective, base.persistence)
            starts = [windows.past.start(int(place)) for place in places]
        return _judgement(ref, cur, names, judged, moving, starts, assumes, int(read.learnt.sum()))


def _borne_out(
    judged: Judged, counts: Callable[[], Counts], ordered: NDArray[np.bool_], phases: Ints | None
) -> Judged:
    """What was found, small p-values held to what back-tested windows of the history bear out."""
    small = np.flatnonzero(judged.value[-1] <= SMALL)
    if not len(small):
        return judged
    past = counts().features(small)
    if len(past.null) < WINDOWS:
        return judged
    value = judged.value.copy()
    value[-1, small] = tempered(value[-1, small], backtested(past, ordered[small], phases))
    return replace(judged, value=value)


def _later(windows: Windows, reading: Reading) -> NDArray[np.bool_]:
    """The newest windows in which a slow drift may have begun (W,)."""
    if reading.served is None:
        return np.zeros(len(windows), dtype=np.bool_)
    first = max(reading.served, reading.era or reading.served)
    later = windows.places >= first
    return np.asarray(later & (np.arange(len(windows)) >= len(windows) - EARLIER))


def _judgement(
    ref: TableProfile,
    cur: TableProfile,
    names: tuple[str, ...],
    judged: Judged,
    moving: Slow | None,
    starts: Sequence[object],
    assumes: str,
    known: int,
) -> Judgement:
    """What was found, feature by feature, in words."""
    evidence = {n: _evidence(judged, moving, starts, i) for i, n in enumerate(names)}
    evidence = {n: _in_words(e, ref.features[n], cur.features[n]) for n, e in evidence.items()}
    assumes += SLOWLY if moving is not None else ""
    return Judgement(assumes, evidence, sure=known >= FEW)


def stacked(each: Sequence[Ints]) -> Counts:
    """Coarse counts of F features, each (W, K + 2), as one array with bins up to the largest K."""
    most = max(counts.shape[1] - 2 for counts in each)
    bins = np.zeros((len(each[0]), len(each), most), dtype=np.int64)
    for place, counts in enumerate(each):
        bins[:, place, : counts.shape[1] - 2] = counts[:, :-2]
    return Counts(
        bins, np.stack([counts[:, -1] for counts in each], 1), np.stack([counts[:, -2] for counts in each], 1)
    )


def _usable(ref: TableProfile, cur: TableProfile) -> tuple[Past | None, int, int, str]:
    """The reference's history, the length and place of the current window in blocks, or what is lacking."""
    if ref.history is None:
        return None, 0, 0, "the reference has no time column"
    if cur.history is None or not cur.history.rows.sum():
        return None, 0, 0, f"the window has no times in {ref.history.time}"
    by = sorted_by(ref.history)
    if by:
        return (
            None,
            0,
            0,
            f"the rows are sorted by {cut(by)}, so their order is not time: name the time column",
        )
    anchor, span = _in_whole_days(ref.history, *cur.history.extent)
    return ref.history, span, anchor, ""


def _in_whole_days(past: Past, anchor: int, span: int) -> tuple[int, int]:
    """The same stretch in whole days, where it lacks only hours in which the reference never has rows."""
    day = MICROSECONDS["day"] // past.width
    if not past.calendar or MICROSECONDS["day"] % past.width or day == 1:
        return anchor, span
    first, end = anchor // day * day, -(-(anchor + span) // day) * day
    busy = np.unique(past.blocks % day)
    added = np.concatenate([np.arange(first, anchor), np.arange(anchor + span, end)]) % day
    return (anchor, span) if np.isin(added, busy).any() else (first, end - first)


def _comparable(earlier: TableProfile, names: Sequence[str]) -> bool:
    """Whether an earlier window has times and all the features."""
    timed = earlier.history is not None and bool(earlier.history.rows.sum())
    return timed and all(name in earlier.features for name in names)


def is_ordered(ref: TableProfile, names: Sequence[str]) -> NDArray[np.bool_]:
    """Which features are numbers."""
    return np.array([isinstance(ref.features[name], NumericProfile) for name in names], dtype=np.bool_)


def _counts(windows: Windows, tables: Sequence[TableProfile], names: Sequence[str]) -> Counts:
    """The coarse counts of some windows, whatever their times."""
    past = windows.past
    return stacked([np.stack([past.coarse(n, table.features[n]) for table in tables]) for n in names])


def _phases_of(windows: Windows, tables: Sequence[TableProfile], season: str | None) -> Ints | None:
    if windows.phases is None or season is None:
        return None
    places = np.array([t.history.extent[0] for t in tables if t.history is not None], dtype=np.int64)
    return _phase(windows.past, windows.span, places, season)


def _phases(past: Past, span: int, places: Ints, season: str | None) -> tuple[Ints | None, str]:
    """The phase of windows that begin at these blocks, or None and why there is none."""
    if season is None:
        return None, ""
    length, cycle = span * past.width, MICROSECONDS[season]
    if not past.calendar or length >= cycle:
        return None, f"windows are as long as a {season}: no season is taken out"
    if season != "year" and cycle % length:
        return None, f"a {season} is not a whole number of windows: no season is taken out"
    phases = _phase(past, span, places, season)
    if _full_cycles(past, span, places, phases, season) < CYCLES:
        return None, f"the reference holds fewer than {CYCLES} full {season}s: no season is taken out"
    return phases, f"each {season} like the last"


def _full_cycles(past: Past, span: int, places: Ints, phases: Ints, season: str) -> int:
    """In how many different cycles the rarest phase of the season has a window; 0 where one has none."""
    cycle = MICROSECONDS[season]
    possible = PHASES if season == "year" else cycle // (span * past.width)
    seen = {*zip(phases.tolist(), (places * past.width // cycle).tolist(), strict=True)}
    return min(len([one for one, _ in seen if one == phase]) for phase in range(int(possible)))


def _phase(past: Past, span: int, places: Ints, season: str) -> Ints:
    """Which part of the season windows begin in."""
    cycle = MICROSECONDS[season]
    part = cycle // PHASES if season == "year" else span * past.width
    return np.asarray(np.minimum(((places * past.width) % cycle) // part, cycle // part - 1))


def _assumes(windows: Windows, known: int) -> str:
    """What the monitor takes for granted, and how much it has seen."""
    seen = f"future windows vary as {count(known, 'known window')} did"
    few = f"; {FEW} would be firmer" if known < FEW else ""
    notes = (note for note in (windows.past.note, windows.note) if note)
    return "; ".join([seen + few, *notes])


def _evidence(judged: Judged, moving: Slow | None, starts: Sequence[object], feature: int) -> Evidence:
    """What the last window says of one feature."""
    parts = {
        "values": float(judged.value[-1, feature]),
        "missing": float(judged.missing[-1, feature]),
        "unseen": float(judged.unseen[-1, feature]),
    }
    loudest = int(np.argmin(judged.components[-1, feature]))
    told = Evidence(
        parts, COMPONENTS[loudest], _direction(COMPONENTS[loudest], judged.signed[-1, feature, loudest])
    )
    if moving is None:
        return told
    since = starts[int(moving.onset[feature])]
    return Evidence(
        parts,
        told.component,
        told.direction,
        float(moving.evidence[feature]),
        since,  # type: ignore[arg-type]
    )


def _in_words(found: Evidence, ref: AnyProfile, cur: AnyProfile) -> Evidence:
    """The evidence with what moved in a feature of labels, and whether more or fewer values are missing."""
    if found.component == "missing":
        return replace(found, direction="up" if cur.missing * ref.rows > ref.missing * cur.rows else "down")
    if found.component in ("low tail", "high tail") and isinstance(ref, NumericProfile):
        return replace(found, direction="up" if _tail(cur, found, ref) > _tail(ref, found, ref) else "down")
    if isinstance(ref, CategoricalProfile) and found.component != "unseen":
        return replace(found, component="shares", direction="")
    return found


def _tail(profile: AnyProfile, found: Evidence, ref: NumericProfile) -> float:
    """The share of a profile's rows in the half percent at that end of the reference."""
    below = np.cumsum(ref.ordered) / max(int(ref.ordered.sum()), 1)
    inside = below <= TAIL if found.component == "low tail" else below > 1 - TAIL
    counts = profile.ordered if isinstance(profile, NumericProfile) else ref.ordered
    return float(counts[inside].sum() / max(int(counts.sum()), 1))


def _direction(component: str, signed: float) -> str:
    """Where a component went; new labels can only become more."""
    if component == "unseen":
        return "up"
    return "up" if signed > 0 else "down" if signed < 0 else ""


_: type[Calibration] = History

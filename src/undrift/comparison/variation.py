"""What a history of windows promises: natural variation, alarms on quiet windows, and what would be found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from undrift.calibration.history import FEWEST, Windows, is_ordered
from undrift.comparison.limits import Limits
from undrift.errors import ConfigError, TooFewError
from undrift.profiles.blocks import History
from undrift.profiles.table import TableProfile
from undrift.statistics import discoveries
from undrift.statistics.monitor import Counts, Monitor
from undrift.statistics.tempered import FOLDS, parts

POWER = 0.8
"""Share of windows in which a move should be found."""

MOVES = np.geomspace(0.02, 3.0, 26)
"""Moves that are tried, as square roots of PSI: for numbers about standard deviations of the mean."""

FLAT = 1e-3
"""Scores that vary by less are those of a feature with one value."""

DAY = 86_400_000_000

MONTH = 365 * DAY // 12
"""Microseconds of a month, on average."""
"""Microseconds of the window that is looked at when nobody says which."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class FeatureVariation:
    """One feature: how far quiet windows differ, and the least move that would be found.

    ``between`` is the standard deviation between windows beyond what sampling explains, as a square root of
    PSI (for numbers: of the mean, in standard deviations); ``persistence`` the lag-1 correlation of the
    mean. ``least`` is the smallest move found in 80 % of windows, None where none of those tried is.
    ``rows`` of a window would be needed to find the threshold, None where no number of rows would do.
    """

    name: str
    kind: str
    between: float
    persistence: float
    least: float | None
    rows: int | None


@dataclass(frozen=True)
class Variation:
    """What windows of one size promise.

    ``alarms`` of ``judged`` held-out windows raised a false alarm, over all features, at ``alarm_rate``.
    ``rows`` is the median of a window; ``note`` what should be known about the season.
    """

    size: str
    windows: int
    rows: int
    alarm_rate: float
    alarms: int
    judged: int
    threshold: float
    features: tuple[FeatureVariation, ...]
    note: str

    @property
    def backtested(self) -> float:
        """The share of held-out windows that alarmed."""
        return self.alarms / self.judged if self.judged else math.nan


def variation(
    reference: TableProfile,
    size: str | None = None,
    *,
    season: str | None = None,
    alarm_rate: float = 0.01,
    threshold: float = 0.1,
) -> Variation:
    """What windows of a size ("1d", "6h", or a number of rows) promise, from the reference's own history.

    The alarm rate is back-tested: each fifth of the history is judged by what the rest teaches. Power is
    tried on the same windows, moved. ``threshold`` is one of PSI. Raises ConfigError where there is no
    history, TooFewError where it holds too few windows.
    """
    Limits(season=season, alarm_rate=alarm_rate, threshold=threshold)  # refuses what makes no sense
    past = reference.history
    if past is not None and not len(past.blocks):
        raise TooFewError(f"no row of the reference has a time in {past.time}", "Fill the time column.")
    if past is None:
        raise ConfigError(
            "the reference keeps no history of windows",
            "Name its time column: undrift calibrate --time COLUMN.",
        )
    span = _span(past, size)
    windows = Windows.of(past, span, _anchor(past, span), season)
    if len(windows) < FOLDS * FEWEST:
        raise TooFewError(
            f"the history holds {len(windows)} windows of {_shown(past, span, size)}",
            f"A back-test needs {FOLDS * FEWEST}, better 50: a longer reference, or a smaller --window.",
        )
    names = [name for name in reference.features if name in past.counts]
    ordered = is_ordered(reference, names)
    counts = windows.counts(reference, names)
    folds = _folds(counts, ordered, windows.phases)
    p_values = _backtested(folds, counts, windows.phases)
    alarmed = [_alarms(row, names, alarm_rate) for row in p_values]
    level = alarm_rate / len(names)
    least = _least(folds, counts, ordered, windows.phases, level)
    between = _between(counts, ordered, windows.phases)
    rows = int(np.median(windows.past.rows))
    persistence = windows.fitted(reference, tuple(names)).persistence[:, 0]
    features = tuple(
        FeatureVariation(
            name,
            reference.features[name].kind,
            float(between[i]),
            float(persistence[i]),
            least[i],
            _rows_needed(least[i], float(between[i]), rows, threshold),
        )
        for i, name in enumerate(names)
    )
    shown = _shown(past, span, size)
    note = "; ".join(n for n in (past.note, windows.note) if n)
    return Variation(
        shown, len(windows), rows, alarm_rate, sum(alarmed), len(alarmed), threshold, features, note
    )


def _span(past: History, size: str | None) -> int:
    """The length of windows in blocks."""
    if size is None:
        return max(1, DAY // past.width) if past.calendar else max(1, len(past.blocks) // 100)
    if size.isdecimal():
        if int(size) < 1:
            raise ConfigError(f"--window {size}", "A window needs at least one row.")
        return max(1, round(int(size) / max(float(np.median(past.rows)), 1.0)))
    from undrift.windows import CALENDAR, span

    if size in CALENDAR and past.calendar:
        return max(1, CALENDAR[size] * MONTH // past.width)
    length = span(size) // timedelta(microseconds=1)
    if not past.calendar or length % past.width:
        from undrift.words.numbers import step

        raise ConfigError(
            f"windows of {size} are not whole blocks of {step(past.width, calendar=past.calendar)}",
            f"Profile the reference with --window {size}, or choose a multiple.",
        )
    return length // past.width


def _anchor(past: History, span: int) -> int:
    """Windows are cut from the calendar's Monday; those by rows end with the newest row."""
    return 0 if past.calendar else int(past.blocks[-1]) + 1 - span


def _shown(past: History, span: int, size: str | None) -> str:
    from undrift.words.numbers import step

    if size is not None and size.isdecimal():
        return f"about {int(size):,} rows"
    return step(span * past.width, calendar=past.calendar)


def _folds(
    counts: Counts, ordered: NDArray[np.bool_], phases: Ints | None
) -> list[tuple[NDArray[np.bool_], Monitor]]:
    """Each part of a history, and a monitor that learnt from the other parts."""
    return [
        (held, Monitor.of(counts.of(~held), ordered, None if phases is None else phases[~held]))
        for held in parts(len(counts.null))
    ]


def _backtested(
    folds: list[tuple[NDArray[np.bool_], Monitor]], counts: Counts, phases: Ints | None
) -> Floats:
    """p-values (W, F) of every window by the monitor that has not seen its part of the history."""
    found = np.ones(counts.null.shape)
    for held, monitor in folds:
        judged = monitor.judge(counts.of(held), None if phases is None else phases[held])
        found[held] = judged.p_value
    return found


def _alarms(p_values: Floats, names: Sequence[str], rate: float) -> bool:
    """Whether any feature of a window is believed to have moved."""
    given: Mapping[str, float] = dict(zip(names, p_values.tolist(), strict=True))
    limits = discoveries.limits(given, rate)
    return any(p <= limits[name] for name, p in given.items())


def _least(
    folds: list[tuple[NDArray[np.bool_], Monitor]],
    counts: Counts,
    ordered: NDArray[np.bool_],
    phases: Ints | None,
    level: float,
) -> list[float | None]:
    """The smallest move of each feature, as a root of PSI, that is found at this level often enough."""
    moved = (replace(counts, bins=_moved(counts.bins, ordered, move)) for move in MOVES)
    found = np.array([_backtested(folds, one, phases) <= level for one in moved]).mean(axis=1)
    least: list[float | None] = []
    for feature in found.T:
        enough = np.flatnonzero(feature >= POWER)
        least.append(float(MOVES[enough[0]]) if len(enough) else None)
    return least


def _moved(bins: Ints, ordered: NDArray[np.bool_], move: float) -> Ints:
    """The same windows, tilted along the normal scores of numbers, or towards the most frequent label."""
    shares = bins.sum(axis=0) + 1e-9
    shares = shares / shares.sum(axis=1, keepdims=True)
    from scipy.special import ndtri

    middle = np.clip(np.cumsum(shares, axis=1) - shares / 2, 1e-9, 1 - 1e-9)
    most = (np.arange(shares.shape[1]) == shares.argmax(axis=1)[:, None]).astype(float)
    scores = np.where(ordered[:, None], ndtri(middle), most)
    scores = scores - (shares * scores).sum(axis=1, keepdims=True)
    size = np.sqrt((shares * scores**2).sum(axis=1, keepdims=True))
    scores = np.where(size > FLAT, scores / np.maximum(size, FLAT), 0.0)  # a constant cannot be tilted
    tilted = bins * np.exp(move * scores)
    rows = bins.sum(axis=2, keepdims=True)
    scale = rows / np.maximum(tilted.sum(axis=2, keepdims=True), 1e-12)
    return np.asarray(np.rint(tilted * scale), dtype=np.int64)


def _between(counts: Counts, ordered: NDArray[np.bool_], phases: Ints | None) -> Floats:
    """Deviation between windows beyond sampling (F,): of the location of numbers, of shares of labels."""
    location = Monitor.of(counts, ordered, phases).tau[:, 0]
    rows = np.maximum(counts.bins.sum(axis=2), 1)
    shares = counts.bins.sum(axis=0) / np.maximum(counts.bins.sum(axis=(0, 2))[:, None], 1)
    gap = (counts.bins / rows[:, :, None] - shares) ** 2 / np.maximum(shares, 1e-12)
    freedom = np.maximum((shares > 0).sum(axis=1) - 1, 1)
    excess = (gap.sum(axis=2) - freedom / rows).mean(axis=0)
    return np.where(ordered, location, np.sqrt(np.maximum(excess, 0.0)))


def _rows_needed(least: float | None, between: float, rows: int, threshold: float) -> int | None:
    """Rows of a window in which a move of the threshold's size would be found as often.

    The least move found grows as √(1 / rows + between²); that ratio is carried over.
    """
    if least is None or threshold <= 0:
        return None
    each = least / math.sqrt(1 / rows + between**2)
    left = threshold / each**2 - between**2
    return math.ceil(1 / left) if left > 0 else None

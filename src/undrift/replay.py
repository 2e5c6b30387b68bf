"""Plays a recorded stream through a loop as if it were production: rows first, labels later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift.arrow import plain
from undrift.errors import TooFewError
from undrift.loop import Loop
from undrift.records import Score, Service, Window
from undrift.windows import Cut
from undrift.workspace.settled import Report, Settled


@dataclass(frozen=True)
class Recording:
    """A stream in time order, cut into windows: the first ``history`` of them train the first model.

    A last window whose end the stream does not reach is not complete, in production as here: it is
    not played.
    """

    table: pa.Table
    windows: tuple[Window, ...]
    of_row: NDArray[np.int64]
    history: int

    @classmethod
    def of(cls, table: pa.Table, cut: Cut, time: str | None, history: int) -> Recording:
        """Cut a table (already in time order) into windows; raises TooFewError if there are too few."""
        times = None
        if time is not None:
            times = plain(table[time]).cast(pa.int64()).to_numpy()
        of_row = cut.indices(times, 0, table.num_rows, 0, first=True)
        indices, counts = np.unique(of_row, return_counts=True)
        windows = tuple(cut.window(int(i), int(n)) for i, n in zip(indices, counts, strict=True))
        if times is not None or not cut.closed(windows[-1], None):
            windows = windows[:-1]
        if len(windows) <= history:
            raise TooFewError(f"the stream makes {len(windows)} windows", f"It needs more than {history}.")
        return cls(table, windows, of_row, history)

    @property
    def past(self) -> pa.Table:
        """The rows that the first model is trained on."""
        return self.table.filter(pa.array(self.of_row < self.windows[self.history].index))

    @property
    def production(self) -> tuple[Window, ...]:
        """The windows that arrive one by one."""
        return self.windows[self.history :]

    def rows(self, window: Window) -> pa.Table:
        """The rows of one window."""
        return self.table.filter(pa.array(self.of_row == window.index))


def play(
    loop: Loop, recording: Recording, delay: timedelta, windows: int | None = None
) -> Iterator[tuple[Window, Report]]:
    """Deliver window after window, each without labels; labels follow ``delay`` after its end.

    What is decided on labels is reported with the window that comes next. Every delivery has a fixed batch
    id, so a replay that was killed goes on where it stopped. After the last window the outstanding labels
    arrive. ``windows`` stops the production early.
    """
    target, id_ = loop.schema.target or "", loop.schema.id or ""
    waiting: list[Window] = []
    for window in recording.production[:windows]:
        now = window.end
        waiting, decided = _deliver_labels(loop, recording, waiting, now, delay, [id_, target])
        rows = recording.rows(window).drop_columns([target])
        report = loop.step(rows, now=now, batch=f"rows-{window.key}")
        yield window, replace(report, settled=(*decided, *report.settled))
        waiting.append(window)
    outstanding = waiting[-1:]
    _, decided = _deliver_labels(loop, recording, waiting, None, delay, [id_, target])
    if decided:
        yield outstanding[0], Report(None, tuple(decided), loop.watch.result)


def _deliver_labels(
    loop: Loop,
    recording: Recording,
    waiting: list[Window],
    now: datetime | None,
    delay: timedelta,
    columns: list[str],
) -> tuple[list[Window], list[Settled]]:
    """Deliver the labels that are due (all of them when ``now`` is None).

    Returns the windows that wait on, and what was decided on the labels that came.
    """
    left: list[Window] = []
    decided: list[Settled] = []
    for window in waiting:
        due = window.end + delay if window.end else None
        if now is not None and due is not None and due > now:
            left.append(window)
            continue
        labels = recording.rows(window).select(columns)
        decided += loop.label(labels, now=now or due, batch=f"labels-{window.key}").settled
    return left, decided


@dataclass(frozen=True)
class Totals:
    """Mean losses over the same rows, and how often the loop acted."""

    metric: str
    windows: int
    live: float
    first: float


def totals(scores: list[Score], services: list[Service], first: int) -> Totals:
    """The mean score of the live model and of the first one, over all rows that both served."""
    live_in = {s.window: s.live for s in services}
    live = {s.window: s for s in scores if live_in.get(s.window) == s.version}
    base = {s.window: s for s in scores if s.version == first}
    both = sorted(set(live) & set(base))
    return Totals(
        metric=live[both[0]].metric if both else "",
        windows=len(both),
        live=_mean([live[w] for w in both]),
        first=_mean([base[w] for w in both]),
    )


def _mean(scores: list[Score]) -> float:
    rows = sum(s.rows for s in scores)
    return sum(s.value * s.rows for s in scores) / rows if rows else float("nan")

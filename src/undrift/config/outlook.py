"""What the settings of a workspace cannot do with data like its own: said before anybody waits for it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from math import ceil
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

from undrift.gate import lacking
from undrift.lakes import WINDOW
from undrift.loop import Loop
from undrift.profiles.table import of_schema
from undrift.records import Advice, Outcome, Window
from undrift.schema import features
from undrift.stores import keep
from undrift.verdicts import MINIMUM_ROWS
from undrift.words.caveats import dominated, hopeless, of_model
from undrift.words.numbers import number
from undrift.words.phrases import count, listed
from undrift.workspace.archive import Labelled
from undrift.workspace.held_out import WIDEST

NAMED = 3
"""Features that are named, at most."""


def advice(loop: Loop) -> list[str]:
    """What to change so that windows can be judged and challengers can be promoted; sentences, worst first.

    It is computed from the windows of production, or of the history as long as there are none.
    """
    windows = _whole(loop)
    return [*_of_the_gate(loop, windows), *_of_windows(loop, windows), *_of_the_loss(loop)]


def keep_advice(loop: Loop, settings: str) -> None:
    """Put the advice on record for whoever asks for the state; ``settings`` tell it from that on others."""
    newest = loop.store.all(Advice, 1)
    found = Advice(tuple(advice(loop)), settings)
    if newest != [found] and (found.sentences or newest):
        keep(loop.store, f"{loop.store.count(Advice) + 1:04}", found)


def _whole(loop: Loop) -> list[Window]:
    """The windows that show what is to come: without the last, which may go on."""
    served = loop.archive.windows()[:-1]
    if served or loop.cut.by_batch:
        return served
    return loop.archive.windows(history=True)[:-1]


def _of_the_gate(loop: Loop, windows: Sequence[Window]) -> Iterator[str]:
    """Why no challenger could be judged on as many windows as are held out."""
    shares = loop.archive.coverage()
    labelled = [w for w in windows if shares[w.index] >= loop.coverage]
    if loop.trainer is None or len(labelled) < loop.gate.windows:
        return
    widest = WIDEST if loop.schema.classes else 1
    found = _lacking(loop, loop.archive.labelled_in(labelled[-widest * loop.gate.windows :]))
    if found is None:
        return
    data = loop.archive.labelled_in(labelled)
    place = data.rows[WINDOW].to_numpy()

    def enough(windows: int) -> bool:
        return _lacking(loop, data, place >= labelled[-windows].index) is None

    best = bisect_left(range(len(labelled)), True, lo=loop.gate.windows, key=lambda n: enough(n + 1)) + 1
    hint = f"; gate.windows = {ceil(best / widest)} would do" if best <= len(labelled) else ""
    yield f"no challenger can be promoted on windows like these: {found}{hint}"


def _lacking(loop: Loop, data: Labelled, chosen: NDArray[np.bool_] | None = None) -> str | None:
    labels, blocks = data.labels, loop.models.blocks(data)
    if chosen is not None:
        labels, blocks = labels[chosen], blocks[chosen]
    return lacking(labels, blocks, loop.schema.classes)


def _of_windows(loop: Loop, windows: Sequence[Window]) -> Iterator[str]:
    """Why windows of the usual number of rows cannot be judged, by any feature or by some."""
    if not windows:
        return
    usual = median_low(w.rows for w in windows)
    if usual < MINIMUM_ROWS:
        yield (
            f"windows of {count(usual, 'row')} are never judged, {MINIMUM_ROWS} rows are needed: make the "
            "workspace with a longer windows.size"
        )
        return
    noisy = _noisy(loop, next(w for w in reversed(windows) if w.rows == usual))
    if noisy:
        first = listed([*noisy[:NAMED], *(["others"] if len(noisy) > NAMED else [])])
        yield (
            f"in windows of {count(usual, 'row')} chance alone takes {len(noisy)} of "
            f"{count(len(features(loop.schema)), 'feature')} over the limit ({first}), so that only larger "
            "moves are seen: make the workspace with a longer windows.size, or raise drift.threshold"
        )


def _noisy(loop: Loop, window: Window) -> list[str]:
    """Features whose metric is expected to reach its limit in such a window by chance, with the numbers."""
    reference = loop.reference()
    current = of_schema(loop.archive.rows(window.index, window.index), loop.schema, reference)
    found = []
    for column in features(loop.schema):
        before, now = reference.features.get(column.name), current.features.get(column.name)
        if before is None or now is None or column.kind is None:
            continue
        metric, limit = loop.limits.watch(column.name, column.kind)[0]
        noise = metric.noise(before, now)
        if noise > limit > 0:
            found.append(f"{column.name}, {metric.name} {number(noise)} of {number(limit)}")
    return found


def _of_the_loss(loop: Loop) -> Iterator[str]:
    """What skews the loss that decides: of the live model, and of the newest retraining."""
    live = loop.live()
    for said in of_model(live.mean_calibration, live.heaviest, live.metric):
        yield f"v{live.number}: {said}"
    outcomes = [outcome for outcome in loop.store.all(Outcome) if outcome.trials]
    if outcomes:
        yield from dominated(outcomes[-1])
    if said := hopeless(outcomes):
        yield said

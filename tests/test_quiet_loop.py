"""Quiet streams through the whole loop hardly ever alarm, and what only the model sees is found.

A fast subset of `benchmarks/quiet_loop.py`, with the same seeds each time.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from undrift.records import Comparison
from undrift.tasks import OUTPUT
from undrift.testing.quiet import LEARNERS, START, WORLDS, Cell, Tally, alarms, found_changes

QUIET = [
    Cell(WORLDS[1], 30, "linear", classes=True, by_time=False),
    Cell(WORLDS[1], 30, "shallow tree", classes=False, by_time=True),
    Cell(WORLDS[0], 20, "nearly constant", classes=True, by_time=True),
    Cell(WORLDS[0], 20, "forest", classes=False, by_time=False),
    Cell(WORLDS[2], 30, "boosting", classes=True, by_time=True),
    Cell(WORLDS[3], 30, "boosting", classes=False, by_time=True),
    Cell(WORLDS[4], 30, "linear", classes=False, by_time=True),
]


@pytest.mark.parametrize("cell", QUIET, ids=lambda c: f"{c.world.name}, {c.learner}")
def test_a_quiet_stream_alarms_no_more_often_than_was_promised(cell: Cell) -> None:
    tally = Tally()
    for comparison in cell.play(7, 20):
        tally.add(comparison)
    assert tally.windows == 20
    lower = stats.beta.ppf(0.01, tally.alarms["now"], tally.windows - tally.alarms["now"] + 1)
    assert not tally.alarms["now"] or lower <= 0.02, tally
    assert tally.alarms["ground"] == 0


def test_the_output_is_asked_in_every_kind_of_quiet_stream() -> None:
    found = list(QUIET[0].play(7, 8))
    assert [OUTPUT in {f.name for f in c.features} for c in found] == [False] * 3 + [True] * 5
    assert len(LEARNERS) == 5


@pytest.mark.parametrize("learner", ["linear", "boosting"])
@pytest.mark.parametrize("change", ["shift", "correlation"])
def test_what_moves_the_output_is_found_from_the_sixth_window_on(learner: str, change: str) -> None:
    found = [each for seed in range(2) for each in found_changes((learner, change, seed))]
    assert np.mean(found) >= 0.8


def test_a_column_that_comes_alive_is_drift_though_the_model_could_not_use_it() -> None:
    """It was constant in training, so that its importance there was nothing: that says nothing of it now."""
    cell = Cell(WORLDS[0], 20, "boosting", classes=False, by_time=True)
    frame = cell.world.rows(np.random.default_rng(3), 25, 100, classes=False)
    alive = frame["at"] >= START + pd.Timedelta(days=22)
    frame["price"] = np.where(alive, np.random.default_rng(4).normal(size=len(frame)), 0.5)
    loop = cell.loop(frame[:2000])
    for start in range(2000, 2400, 100):
        loop.step(frame[start : start + 100], now=frame["at"].iloc[start + 99].ceil("D"))
    found = [c for c in loop.store.all(Comparison) if c.window is not None]
    assert loop.live().importance["price"] == 0.0
    assert ["price" in alarms(c)["now"] | alarms(c)["ground"] for c in found] == [False, False, True, True]

"""The stream's own past: kept window by window, whoever served, and begun anew only after a change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_loop import make_loop
from undrift import inputs
from undrift.calibration import Reading
from undrift.calibration.history import History
from undrift.lakes import TIME, WINDOW
from undrift.profiles.table import of_schema
from undrift.records import Column, Comparison, Schema, Selection, Window
from undrift.stores.sql import Sql
from undrift.workspace.past import GROWTH, Past, _cut, changes

X = Schema(columns=(Column("x", "double", "numeric"),))


def stream(windows: int, rows: int = 200, seed: int = 0, shifted: int = 10**6) -> dict[int, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {w: rng.normal(rng.normal(0, 0.05) + (w >= shifted), 1.0, rows) for w in range(windows)}


def table(values: dict[int, np.ndarray], windows: list[Window]) -> pa.Table:
    chosen = [values[w.index] for w in windows]
    of = np.concatenate([np.full(len(values[w.index]), w.index) for w in windows])
    return pa.table({"x": np.concatenate(chosen), WINDOW: of})


def windows(count: int) -> list[Window]:
    return [Window(f"{i:04d}", i, 200) for i in range(count)]


def past_of(values: dict[int, np.ndarray], least: int = 4) -> Past:
    return Past(Sql(), "x", X, lambda some: table(values, list(some)), None, least)


@given(st.integers(1, 40), st.integers(1, 20), st.lists(st.integers(1, 40), max_size=3))
def test_grids_are_cut_at_the_least_count_or_later_and_never_long_ago(
    count: int, least: int, cuts: list[int]
) -> None:
    if count < least:
        return
    found = _cut(count, least, cuts)
    assert least <= found <= count or found in cuts
    assert count < np.ceil(found * GROWTH) or count in cuts


def test_windows_kept_one_by_one_are_the_windows_counted_at_once() -> None:
    values = stream(9)
    grown = past_of(values, least=7)
    kept = grown.before(windows(7))
    assert kept is not None
    for place in (7, 8):
        now = grown.before(windows(place))
        assert now is not None
        grown.keep(now, table(values, windows(9)[place : place + 1]), windows(9)[place])
    found = grown.before(windows(9))
    assert found is not None
    assert found.key == kept.key
    whole = of_schema(table(values, windows(9)), X, kept.profile)
    assert found.profile.history == whole.history
    assert found.profile.features["x"].counts.tolist() == whole.features["x"].counts.tolist()


def test_a_past_is_read_again_from_what_is_kept() -> None:
    values = stream(9)
    first = past_of(values)
    before = first.before(windows(9))
    again = Past(first.store, "x", X, lambda _: pytest.fail("the lake was asked again"), None, 4)
    other = again.before(windows(9))
    assert before is not None
    assert other is not None
    assert before.profile.history == other.profile.history


def test_too_few_windows_are_no_past() -> None:
    assert past_of(stream(9)).before(windows(3)) is None


# Changes -------------------------------------------------------------------------------------------


def test_a_drift_that_lasts_and_is_learnt_from_begins_a_new_era() -> None:
    found = changes(range(20), {10, 11, 12}, [(Selection(0, 11), 12)])
    assert (found.era, found.aside, found.cuts) == (10, frozenset(), (13,))


def test_a_single_odd_window_or_one_that_nobody_learnt_from_stands_aside() -> None:
    assert changes(range(20), {10}, [(Selection(0, 15), 16)]).era is None
    held_out = changes(range(20), {10, 11}, [(Selection(0, 9), 12)])
    assert (held_out.era, held_out.aside) == (None, frozenset({10, 11}))


def test_windows_that_drift_again_after_a_change_stand_aside_until_they_are_learnt_from() -> None:
    learnt = [(Selection(0, 6), 7)]
    found = changes(range(20), {5, 6, 12, 13}, learnt)
    assert (found.era, found.aside) == (5, frozenset({12, 13}))
    assert changes(range(20), {5, 6, 12, 13}, [*learnt, (Selection(4, 14), 15)]).era == 12


# What is made of it --------------------------------------------------------------------------------


def judged(values: dict[int, np.ndarray], count: int, reading: Reading) -> tuple[float, bool]:
    """The p-value of the window after ``count`` windows, and whether enough windows are known."""
    past = past_of(values).before(windows(count))
    assert past is not None
    now = of_schema(table(values, [Window("now", count, 200)]), X, past.profile)
    found = History().judge(past.profile, now, ["x"], (), reading)
    return found.evidence["x"].p_value, found.sure


def test_since_a_change_the_level_is_that_of_the_windows_after_it() -> None:
    values = stream(60, shifted=40)
    assert judged(values, 40, Reading())[0] < 1e-4
    assert judged(values, 43, Reading(era=40))[0] > 0.01
    back = values | {43: stream(60)[43]}
    assert judged(back, 43, Reading(era=40))[0] < 1e-4  # the old level is strange now


def test_with_fewer_than_two_windows_since_a_change_nothing_is_out_of_the_ordinary() -> None:
    values = stream(60, shifted=40)
    p_value, sure = judged(values, 41, Reading(era=40))
    assert (p_value, sure) == (1.0, False)


def test_windows_set_aside_do_not_make_a_drift_ordinary() -> None:
    values = stream(60, shifted=40)
    aside = frozenset(range(40, 55))
    assert judged(values, 55, Reading(aside=aside))[0] < 1e-4


def test_a_new_era_holds_its_rate_and_finds_moves_with_two_windows_of_its_own() -> None:
    quiet, moved = [], []
    for seed in range(150):
        values = stream(44, seed=seed, shifted=40)
        quiet.append(judged(values, 42, Reading(era=40))[0])
        moved.append(judged(values | {42: values[42] + 0.5}, 42, Reading(era=40))[0])
    assert np.mean(np.array(quiet) <= 0.05) <= 0.09
    assert np.mean(np.array(moved) <= 0.01) >= 0.8


def test_the_loop_asks_the_streams_past_whatever_the_newest_version_was_trained_on() -> None:
    """A version trained on two recent windows is judged by as many windows as the stream has had."""
    from conftest import moving_stream
    from undrift.plugins import build
    from undrift.replay import Recording, play

    frame = moving_stream(change=99)
    merges = {"recent": build("merging", {"use": "recent", "windows": 2})}
    loop = make_loop(frame, {"use": "schedule", "every": 1}, merges=merges)
    recording = Recording.of(inputs.read(frame), loop.cut, "at", 8)
    loop.start(recording.past)
    for _ in play(loop, recording, loop.label_delay):
        pass
    for place, comparison in enumerate(loop.store.all(Comparison)):
        assert f"as {8 + place - len(_aside(loop, place))} known windows" in comparison.assumes


def _aside(loop: object, place: int) -> list[Comparison]:
    return [c for c in loop.store.all(Comparison)[:place] if c.unusual]  # type: ignore[attr-defined]


def test_time_windows_keep_their_place_in_the_calendar() -> None:
    at = pd.date_range("2024-01-01", periods=14 * 24, freq="h", tz="UTC")
    rows = pa.table({"x": np.arange(len(at)) % 24.0, TIME: pa.array(at).cast(pa.timestamp("us", tz="UTC"))})
    found = of_schema(rows, X, time=TIME, width=86_400_000_000)
    assert found.history is not None
    assert found.history.calendar
    assert len(found.history.blocks) == 14
